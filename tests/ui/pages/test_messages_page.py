"""Chat messages: their text or what they have instead, and which time is which."""

import pytest

from pulse_desktop.text import formats
from pulse_desktop.ui.pages.messages.page import MessagesPage
from tests.kit.state_builder import NOW
from tests.ui.page_harness import PageHarness
from tests.ui.tables import cell, column_number, open_position, tooltip


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"content": "hello", "attachments": ["a.log"]}, "hello"),
        ({"content": "", "attachments": ["sticker.webp"]}, "[sticker.webp]"),
        ({"content": "", "attachments": ["a.jpg", "b.jpg"]}, "[a.jpg, b.jpg]"),
        ({"content": "", "attachments": [""]}, "[attachment]"),
        ({"content": "", "attachments": [""], "media_type": "voice_message"}, "[voice message]"),
        ({"content": "", "attachments": [7, {}]}, "[7]"),
        ({"content": "", "attachments": []}, "[no text]"),
        ({}, ""),
    ],
)
def test_a_message_without_text_shows_a_placeholder(
    harness: PageHarness, fields: dict[str, object], shown: str
) -> None:
    builder = harness.builder
    builder.event("messages", "message.new", {"id": "m1", "author": "Oksana", **fields})
    scored = {"message_id": "m1", "importance_score": 0.1, "classification": "noise"}
    builder.event("messages", "message.scored", scored)
    page = harness.open(MessagesPage)
    assert cell(page, "text") == shown
    open_position(page, 0)
    assert page.detail.body == (shown or "The text of this message is unknown.")


def test_the_time_of_the_last_event_is_not_the_time_of_sending(harness: PageHarness) -> None:
    sent = NOW - 86_400 * 30
    message = {"id": "m1", "content": "old", "sent_at": sent}
    harness.builder.event("messages", "message.new", message, NOW - 3)
    page = harness.open(MessagesPage)
    titles = [column.title for column in page.table.rows_model.columns]
    assert titles[0] == "Seen"
    assert "Time" not in titles
    text = tooltip(page, "time")
    assert f"Last seen {formats.absolute(NOW - 3)}" in text
    assert f"Sent {formats.absolute(sent)}" in text
    assert cell(page, "sent") == formats.clock(sent, NOW)
    assert not page.table.isColumnHidden(column_number(page.table, "sent"))


def test_messages_that_were_not_judged_are_found(harness: PageHarness) -> None:
    builder = harness.builder
    for number, name in enumerate(("signal", "not_judged", "spam")):
        builder.event("messages", "message.new", {"id": f"m{number}", "content": "hello"})
        scored = {"message_id": f"m{number}", "importance_score": None, "classification": name}
        builder.event("messages", "message.scored", {**scored, "reason": "language unknown"})
    builder.event("messages", "message.new", {"id": "m3", "content": "hello"})
    page = harness.open(MessagesPage)
    rows = page.collection().rows
    assert [page.facet_of(row) for row in rows] == ["signal", "not_judged", "other", "unscored"]
    assert {page.facet_of(row) for row in rows} <= {facet.key for facet in page.facets}
    assert "not judged" in page.search_text(rows[1])
    open_position(page, 1)
    assert page.detail.properties.values["Class"] == "not judged"
    assert page.detail.properties.values["Reason"] == "language unknown"
