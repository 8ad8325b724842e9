"""Converts a message as Telegram Desktop exports it to a chat message.

A text is a string, or a list of strings and entities; a file that was not exported has a sentence
in parentheses instead of its path.
"""

import hashlib
import re
from collections.abc import Iterator
from typing import Any, Final

from pulse_desktop.protocol.timestamps import format_timestamp, parse_timestamp
from pulse_workers.chat.records import Attachment, ChatMessage
from pulse_workers.chat.sources.message_content import describe_content, plain_text

MAX_RECENT: Final = 30
"""Number of earlier messages that a message refers to."""

_LINK: Final = re.compile(r"\b(?:https?://|www\.)[^\s<>()\[\]]+", re.IGNORECASE)
_MENTION: Final = re.compile(r"(?<![\w@])@[A-Za-z][\w]{3,31}")
_CODE_ENTITIES: Final = frozenset({"code", "pre"})
_LINK_ENTITIES: Final = frozenset({"link", "text_link"})
_MENTION_ENTITIES: Final = frozenset({"mention", "mention_name"})
_DIGITS: Final = re.compile("[0-9]+")
_MAX_DIGITS: Final = 20
_MAX_NUMBER: Final = 10**40
_MAX_KEY: Final = 200
_MAX_NAME: Final = 256
"""Characters of a name; a longer one is cut. Telegram's own have 255 at most."""
_MAX_PATH: Final = 4_096
_KEY: Final = re.compile(rf"[A-Za-z0-9_=-]{{1,{_MAX_KEY}}}")
_INVALID_IN_KEY: Final = re.compile(r"[^A-Za-z0-9_=-]")
_PEER_KINDS: Final = {
    "personal_chat": "user",
    "bot_chat": "user",
    "saved_messages": "user",
    "replies": "user",
    "private_group": "group",
}
"""Ids are unique within a kind only. Channels and supergroups, the usual case, have no prefix."""
_NO_ID: Final = "chat"
_WITH_PREFIX: Final = re.compile(f"user|group|{_NO_ID}")
_PEER: Final = re.compile("(user|chat|channel)([0-9]{1,40})")
_PEER_PREFIXES: Final = {"user": "user", "chat": "group", "channel": ""}


def message_number(raw: Any) -> int | str | None:
    """Return the number of a message, None without a usable one."""
    number = raw.get("id") if isinstance(raw, dict) else None
    if isinstance(number, str):
        return number if 0 < len(number) <= _MAX_KEY else None
    if isinstance(number, int) and not isinstance(number, bool) and abs(number) < _MAX_NUMBER:
        return number
    return None


def chat_id(chat: dict[str, Any]) -> str | None:
    """Return the id of a chat, None without a usable one."""
    found = chat.get("id")
    is_usable = isinstance(found, str | int) and not isinstance(found, bool) and found != ""
    return str(found) if is_usable else None


def chat_key(chat: dict[str, Any]) -> str:
    """Return the first part of the ids of a chat's messages.

    Chats with different ids have different keys. A chat without a usable id has the key of its
    type and name, which another chat may have as well.
    """
    prefix = _PEER_KINDS.get(str(chat.get("type")), "")
    if (found := chat_id(chat)) is None:
        name = chat.get("name")
        return f"{prefix}{_NO_ID}-{_digest(str(name))}" if name else prefix + _NO_ID
    return prefix + (_with_digest(found) if _WITH_PREFIX.match(found) else _key(found))


def _key(number: str) -> str:
    """Return a part of a key: the number of a chat or message, if it is valid in a key."""
    return number if _KEY.fullmatch(number) else _with_digest(number)


def _with_digest(number: str) -> str:
    return f"{_INVALID_IN_KEY.sub('_', number[: _MAX_KEY // 2])}-{_digest(number)}"


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=10).hexdigest()


def chat_name(chat: dict[str, Any]) -> str:
    """Return the name of a chat; one without a name is named for its type."""
    if name := chat.get("name"):
        return _name(name)
    match chat.get("type"):
        case "saved_messages":
            return "Saved messages"
        case "personal_chat":
            return "Deleted account"
    return "Unnamed chat"


def _name(value: Any) -> str:
    return str(value or "")[:_MAX_NAME]


def message_id(chat: str, number: Any) -> str:
    """Return the id of a message.

    Args:
        chat: key of its chat.
        number: its number there.
    """
    return f"{chat}.{_key(str(number))}"


def convert_message(
    raw: dict[str, Any],
    chat: str,
    name: str,
    source: str,
    recent: tuple[str, ...],
    thread: str = "",
) -> ChatMessage:
    """Return a chat message.

    Args:
        raw: a message with a usable number.
        chat: key of its chat.
        name: name of its chat.
        source: folder of the export.
        recent: ids of the messages before it, newest first.
        thread: name of its forum topic, empty for none.
    """
    content, entities = _flatten(raw.get("text"), raw.get("text_entities"))
    content = "\n".join(part for part in (content, describe_content(raw)) if part)
    links = [text for kind, text in entities if kind in _LINK_ENTITIES]
    mentions = [text for kind, text in entities if kind in _MENTION_ENTITIES]
    return ChatMessage(
        id=message_id(chat, raw["id"]),
        external_message_id=message_id(chat, raw["id"]),
        content=content,
        author=_name(raw.get("from")),
        author_id=_name(raw.get("from_id")),
        sent_at=_timestamp(raw, "date") or "",
        source_name=_name(name),
        source=source,
        edited_at=_timestamp(raw, "edited"),
        reply_to=_reply_to(raw, chat),
        forwarded_from=_name(raw.get("forwarded_from")),
        links=tuple(dict.fromkeys(links + _LINK.findall(content))),
        mentions=tuple(dict.fromkeys(mentions + _MENTION.findall(content))),
        has_code=any(kind in _CODE_ENTITIES for kind, _ in entities) or "```" in content,
        attachments=tuple(_attachments(raw)),
        media_type=_media_type(raw),
        thread=thread,
        recent=recent,
    )


def _reply_to(raw: dict[str, Any], chat: str) -> str | None:
    """Return the id of the message that a message replies to, perhaps in another chat."""
    number = message_number({"id": raw.get("reply_to_message_id")})
    if number is None:
        return None
    peer = _PEER.fullmatch(str(raw.get("reply_to_peer_id") or ""))
    return message_id(_PEER_PREFIXES[peer[1]] + peer[2] if peer else chat, number)


def _flatten(text: Any, entities: Any) -> tuple[str, list[tuple[str, str]]]:
    """Return the plain text and its entities as (type, text or URL)."""
    parts = (
        text
        if isinstance(text, list)
        else [text if isinstance(text, str | dict) else plain_text(text)]
    )
    found: list[tuple[str, str]] = []
    plain: list[str] = []
    for part in parts:
        if isinstance(part, str):
            plain.append(part)
        elif isinstance(part, dict):
            plain.append(str(part.get("text") or ""))
            found.append(_entity(part))
    if not any(plain) and isinstance(entities, list):
        plain = [str(e.get("text") or "") for e in entities if isinstance(e, dict)]
        found = [_entity(e) for e in entities if isinstance(e, dict)]
    return "".join(plain), [entity for entity in found if entity[0] != "plain"]


def _entity(part: dict[str, Any]) -> tuple[str, str]:
    return str(part.get("type") or ""), str(part.get("href") or part.get("text") or "")


def _media_type(raw: dict[str, Any]) -> str:
    media_type = raw.get("media_type")
    if isinstance(media_type, str):
        return _name(media_type)
    return "photo" if "photo" in raw else ""


def _attachments(raw: dict[str, Any]) -> Iterator[Attachment]:
    for field, size in (("file", "file_size"), ("photo", "photo_file_size")):
        path = raw.get(field)
        if not isinstance(path, str) or not path:
            continue
        not_exported = path.startswith("(") or len(path) > _MAX_PATH
        yield Attachment(
            path="" if not_exported else path,
            name=_name(raw.get("file_name") or ("" if not_exported else path.rpartition("/")[2])),
            mime_type=_name(raw.get("mime_type") or ("image/jpeg" if field == "photo" else "")),
            size=_size(raw.get(size)),
        )


def _size(value: Any) -> int:
    return value if isinstance(value, int) and 0 <= value < 1 << 63 else 0


def _timestamp(raw: dict[str, Any], field: str) -> str | None:
    seconds = raw.get(f"{field}_unixtime")
    if isinstance(seconds, str) and len(seconds) <= _MAX_DIGITS and _DIGITS.fullmatch(seconds):
        seconds = int(seconds)
    timestamp = parse_timestamp(seconds) or parse_timestamp(raw.get(field))
    return None if timestamp is None else format_timestamp(timestamp)
