"""Updates of the Bot API as chat messages."""

from typing import Any

import pytest
from pulse_workers.chat.records import ChatMessage
from pulse_workers.chat.sources.telegram_bot.updates import (
    Deletion,
    UpdateConverter,
    convert_update,
)
from pulse_workers.chat.sources.telegram_message import convert_message

from tests.kit.telegram_bot_server import text_message

BOT = 42


def convert(message: dict[str, Any], kind: str = "message") -> ChatMessage:
    found = convert_update({"update_id": 1, kind: message}, BOT)
    assert isinstance(found, ChatMessage)
    return found


def test_a_message_of_a_supergroup_is_the_same_as_in_an_export() -> None:
    received = convert(
        text_message(
            5,
            "run make, see https://example.org/a",
            entities=[
                {"type": "bold", "offset": 0, "length": 8},
                {"type": "code", "offset": 4, "length": 4},
                {"type": "url", "offset": 14, "length": 21},
            ],
            reply_to_message=text_message(3, "before"),
        )
    )
    exported = {
        "id": 5,
        "type": "message",
        "date_unixtime": "1790000005",
        "from": "Olena Hrytsenko",
        "from_id": "user7",
        "reply_to_message_id": 3,
        "text": [
            "run ",
            {"type": "code", "text": "make"},
            ", see ",
            {"type": "link", "text": "https://example.org/a"},
        ],
    }
    assert received == convert_message(exported, "4200001", "Payments team", "telegram", ())
    assert (received.id, received.reply_to, received.has_code) == ("4200001.5", "4200001.3", True)


def test_offsets_of_entities_count_utf_16_units() -> None:
    link = {"type": "text_link", "offset": 3, "length": 4, "url": "https://example.org/b"}
    found = convert(text_message(1, "🔥 here", entities=[link]))
    assert (found.content, found.links) == ("🔥 here", ("https://example.org/b",))


@pytest.mark.parametrize(
    ("kind", "chat", "more", "expected"),
    [
        ("message", {"id": 7, "type": "private"}, {}, "bot42_user7.1"),
        ("message", {"id": -9, "type": "group"}, {}, "bot42_group9.1"),
        ("channel_post", {"id": -1_000_000_000_055, "type": "channel"}, {}, "55.1"),
        (
            "business_message",
            {"id": 7, "type": "private"},
            {"business_connection_id": "Xy"},
            "business8e3ed2f1e9a6_user7.1",
        ),
    ],
)
def test_numbers_of_one_account_do_not_meet_those_of_another(
    kind: str, chat: dict[str, Any], more: dict[str, Any], expected: str
) -> None:
    assert convert(text_message(1, "x", **{"chat": chat, **more}), kind).id == expected


def test_an_edit_has_the_id_of_the_message_and_its_time() -> None:
    edited = convert(text_message(5, "new", edit_date=1_790_000_100), "edited_message")
    assert (edited.id, edited.content) == ("4200001.5", "new")
    assert edited.edited_at == "2026-09-21T14:15:00.000000+00:00"


@pytest.mark.parametrize(
    ("more", "content", "media_type", "file"),
    [
        ({"photo": [{"file_size": 1}, {"file_size": 9}], "caption": "c"}, "c", "photo", ""),
        (
            {"document": {"file_name": "a.log", "mime_type": "text/plain", "file_size": 5}},
            "",
            "",
            "a.log",
        ),
        ({"voice": {"mime_type": "audio/ogg"}}, "", "voice_message", ""),
        ({"sticker": {"emoji": "🔥"}}, "🔥", "sticker", ""),
        (
            {
                "poll": {
                    "question": "Ship?",
                    "options": [{"text": "yes", "voter_count": 3}, {"text": "no"}],
                }
            },
            "Poll: Ship?, yes (3); no (0)",
            "",
            None,
        ),
        ({"contact": {"first_name": "Bo"}}, "Contact: Bo", "", None),
        (
            {"venue": {"title": "Office", "location": {"latitude": 1, "longitude": 2}}},
            "Place: Office, 1, 2",
            "",
            None,
        ),
        ({"checklist": {"title": "T", "tasks": [{"text": "tag"}]}}, "To-do list: T, tag", "", None),
        ({"game": {"title": "Chess", "description": "d"}}, "Game: Chess, d", "", None),
    ],
)
def test_a_message_without_text_says_what_it_contains(
    more: dict[str, Any], content: str, media_type: str, file: str | None
) -> None:
    message = {key: value for key, value in text_message(1, "").items() if key != "text"}
    found = convert({**message, **more})
    assert (found.content, found.media_type) == (content, media_type)
    assert [each.name for each in found.attachments] == ([] if file is None else [file])
    assert all(not each.path for each in found.attachments)


def test_authors_and_forwards_are_named() -> None:
    post = text_message(
        1, "x", sender_chat={"id": -1_000_000_000_055, "title": "News"}, forward_origin={}
    )
    assert (convert(post).author, convert(post).author_id) == ("News", "channel55")
    for origin, name in (
        ({"type": "user", "sender_user": {"first_name": "Ann"}}, "Ann"),
        ({"type": "hidden_user", "sender_user_name": "Bo"}, "Bo"),
        ({"type": "channel", "chat": {"title": "News"}}, "News"),
    ):
        assert convert(text_message(1, "x", forward_origin=origin)).forwarded_from == name


def test_a_message_knows_its_topic_and_the_messages_before_it() -> None:
    converter = UpdateConverter(BOT)

    topic = {"message_thread_id": 10, "is_topic_message": True}

    def receive(number: int, kind: str = "message", **more: Any) -> ChatMessage | Deletion | None:
        message = {**text_message(number, "x"), **topic, **more}
        return converter.convert({"update_id": 1, kind: message})

    assert receive(11, reply_to_message={"forum_topic_created": {"name": "Incidents"}})
    second = receive(12, reply_to_message=text_message(11, "x"))
    assert receive(13, text="", forum_topic_edited={"name": "Outages"}) is None
    third = receive(14)
    edited = receive(12, "edited_message", edit_date=1_790_000_100)
    old = receive(3, "edited_message", edit_date=1_790_000_100)
    assert isinstance(old, ChatMessage)
    assert isinstance(second, ChatMessage)
    assert isinstance(third, ChatMessage)
    assert isinstance(edited, ChatMessage)
    assert (second.thread, second.recent) == ("Incidents", ("4200001.11",))
    assert (third.thread, third.recent) == ("Outages", ("4200001.12", "4200001.11"))
    assert (edited.recent, old.recent) == (("4200001.11",), ())


def test_a_deletion_names_the_messages() -> None:
    deleted = {
        "business_connection_id": "Xy",
        "chat": {"id": 7, "type": "private"},
        "message_ids": [1, "x", 2],
    }
    found = convert_update({"update_id": 1, "deleted_business_messages": deleted}, BOT)
    assert found == Deletion(("business8e3ed2f1e9a6_user7.1", "business8e3ed2f1e9a6_user7.2"))


@pytest.mark.parametrize(
    "update",
    [
        {},
        {"poll": {"id": "1"}},
        {"message": 5},
        {"message": {}},
        {"message": {**text_message(1, ""), "new_chat_members": []}},
        {"message": {"message_id": True, "text": "x"}},
        {"message": {"message_id": 10**60, "text": "x"}},
    ],
)
def test_what_is_no_message_is_none(update: dict[str, Any]) -> None:
    assert convert_update(update, BOT) is None


@pytest.mark.parametrize(
    "field",
    [
        *("from", "chat", "date", "edit_date", "text", "entities", "reply_to_message", "photo"),
        *("document", "poll", "sender_chat", "forward_origin", "business_connection_id"),
    ],
)
def test_a_field_of_another_type_does_not_stop_the_rest(field: str) -> None:
    values: list[Any] = [None, 5, "x", [], [5], {}, {"id": "x"}, 10**30, True]
    for value in values:
        message = {**text_message(1, "x"), "photo": [{"file_size": 1}], field: value}
        assert isinstance(convert_update({"update_id": 1, "message": message}, BOT), ChatMessage)
