"""The limits of a period and its chat as arguments give them."""

from datetime import UTC, datetime

import pytest
from pulse_workers.chat.pipeline.analysis import MAX_NAMED_CHATS, ChatFilter, parse_moment
from pulse_workers.errors import InvalidPeriodError

from tests.unit.pulse_workers.chat.providers.chat_messages import chat_message

NOW = datetime(2026, 9, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("", "2026-09-21T12:00:00+00:00"),
        ("-90m", "2026-09-21T10:30:00+00:00"),
        ("-24h", "2026-09-20T12:00:00+00:00"),
        ("-2w", "2026-09-07T12:00:00+00:00"),
        ("2026-09-01", "2026-09-01T00:00:00+00:00"),
        ("2026-09-01T10:00+03:00", "2026-09-01T07:00:00+00:00"),
    ],
)
def test_a_moment(text: str, moment: str) -> None:
    assert parse_moment(text, NOW.timestamp()).isoformat() == moment


@pytest.mark.parametrize("text", ["yesterday", "-24", "24h", "2026-13-01"])
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(InvalidPeriodError, match="neither a time"):
        parse_moment(text, NOW.timestamp())


@pytest.mark.parametrize(
    ("wanted", "accepted", "selected"),
    [
        ("", ["c1.1", "7.1", "8.1"], ""),
        ("Team EN", ["c1.1"], "Team EN"),
        (" team en ", ["c1.1"], "Team EN"),
        ("C1", ["c1.1"], "c1"),
        ("8", ["8.1"], "8"),
        ("ÖL", ["7.1", "8.1"], "Öl"),
    ],
)
def test_a_chat_is_selected_by_name_or_id(wanted: str, accepted: list[str], selected: str) -> None:
    chats = ChatFilter(wanted)
    stored = [
        chat_message("a", id=key, source_name=name)
        for key, name in (("c1.1", "Team EN"), ("7.1", "Öl"), ("8.1", "Öl"))
    ]
    assert [message.id for message in stored if chats.accepts(message)] == accepted
    assert (chats.selected, chats.describe_unknown()) == (selected, None)


def test_an_unknown_chat_is_answered_with_the_known_ones() -> None:
    chats = ChatFilter("nosuch")
    unknown = "no chat has the name or id 'nosuch'"
    assert chats.describe_unknown() == f"{unknown}: no message is stored"
    chats.accepts(chat_message("a", id="1001.1", source_name="Team EN"))
    assert chats.describe_unknown() == f"{unknown}; known are 'Team EN' (1001)"
    for number in range(MAX_NAMED_CHATS):
        chats.accepts(chat_message("a", id=f"{number}.1"))
    assert str(chats.describe_unknown()).endswith(" and 1 more")
