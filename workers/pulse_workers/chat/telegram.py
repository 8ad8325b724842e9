"""Telegram Desktop exports (`result.json`) of one chat or of a whole account.

A text is a string, or a list of strings and entities; service messages are interspersed; a file
that was not exported has a sentence in parentheses instead of its path.
"""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from pulse_desktop.protocol.timestamps import format_timestamp, parse_timestamp
from pulse_desktop.resources import resource_path
from pulse_workers.chat.attachments import SAMPLE
from pulse_workers.chat.records import Attachment, ChatMessage
from pulse_workers.errors import ExportUnreadableError

MAX_RECENT: Final = 30
"""Number of earlier messages that a message refers to."""
MAX_EXPORT_BYTES: Final = 512 << 20

_LINK: Final = re.compile(r"\b(?:https?://|www\.)[^\s<>()\[\]]+", re.IGNORECASE)
_MENTION: Final = re.compile(r"(?<![\w@])@[A-Za-z][\w]{3,31}")
_CODE_ENTITIES: Final = frozenset({"code", "pre"})
_LINK_ENTITIES: Final = frozenset({"link", "text_link"})
_MENTION_ENTITIES: Final = frozenset({"mention", "mention_name"})
_INVALID_IN_KEY: Final = re.compile(r"[^A-Za-z0-9_=-]")


class ExportCache:
    """Reads exports and caches the last one."""

    def __init__(self) -> None:
        self._key: tuple[str, int, int] | None = None
        self._messages: list[ChatMessage] = []
        self._lock = asyncio.Lock()

    async def read(self, path: str) -> list[ChatMessage]:
        """Return the messages of an export; an empty path is the bundled sample.

        Raises:
            ExportUnreadableError: the file does not exist, or is not an export.
        """
        file = Path(path) if path else resource_path("sample", "result.json")
        async with self._lock:
            status = file.stat() if file.exists() else None
            key = (str(file), status.st_mtime_ns, status.st_size) if status else None
            if key is None or key != self._key:
                source = "" if path else SAMPLE
                self._messages = await asyncio.to_thread(read_export, file, source=source)
                self._key = key
            return self._messages


def read_export(path: Path, *, source: str = "") -> list[ChatMessage]:
    """Return the messages of an export in order, without service messages.

    Args:
        path: path to the `result.json`.
        source: `source` of the messages; the export's folder by default.

    Raises:
        ExportUnreadableError: the file does not exist, or is not an export.
    """
    try:
        size = path.stat().st_size
        if size > MAX_EXPORT_BYTES:
            raise ExportUnreadableError(
                f"{path.name}: {size >> 20} MiB exceed the limit of 512 MiB"
            )
        body = msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise ExportUnreadableError(f"{path}: {error.strerror or error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ExportUnreadableError(f"{path.name} is not JSON: {error}") from None
    found: list[ChatMessage] = []
    for chat in _chats(body, path.name):
        found.extend(_messages(chat, source or str(path.resolve().parent)))
    return found


def _chats(body: Any, name: str) -> Iterator[dict[str, Any]]:
    if isinstance(body, dict) and isinstance(body.get("messages"), list):
        yield body
        return
    chats = body.get("chats") if isinstance(body, dict) else None
    if not isinstance(chats, dict) or not isinstance(chats.get("list"), list):
        raise ExportUnreadableError(
            f"{name} is not a Telegram export: it has neither messages nor chats"
        )
    for chat in chats["list"]:
        if isinstance(chat, dict) and isinstance(chat.get("messages"), list):
            yield chat


def _messages(chat: dict[str, Any], source: str) -> Iterator[ChatMessage]:
    chat_key = _INVALID_IN_KEY.sub("_", str(chat.get("id", "chat")))
    name = str(chat.get("name") or "Saved messages")
    recent: list[str] = []
    for raw in chat["messages"]:
        if not isinstance(raw, dict) or raw.get("type") != "message" or "id" not in raw:
            continue
        message = _message(raw, chat_key, name, source, tuple(reversed(recent)))
        yield message
        recent = [*recent, message.id][-MAX_RECENT:]


def _message(
    raw: dict[str, Any], chat: str, name: str, source: str, recent: tuple[str, ...]
) -> ChatMessage:
    content, entities = _flatten(raw.get("text"), raw.get("text_entities"))
    links = [text for kind, text in entities if kind in _LINK_ENTITIES]
    links += [link for link in _LINK.findall(content) if link not in links]
    mentions = [text for kind, text in entities if kind in _MENTION_ENTITIES]
    mentions += [name for name in _MENTION.findall(content) if name not in mentions]
    reply = raw.get("reply_to_message_id")
    return ChatMessage(
        id=_key(chat, raw["id"]),
        external_message_id=_key(chat, raw["id"]),
        content=content,
        author=str(raw.get("from") or ""),
        author_id=str(raw.get("from_id") or ""),
        sent_at=_timestamp(raw, "date") or "",
        source_name=name,
        source=source,
        edited_at=_timestamp(raw, "edited"),
        reply_to=None if reply is None else _key(chat, reply),
        forwarded_from=str(raw.get("forwarded_from") or ""),
        links=tuple(links),
        mentions=tuple(mentions),
        has_code=any(kind in _CODE_ENTITIES for kind, _ in entities) or "```" in content,
        attachments=tuple(_attachments(raw)),
        media_type=_media_type(raw),
        recent=recent,
    )


def _flatten(text: Any, entities: Any) -> tuple[str, list[tuple[str, str]]]:
    """Return the plain text and its entities as (type, text or URL)."""
    parts = text if isinstance(text, list) else [text if isinstance(text, str) else ""]
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
    return media_type if isinstance(media_type, str) else "photo" if "photo" in raw else ""


def _attachments(raw: dict[str, Any]) -> Iterator[Attachment]:
    for field, size in (("file", "file_size"), ("photo", "photo_file_size")):
        path = raw.get(field)
        if not isinstance(path, str) or not path:
            continue
        not_exported = path.startswith("(")
        yield Attachment(
            path="" if not_exported else path,
            name=str(raw.get("file_name") or ("" if not_exported else path.rpartition("/")[2])),
            mime_type=str(raw.get("mime_type") or ("image/jpeg" if field == "photo" else "")),
            size=raw[size] if isinstance(raw.get(size), int) else 0,
        )


def _timestamp(raw: dict[str, Any], field: str) -> str | None:
    seconds = raw.get(f"{field}_unixtime")
    if isinstance(seconds, str) and seconds.isdigit():
        seconds = int(seconds)
    timestamp = parse_timestamp(seconds) or parse_timestamp(raw.get(field))
    return None if timestamp is None else format_timestamp(timestamp)


def _key(chat: str, number: Any) -> str:
    return f"{chat}.{_INVALID_IN_KEY.sub('_', str(number))}"
