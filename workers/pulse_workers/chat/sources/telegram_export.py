"""Telegram Desktop exports (`result.json`) of one chat or of a whole account, of any size.

An export is read batch by batch, so that neither the file nor its messages are held in memory.
"""

import asyncio
import dataclasses
import logging
import os
import threading
from collections import deque
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, BinaryIO, Final

from pulse_desktop.resources import resource_path
from pulse_workers.chat.records import ChatMessage
from pulse_workers.chat.sources.allowed_folders import AllowedFolders
from pulse_workers.chat.sources.attachments import SAMPLE
from pulse_workers.chat.sources.export_scanner import (
    ChatHeader,
    ExportScanner,
    ScannedItem,
    Unreadable,
)
from pulse_workers.chat.sources.forum_threads import ForumThreads
from pulse_workers.chat.sources.telegram_message import (
    MAX_RECENT,
    chat_id,
    chat_key,
    chat_name,
    convert_message,
    message_number,
)
from pulse_workers.errors import ExportUnreadableError

logger = logging.getLogger("pulse.workers.telegram")

_RESULT: Final = "result.json"
_NOT_STORED: Final = ("service", "unsupported")
"""Types of messages that have no content."""
_MAX_WITHOUT_ID: Final = 1_000
"""Chats without an id in one export; the messages of further ones are skipped."""
_HOW_TO_EXPORT: Final = "Export the chat as machine-readable JSON and give its result.json."


@dataclasses.dataclass(frozen=True)
class MessageBatch:
    """Consecutive messages of one chat.

    Attributes:
        messages: in order, without service messages; empty only in the last batch.
        skipped: messages that cannot be read, or whose chat cannot be told from another one,
            between the batch before and the end of this one.
        bytes_read: bytes of the file read so far.
        size: bytes of the file.
        is_last: whether the export ends here.
        cut_off_at: in the last batch, offset of what cannot be read because the file ends too
            early; None if the export is complete.
    """

    messages: tuple[ChatMessage, ...]
    skipped: int = 0
    bytes_read: int = 0
    size: int = 0
    is_last: bool = False
    cut_off_at: int | None = None


async def read_batches(
    path: str, size: int, folders: AllowedFolders
) -> AsyncGenerator[MessageBatch, None]:
    """Yield the messages of an export in batches; the last one says so.

    A caller that stops early closes the generator (`contextlib.aclosing`).

    Args:
        path: path to the `result.json`, or to its folder; empty for the bundled sample.
        size: maximum number of messages of a batch.
        folders: where exports may be.

    Raises:
        PathNotAllowedError: the path is outside the folders.
        ExportUnreadableError: the file does not exist, cannot be read, or is not an export.
    """
    reader = _BatchReader(path, size, folders)
    try:
        while not reader.is_done:
            batch = await asyncio.to_thread(reader.advance)
            if batch is not None:
                yield batch
    finally:
        reader.close()


class _BatchReader:
    """Collects what a scanner finds into batches, a chunk of the file at a time."""

    def __init__(self, path: str, size: int, folders: AllowedFolders) -> None:
        self.is_done = False
        self._path = Path(path) if path else resource_path("sample", _RESULT)
        self._folders = folders
        self._batch_size = max(1, size)
        self._source = "" if path else SAMPLE
        self._file: BinaryIO | None = None
        self._file_size = 0
        self._lock = threading.Lock()
        self._is_closed = False
        self._chat = self._chat_name = ""
        self._is_ambiguous = False
        self._without_id: set[str] = set()  # keys of chats
        self._threads = ForumThreads()
        self._recent: deque[str] = deque(maxlen=MAX_RECENT)
        self._messages: list[ChatMessage] = []
        self._skipped = 0

    def close(self) -> None:
        """Close the file, at once or when the thread that reads it has finished its chunk."""
        self._is_closed = True
        if self._lock.acquire(blocking=False):
            try:
                self._close_file()
            finally:
                self._lock.release()

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()

    def advance(self) -> MessageBatch | None:
        """Return the next batch; None if one more chunk of the file does not complete it."""
        try:
            with self._lock:
                return None if self._is_closed else self._advance()
        except OSError as error:
            raise ExportUnreadableError(f"{self._path}: {error.strerror or error}") from None
        finally:
            if self._is_closed:
                self._close_file()

    def _advance(self) -> MessageBatch | None:
        if self._file is None:
            self._open()
        for found in self._found:
            batch = None if found is None else self._add(found)
            if found is None or batch is not None or self._is_closed:
                return batch
        return self._end()

    def _open(self) -> None:
        self._path = find_result(self._folders.resolve(self._path))
        self._source = self._source or str(self._folders.resolve(self._path).parent)
        self._file = self._folders.open(self._path)
        self._file_size = os.fstat(self._file.fileno()).st_size
        self._scanner = ExportScanner(self._file)
        self._found = self._scanner.scan()

    def _add(self, found: ScannedItem) -> MessageBatch | None:
        match found:
            case ChatHeader(fields):
                batch = self._batch() if self._messages else None
                self._start_chat(fields)
                return batch
            case dict():
                self._add_message(found)
            case Unreadable():
                self._skipped += 1
        return self._batch() if len(self._messages) == self._batch_size else None

    def _start_chat(self, fields: dict[str, Any]) -> None:
        self._chat, self._chat_name = chat_key(fields), chat_name(fields)
        self._recent.clear()
        self._threads = ForumThreads()
        self._is_ambiguous = False
        if chat_id(fields) is None:
            # Messages of two chats with one key would replace each other.
            is_full = len(self._without_id) >= _MAX_WITHOUT_ID
            self._is_ambiguous = is_full or self._chat in self._without_id
            if not self._is_ambiguous:
                self._without_id.add(self._chat)

    def _add_message(self, raw: dict[str, Any]) -> None:
        kind = raw.get("type", "message")
        if kind in _NOT_STORED:
            self._threads.add_service_message(raw)
            return
        if kind != "message" or self._is_ambiguous or message_number(raw) is None:
            self._skipped += 1
            return
        recent = tuple(reversed(self._recent))
        thread = self._threads.thread_of(raw)
        message = convert_message(raw, self._chat, self._chat_name, self._source, recent, thread)
        self._messages.append(message)
        self._recent.append(message.id)

    def _batch(self, *, is_last: bool = False) -> MessageBatch:
        batch = MessageBatch(
            tuple(self._messages),
            self._skipped,
            self._scanner.bytes_read,
            max(self._file_size, self._scanner.bytes_read),
            is_last,
            self._scanner.cut_off_at if is_last else None,
        )
        self._messages, self._skipped = [], 0
        return batch

    def _end(self) -> MessageBatch:
        self.is_done = True
        if not self._scanner.is_export:
            raise ExportUnreadableError(
                f"{self._path.name} is not a Telegram export: it has neither messages nor chats"
            )
        return self._batch(is_last=True)


@dataclasses.dataclass(frozen=True)
class Export:
    """The messages of an export.

    Attributes:
        messages: in order, without service messages.
        skipped: messages that cannot be read.
        cut_off_at: offset of what cannot be read because the file ends too early, or None.
    """

    messages: list[ChatMessage]
    skipped: int = 0
    cut_off_at: int | None = None


class ExportCache:
    """Reads exports and caches the last one."""

    def __init__(self, folders: AllowedFolders) -> None:
        self._folders = folders
        self._key: tuple[str, int, int] | None = None
        self._export = Export([])
        self._lock = asyncio.Lock()

    async def read(self, path: str) -> Export:
        """Return an export; an empty path is the bundled sample.

        Raises:
            PathNotAllowedError: the path is outside the folders.
            ExportUnreadableError: the file does not exist, or is not an export.
        """
        real = self._folders.resolve(path or resource_path("sample", _RESULT))
        file = find_result(real)
        async with self._lock:
            status = file.stat() if file.exists() else None
            key = (str(file), status.st_mtime_ns, status.st_size) if status else None
            if key is None or key != self._key:
                self._export = await asyncio.to_thread(read_export, path, self._folders)
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


def read_export(path: str, folders: AllowedFolders) -> Export:
    """Return all messages of an export in order, without service messages.

    Args:
        path: path to the `result.json`, or to its folder; empty for the bundled sample.
        folders: where exports may be.

    Raises:
        PathNotAllowedError: the path is outside the folders.
        ExportUnreadableError: the file does not exist, or is not an export.
    """
    messages: list[ChatMessage] = []
    skipped = 0
    reader = _BatchReader(path, MAX_RECENT, folders)
    try:
        while not reader.is_done:
            if batch := reader.advance():
                messages += batch.messages
                skipped += batch.skipped
                cut_off_at = batch.cut_off_at
    finally:
        reader.close()
    if skipped:
        logger.warning("%s: %d messages cannot be read and are skipped", path, skipped)
    return Export(messages, skipped, cut_off_at)
