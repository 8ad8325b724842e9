"""Telegram Desktop exports (`result.json`) of one chat or of a whole account.

A text is a string, or a list of strings and entities; service messages are interspersed; a file
that was not exported has a sentence in parentheses instead of its path.
"""

import asyncio
import dataclasses
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pulse_desktop.protocol.timestamps import format_timestamp, parse_timestamp
from pulse_desktop.regular_file import open_for_reading
from pulse_desktop.resources import resource_path
from pulse_workers.chat.records import Attachment, ChatMessage
from pulse_workers.chat.sources.attachments import SAMPLE
from pulse_workers.chat.sources.damaged_json import decode_json
from pulse_workers.chat.sources.special_messages import describe_content, plain_text
from pulse_workers.errors import ExportUnreadableError

logger = logging.getLogger("pulse.workers.telegram")

MAX_RECENT: Final = 30
"""Number of earlier messages that a message refers to."""
MAX_EXPORT_BYTES: Final = 512 << 20

_LINK: Final = re.compile(r"\b(?:https?://|www\.)[^\s<>()\[\]]+", re.IGNORECASE)
_MENTION: Final = re.compile(r"(?<![\w@])@[A-Za-z][\w]{3,31}")
_CODE_ENTITIES: Final = frozenset({"code", "pre"})
_LINK_ENTITIES: Final = frozenset({"link", "text_link"})
_MENTION_ENTITIES: Final = frozenset({"mention", "mention_name"})
_DIGITS: Final = re.compile("[0-9]+")
_MAX_DIGITS: Final = 20
_INVALID_IN_KEY: Final = re.compile(r"[^A-Za-z0-9_=-]")
_RESULT: Final = "result.json"
_PEER_KINDS: Final = {
    "personal_chat": "user",
    "bot_chat": "user",
    "saved_messages": "user",
    "replies": "user",
    "private_group": "group",
}
"""Ids are unique within a kind only. Channels and supergroups, the usual case, have no prefix."""
_HOW_TO_EXPORT: Final = "Export the chat as machine-readable JSON and give its result.json."


@dataclasses.dataclass(frozen=True)
class Export:
    """The messages of an export.

    Attributes:
        messages: in order, without service messages.
        skipped: messages that cannot be read.
    """

    messages: list[ChatMessage]
    skipped: int = 0


class ExportCache:
    """Reads exports and caches the last one."""

    def __init__(self) -> None:
        self._key: tuple[str, int, int] | None = None
        self._export = Export([])
        self._lock = asyncio.Lock()

    async def read(self, path: str) -> Export:
        """Return an export; an empty path is the bundled sample.

        Raises:
            ExportUnreadableError: the file does not exist, or is not an export.
        """
        file = find_result(Path(path)) if path else resource_path("sample", _RESULT)
        async with self._lock:
            status = file.stat() if file.exists() else None
            key = (str(file), status.st_mtime_ns, status.st_size) if status else None
            if key is None or key != self._key:
                source = "" if path else SAMPLE
                self._export = await asyncio.to_thread(read_export, file, source=source)
                self._key = key
            return self._export


def find_result(path: Path) -> Path:
    """Return the JSON file of an export: the path itself, or the `result.json` of a folder.

    Raises:
        ExportUnreadableError: it is an HTML export, a ZIP archive or a folder without the file.
    """
    if path.is_dir():
        if (path / _RESULT).is_file():
            return path / _RESULT
        if any(path.glob("messages*.html")) or (path / "export_results.html").is_file():
            raise ExportUnreadableError(f"{path.name} is an HTML export. {_HOW_TO_EXPORT}")
        raise ExportUnreadableError(
            f"{path.name} is a folder without result.json. {_HOW_TO_EXPORT}"
        )
    match path.suffix.lower():
        case ".html" | ".htm":
            raise ExportUnreadableError(f"{path.name} is an HTML export. {_HOW_TO_EXPORT}")
        case ".zip" | ".rar" | ".7z" | ".gz":
            raise ExportUnreadableError(
                f"{path.name} is an archive. Unpack it and give the result.json in it."
            )
    return path


def read_export(path: Path, *, source: str = "") -> Export:
    """Return the messages of an export in order, without service messages.

    Args:
        path: path to the `result.json`.
        source: `source` of the messages; the export's folder by default.

    Raises:
        ExportUnreadableError: the file does not exist, or is not an export.
    """
    try:
        body, skipped = decode_json(_read_file(path))
    except OSError as error:
        raise ExportUnreadableError(f"{path}: {error.strerror or error}") from None
    except ValueError as error:
        raise ExportUnreadableError(f"{path.name} is not JSON: {error}") from None
    found: list[ChatMessage] = []
    for chat in _chats(body, path.name):
        messages = _user_messages(chat)
        usable = [raw for raw in messages if _number(raw) is not None]
        skipped += len(messages) - len(usable)
        found.extend(_messages(chat, usable, source or str(path.resolve().parent)))
    if skipped:
        logger.warning("%s: %d messages cannot be read and are skipped", path.name, skipped)
    return Export(found, skipped)


def _read_file(path: Path) -> bytes:
    """Return the content of a regular file: reading of a FIFO or a device would never end."""
    with open_for_reading(path, follow_links=True) as file:
        size = os.fstat(file.fileno()).st_size
        if size <= MAX_EXPORT_BYTES:
            content = file.read(MAX_EXPORT_BYTES + 1)
            size = len(content)
    if size > MAX_EXPORT_BYTES:
        raise ExportUnreadableError(
            f"{path.name}: larger than the limit of {MAX_EXPORT_BYTES >> 20} MiB"
        )
    return content


def _chats(body: Any, name: str) -> Iterator[dict[str, Any]]:
    if isinstance(body, list) and body:
        is_chat = any(isinstance(each, dict) and "messages" in each for each in body)
        body = {"chats": {"list": body}} if is_chat else {"messages": body}
    if isinstance(body, dict) and isinstance(body.get("messages"), list):
        yield body
        return
    fields = body if isinstance(body, dict) else {}
    # Chats that the user has left are exported apart.
    lists = [fields[key].get("list") for key in ("chats", "left_chats") if _is_object(fields, key)]
    lists = [each for each in lists if isinstance(each, list)]
    if not lists:
        raise ExportUnreadableError(
            f"{name} is not a Telegram export: it has neither messages nor chats"
        )
    for chat in (each for one in lists for each in one):
        if isinstance(chat, dict) and isinstance(chat.get("messages"), list):
            yield chat


def _is_object(fields: dict[str, Any], key: str) -> bool:
    return isinstance(fields.get(key), dict)


def _user_messages(chat: dict[str, Any]) -> list[Any]:
    """Return the messages of a chat without service messages; broken ones included."""
    return [
        raw
        for raw in chat["messages"]
        if not isinstance(raw, dict) or raw.get("type", "message") == "message"
    ]


def _number(raw: Any) -> int | str | None:
    """Return the number of a message, None without a usable one."""
    number = raw.get("id") if isinstance(raw, dict) else None
    if isinstance(number, str):
        return number or None
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def _chat_key(chat: dict[str, Any]) -> str:
    key = _INVALID_IN_KEY.sub("_", str(chat.get("id", "chat")))
    return _PEER_KINDS.get(str(chat.get("type")), "") + key


def _chat_name(chat: dict[str, Any]) -> str:
    if name := chat.get("name"):
        return str(name)
    match chat.get("type"):
        case "saved_messages":
            return "Saved messages"
        case "personal_chat":
            return "Deleted account"
    return "Unnamed chat"


def _messages(
    chat: dict[str, Any], messages: list[dict[str, Any]], source: str
) -> Iterator[ChatMessage]:
    chat_key, name = _chat_key(chat), _chat_name(chat)
    recent: list[str] = []
    for raw in messages:
        message = _message(raw, chat_key, name, source, tuple(reversed(recent)))
        yield message
        recent = [*recent, message.id][-MAX_RECENT:]


def _message(
    raw: dict[str, Any], chat: str, name: str, source: str, recent: tuple[str, ...]
) -> ChatMessage:
    content, entities = _flatten(raw.get("text"), raw.get("text_entities"))
    content = "\n".join(part for part in (content, describe_content(raw)) if part)
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
    if isinstance(seconds, str) and len(seconds) <= _MAX_DIGITS and _DIGITS.fullmatch(seconds):
        seconds = int(seconds)
    timestamp = parse_timestamp(seconds) or parse_timestamp(raw.get(field))
    return None if timestamp is None else format_timestamp(timestamp)


def _key(chat: str, number: Any) -> str:
    return f"{chat}.{_INVALID_IN_KEY.sub('_', str(number))}"
