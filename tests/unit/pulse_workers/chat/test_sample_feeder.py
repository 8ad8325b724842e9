"""Slices of the sample chat that the sample feeder enqueues."""

from pulse_workers.chat.records import ChatMessage
from pulse_workers.chat.sample_feeder import (
    EXTRACTION_SIZE,
    FIRST_SLICE,
    SLICE,
    Position,
    next_slice,
    to_position,
)


def test_the_feeder_sends_every_message_once_per_pass_and_starts_again() -> None:
    export = [ChatMessage(f"1.{n}", f"1.{n}", "", "", "", "", "") for n in range(31)]
    position = Position()
    seen: dict[int, list[str]] = {}
    extractions = 0
    while position.pass_number < 3:
        part, position = next_slice(export, position)
        assert 0 < len(part.messages) <= max(SLICE, FIRST_SLICE)
        assert len(part.to_extract) in (0, EXTRACTION_SIZE)
        extractions += bool(part.to_extract)
        seen.setdefault(part.position.pass_number, []).extend(m.id for m in part.messages)
    everything = [message.id for message in export]
    assert seen[1] == everything
    assert seen[2] == everything
    assert extractions


def test_the_feeder_continues_after_the_export_became_shorter() -> None:
    export = [ChatMessage("1.1", "1.1", "", "", "", "", "")]
    part, after = next_slice(export, Position(pass_number=1, offset=600, slices=200))
    assert [m.id for m in part.messages] == ["1.1"]
    assert after == Position(pass_number=2, offset=1, slices=201)


def test_a_position_that_cannot_be_read_is_the_first_one() -> None:
    assert to_position({"pass_number": 2, "offset": 3, "slices": 4}) == Position(2, 3, 4)
    for stored in (None, "text", [1], {"offset": "x"}):
        assert to_position(stored) == Position()
