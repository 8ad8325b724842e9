"""Converts updates of the Bot API to chat messages and deletions.

A message is first brought into the form in which Telegram Desktop exports it, so that it has the
same text and, in channels and supergroups, the same id, whichever way it comes.
"""

import dataclasses
import hashlib
from collections import deque
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from pulse_workers.chat.records import ChatMessage
from pulse_workers.chat.sources.forum_threads import ForumThreads
from pulse_workers.chat.sources.telegram_message import (
    MAX_RECENT,
    chat_key,
    convert_message,
    message_id,
    message_number,
)

SOURCE: Final = "telegram"
"""`source` of the messages: there is no folder with attachments."""
MESSAGE_KINDS: Final = (
    *("message", "edited_message", "channel_post", "edited_channel_post"),
    *("business_message", "edited_business_message"),
)
DELETION: Final = "deleted_business_messages"
ALLOWED_UPDATES: Final = (*MESSAGE_KINDS, DELETION)

_MAX_CHATS: Final = 1_000
_CHANNEL_OFFSET: Final = 10**12
"""The Bot API gives a channel or supergroup the id -(10^12 + id)."""
_NOT_DOWNLOADED: Final = "(not downloaded)"
_ENTITY_TYPES: Final = {
    "url": "link",
    "text_link": "text_link",
    "mention": "mention",
    "text_mention": "mention_name",
    "code": "code",
    "pre": "pre",
}
_FILES: Final = {
    "animation": "animation",
    "audio": "audio_file",
    "document": "",
    "sticker": "sticker",
    "video": "video_file",
    "video_note": "video_message",
    "voice": "voice_message",
}
"""Field of a file, and the media type that an export gives it. The first one found counts: an
animation is a document, too."""


@dataclasses.dataclass(frozen=True)
class Deletion:
    """Messages that were deleted in the chat."""

    message_ids: tuple[str, ...]


class UpdateConverter:
    """Converts the updates of one bot, and knows the messages before each one.

    What it knows is lost when the process ends: a message then has fewer earlier ones, and a reply
    in a forum may lack the name of its topic.
    """

    def __init__(self, bot: int) -> None:
        """Create a converter.

        Args:
            bot: id of the bot: messages of persons and basic groups have numbers of its own.
        """
        self._bot = bot
        self._chats: dict[str, _Chat] = {}

    def convert(self, update: dict[str, Any]) -> ChatMessage | Deletion | None:
        """Return the message or the deletion that an update tells of; None for any other."""
        found = convert_update(update, self._bot)
        for kind in MESSAGE_KINDS:
            if message := _object(update, kind):
                return self._with_context(_chat_key(message, self._bot), message, found)
        return found

    def _with_context(
        self, key: str, message: dict[str, Any], found: ChatMessage | Deletion | None
    ) -> ChatMessage | Deletion | None:
        chat = self._chats.pop(key, None) or _Chat(ForumThreads(), deque(maxlen=MAX_RECENT))
        self._chats[key] = chat  # the latest one is last
        if len(self._chats) > _MAX_CHATS:
            del self._chats[next(iter(self._chats))]
        thread = chat.threads.thread_of_received(message)
        if not isinstance(found, ChatMessage):
            return found
        before = list(chat.recent)
        if found.id in before:
            del before[before.index(found.id) :]
        elif found.edited_at:
            before = []  # sent before all that are known
        else:
            chat.recent.append(found.id)
        recent = tuple(reversed(before))
        return msgspec.structs.replace(found, thread=thread, recent=recent)


@dataclasses.dataclass(frozen=True)
class _Chat:
    threads: ForumThreads
    recent: deque[str]


def chat_number(update: dict[str, Any]) -> int | None:
    """Return the id of the chat that an update is about, as the Bot API gives it, or None."""
    for kind in ALLOWED_UPDATES:
        number = _object(_object(update, kind), "chat").get("id")
        if isinstance(number, int):
            return number
    return None


def convert_update(update: dict[str, Any], bot: int) -> ChatMessage | Deletion | None:
    """Return the message or the deletion that an update tells of.

    Args:
        update: as the Bot API gives it.
        bot: id of the bot: messages of persons and basic groups have numbers of its own.

    Returns:
        None for an update without either, such as a service message.
    """
    if deletion := _object(update, DELETION):
        chat = _chat_key(deletion, bot)
        numbers = deletion.get("message_ids")
        found = numbers if isinstance(numbers, list) else []
        return Deletion(tuple(message_id(chat, each) for each in found if isinstance(each, int)))
    for kind in MESSAGE_KINDS:
        message = _object(update, kind)
        if message and message_number({"id": message.get("message_id")}) is not None:
            return _convert(message, bot)
    return None


def _convert(message: dict[str, Any], bot: int) -> ChatMessage | None:
    raw = _as_exported(message)
    if not raw["text"] and not raw.keys() & _CONTENT:
        return None
    key = _chat_key(message, bot)
    found = convert_message(raw, key, _name(_object(message, "chat")), SOURCE, ())
    if not found.reply_to:
        return found
    return msgspec.structs.replace(found, reply_to=message_id(key, raw["reply_to_message_id"]))


_CONTENT: Final = frozenset(
    {
        *("file", "photo", "poll", "todo_list", "contact_information", "location_information"),
        *("game_title", "invoice_information", "giveaway_information"),
    }
)


def _as_exported(message: dict[str, Any]) -> dict[str, Any]:
    """Return a message in the form of an export."""
    author = _object(message, "sender_chat") or _object(message, "from")
    is_chat = "sender_chat" in message
    raw: dict[str, Any] = {
        "id": message["message_id"],
        "date_unixtime": message.get("date"),
        "from": _name(author),
        "from_id": _author_id(author, is_chat=is_chat),
        "text": _text(message),
        "forwarded_from": _forwarded_from(message),
    }
    if "edit_date" in message:
        raw["edited_unixtime"] = message["edit_date"]
    reply = _object(message, "reply_to_message")
    if reply:
        raw["reply_to_message_id"] = reply.get("message_id")
    raw.update(_files(message))
    raw.update(_described(message))
    return raw


def _files(message: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for field, media_type in _FILES.items():
        if file := _object(message, field):
            yield "file", _NOT_DOWNLOADED
            for name in ("file_name", "mime_type", "file_size"):
                if name in file:
                    yield name, file[name]
            if media_type:
                yield "media_type", media_type
            if field == "sticker":
                yield "sticker_emoji", file.get("emoji")
            break
    photo = message.get("photo")
    if isinstance(photo, list) and photo:
        yield "photo", _NOT_DOWNLOADED
        largest = photo[-1] if isinstance(photo[-1], dict) else {}
        yield "photo_file_size", largest.get("file_size")


def _described(message: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the fields of content that is described by a text."""
    if poll := _object(message, "poll"):
        options = poll.get("options")
        answers = [
            {"text": each.get("text"), "voters": each.get("voter_count", 0)}
            for each in (options if isinstance(options, list) else [])
            if isinstance(each, dict)
        ]
        yield "poll", {"question": poll.get("question"), "answers": answers}
    if checklist := _object(message, "checklist"):
        yield "todo_list", {"title": checklist.get("title"), "answers": checklist.get("tasks")}
    if contact := _object(message, "contact"):
        yield "contact_information", contact
    venue = _object(message, "venue")
    if location := _object(message, "location") or _object(venue, "location"):
        yield "location_information", location
    if venue:
        yield "place_name", venue.get("title")
        yield "address", venue.get("address")
    if game := _object(message, "game"):
        yield "game_title", game.get("title")
        yield "game_description", game.get("description")
    if invoice := _object(message, "invoice"):
        yield "invoice_information", {**invoice, "amount": invoice.get("total_amount", "")}
    if giveaway := _object(message, "giveaway"):
        yield "giveaway_information", {"quantity": giveaway.get("winner_count", 1)}


def _text(message: dict[str, Any]) -> list[Any]:
    """Return text or caption as a list of strings and entities.

    Offsets count UTF-16 code units. Of entities that overlap only the first one counts.
    """
    name, entities = ("text", "entities") if "text" in message else ("caption", "caption_entities")
    text = message.get(name)
    if not isinstance(text, str) or not text:
        return []
    units = text.encode("utf-16-le", "surrogatepass")
    parts: list[Any] = []
    position = 0
    found = message.get(entities)
    for entity in found if isinstance(found, list) else []:
        span = _span(entity, position, len(units) // 2)
        if span is None:
            continue
        start, end = span
        parts.append(_decode(units, position, start))
        part = {"type": _ENTITY_TYPES[entity["type"]], "text": _decode(units, start, end)}
        if isinstance(entity.get("url"), str):
            part["href"] = entity["url"]
        parts.append(part)
        position = end
    parts.append(_decode(units, position, len(units) // 2))
    return [part for part in parts if part]


def _span(entity: Any, position: int, length: int) -> tuple[int, int] | None:
    """Return start and end of an entity that counts, None for any other."""
    if not isinstance(entity, dict) or entity.get("type") not in _ENTITY_TYPES:
        return None
    start, size = entity.get("offset"), entity.get("length")
    if not isinstance(start, int) or not isinstance(size, int) or size <= 0:
        return None
    return (start, start + size) if position <= start <= length - size else None


def _decode(units: bytes, start: int, end: int) -> str:
    return units[2 * start : 2 * end].decode("utf-16-le", "replace")


def _chat_key(message: dict[str, Any], bot: int) -> str:
    """Return the first part of the ids of a chat's messages.

    Numbers of messages are the same for everybody in channels and supergroups. In other chats they
    are those of one account, here of the bot or of the person that it is connected to.
    """
    chat = _object(message, "chat")
    number = chat.get("id")
    number = number if isinstance(number, int) else 0
    if number <= -_CHANNEL_OFFSET:
        return chat_key({"id": -number - _CHANNEL_OFFSET})
    kind = "group" if number < 0 else "user"
    connection = message.get("business_connection_id")
    if isinstance(connection, str) and connection:
        account = hashlib.blake2b(connection.encode(), digest_size=6).hexdigest()
        return f"business{account}_{kind}{abs(number)}"
    return f"bot{bot}_{kind}{abs(number)}"


def _author_id(author: dict[str, Any], *, is_chat: bool) -> str:
    number = author.get("id")
    if not isinstance(number, int):
        return ""
    if not is_chat:
        return f"user{number}"
    return f"channel{-number - _CHANNEL_OFFSET}" if number < 0 else f"channel{number}"


def _forwarded_from(message: dict[str, Any]) -> str:
    origin = _object(message, "forward_origin")
    chat = _object(origin, "chat") or _object(origin, "sender_chat")
    name = _name(_object(origin, "sender_user") or chat)
    return name or str(origin.get("sender_user_name") or "")


def _name(person_or_chat: dict[str, Any]) -> str:
    names = [person_or_chat.get(each) for each in ("first_name", "last_name")]
    name = " ".join(each for each in names if isinstance(each, str) and each)
    for field in ("title", "username"):
        if not name and isinstance(person_or_chat.get(field), str):
            name = person_or_chat[field]
    return name


def _object(value: dict[str, Any], key: str) -> dict[str, Any]:
    found = value.get(key)
    return found if isinstance(found, dict) else {}
