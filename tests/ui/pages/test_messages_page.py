"""Messages: what was said, or what came in its place, and which of its times is which."""

import pytest

from pulse_desktop.text import formats
from pulse_desktop.ui.pages.messages.page import MessagesPage
from tests.ui.state_builder import NOW


def cell(page, key, role=0):
    model = page.table.rows_model
    number = next(i for i, each in enumerate(model.columns) if each.key == key)
    return model.index(0, number).data(role)


@pytest.mark.parametrize(
    ("told", "shown"),
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
def test_a_message_without_a_text_says_what_came_instead(open_page, here, told, shown) -> None:
    here.told.event("messages", "message.new", {"id": "m1", "author": "Oksana", **told})
    scored = {"message_id": "m1", "importance_score": 0.1, "classification": "noise"}
    here.told.event("messages", "message.scored", scored)
    page = open_page(MessagesPage)
    assert cell(page, "text") == shown
    page.table.select_position(0)
    page.open_detail(page.table.current_row())
    assert page.detail.body == (shown or "The text of this message is unknown.")


def test_when_it_was_heard_of_is_not_taken_for_when_it_was_sent(open_page, here) -> None:
    sent = NOW - 86_400 * 30
    here.told.event(
        "messages", "message.new", {"id": "m1", "content": "old", "sent_at": sent}, at=NOW - 3
    )
    page = open_page(MessagesPage)
    titles = [column.title for column in page.table.rows_model.columns]
    assert titles[0] == "Last seen"
    assert "Time" not in titles
    story = cell(page, "time", 3)
    assert f"Last seen {formats.absolute(NOW - 3)}" in story
    assert f"Sent {formats.absolute(sent)}" in story
    assert cell(page, "sent") == formats.clock(sent, NOW)
    assert not page.table.isColumnHidden(titles.index("Sent"))
