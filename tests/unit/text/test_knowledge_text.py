"""Texts about knowledge and chat messages."""

import pytest

from pulse_desktop.state.chat_messages import DELETED, MessageRow
from pulse_desktop.state.knowledge import ExtractionCounts, KnowledgeItem
from pulse_desktop.state.message_events import ATTACHMENT, NO_TEXT
from pulse_desktop.text.knowledge_text import (
    extraction_summary,
    knowledge_kind,
    knowledge_title,
    knowledge_type,
    message_text,
)


def item(
    kind: str,
    title: str = "",
    type_: str = "",
    version: int | None = None,
    counts: ExtractionCounts | None = None,
) -> KnowledgeItem:
    return KnowledgeItem(0.0, kind, title, type_, None, "", "", b"{}", version, counts)


def test_an_extraction_is_titled_by_its_error_or_by_what_it_found() -> None:
    counts = ExtractionCounts(12, topics=1, atoms=3)
    found = item("extraction", type_="completed", counts=counts)
    assert knowledge_title(found) == "12 messages, 1 new topic, 3 new atoms"
    assert knowledge_title(item("extraction", "timed out", "failed", counts=counts)) == "timed out"


def test_every_count_of_an_extraction_is_shown_and_zeros_are_not() -> None:
    assert extraction_summary(ExtractionCounts(0)) == "0 messages"
    assert extraction_summary(ExtractionCounts(None)) == ""
    counts = ExtractionCounts(1_200, 2, 1, 1, 1)
    expected = "1,200 messages, 2 new topics, 1 new atom, 1 link, 1 topic changed"
    assert extraction_summary(counts) == expected


def test_kinds_and_types_of_a_senders_own_are_shown_as_they_are() -> None:
    assert knowledge_kind(item("auto_approval_completed")) == "auto approval completed"
    assert knowledge_type(item("atom", type_="blocker")) == "blocker"
    assert knowledge_type(item("atom", type_="hunch")) == "hunch"
    assert knowledge_type(item("version", version=3)) == "version 3"


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (MessageRow("1", content="hi"), "hi"),
        (MessageRow("1", placeholder="voice message"), "[voice message]"),
        (MessageRow("1", placeholder=ATTACHMENT), "[attachment]"),
        (MessageRow("1", placeholder=NO_TEXT), "[no text]"),
        (MessageRow("1", placeholder=DELETED), "[deleted]"),
        (MessageRow("1"), ""),
    ],
)
def test_a_message_without_text_shows_a_placeholder(message: MessageRow, text: str) -> None:
    assert message_text(message) == text
