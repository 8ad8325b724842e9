"""Chat messages and their scores, merged from their events."""

from typing import Any

from pulse_desktop.protocol.event import decode_event
from pulse_desktop.protocol.inbound import InboundMessage
from pulse_desktop.state.chat_messages import ChatMessages
from tests.unit.state.state_builders import (
    NOW,
    event_message,
    new_message,
    raw_message,
    state_of,
)


def scored(at: float = NOW + 1, **data: Any) -> InboundMessage:
    defaults = {"message_id": "c.7", "importance_score": 0.8, "classification": "signal"}
    return event_message("messages", "message.scored", {**defaults, **data}, at)


def test_a_message_and_its_score_become_one_row() -> None:
    state = state_of(new_message(task_id="t1"), scored(factors={"length": 0.5}, task_id="t2"))
    (message,) = state.messages.rows
    assert (message.author, message.content, message.score) == ("Ann", "hi", 0.8)
    assert (message.first_seen, message.scored_at) == (NOW, NOW + 1)
    assert (message.factors, message.task_id) == (b'{"length":0.5}', "t2")
    assert not message.label_mismatch
    assert state.take_changes().of(state.messages) == {0}


def test_a_deleted_message_loses_its_text_and_keeps_its_row() -> None:
    gone = {"id": "c.7", "external_message_id": "7", "source_name": "", "source_id": "c"}
    unknown = {**gone, "id": "c.9", "external_message_id": "9"}
    events = [
        event_message("messages", "message.deleted", each, NOW + 2) for each in (gone, unknown)
    ]
    state = state_of(new_message(), scored(), *events)
    (message,) = state.messages.rows
    assert (message.content, message.placeholder, message.score) == ("", "deleted", 0.8)


def test_a_score_that_arrives_first_is_merged_with_its_message() -> None:
    state = state_of(scored(), new_message(NOW + 2))
    (message,) = state.messages.rows
    assert (message.content, message.score, message.key) == ("hi", 0.8, "7")


def test_messages_with_id_zero_are_merged_by_their_external_id() -> None:
    state = state_of(
        raw_message(
            "messages",
            {"type": "message.new", "data": {"id": 0, "external_message_id": 7, "content": "a"}},
        ),
        raw_message(
            "messages",
            {
                "type": "message.updated",
                "data": {"id": 55, "external_message_id": "7", "author_name": "Ann"},
            },
        ),
        raw_message(
            "noise_filtering",
            {"event": "message_scored", "data": {"message_id": 55, "importance_score": 0.1}},
        ),
    )
    (message,) = state.messages.rows
    assert (message.content, message.author, message.message_id) == ("a", "Ann", "55")
    assert message.score == 0.1


def test_messages_without_an_internal_id_stay_separate() -> None:
    state = state_of(new_message(id=0), new_message(id=0, external_message_id="8"))
    assert [message.key for message in state.messages.rows] == ["7", "8"]


def test_a_label_that_differs_from_the_score_is_a_mismatch() -> None:
    state = state_of(scored(classification="noise"))
    assert state.messages.rows[0].label_mismatch


def test_an_event_about_an_evicted_message_adds_a_new_row() -> None:
    messages = ChatMessages(capacity=2)

    def apply(message: InboundMessage) -> None:
        messages.apply(decode_event("messages", message.payload, NOW))

    apply(scored())  # known by its internal id first, then by the external one
    apply(new_message())
    for number in range(3):
        apply(new_message(id=f"c.{number}", external_message_id=f"x{number}"))
    apply(new_message())
    apply(scored())
    assert messages.rows[messages.rows.stop - 1].score == 0.8
    assert len(messages.rows) == 2
    for number in range(50):  # an internal id that changes every time
        apply(new_message(id=f"d.{number}", external_message_id="7"))
    assert messages.get("d.49") is messages.get("7")
    assert not any(messages.get(f"d.{number}") for number in range(49))
