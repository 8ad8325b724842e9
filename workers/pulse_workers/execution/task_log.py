"""Log lines of a run: the records that a task logs while it runs, published as `task.log` events.

The first lines of an attempt are published as they come; of the rest only the last ones, when the
attempt ends, since these tell why. Both parts are limited in number and size, so that a task that
logs in a loop does not push everything else out of the event stream.
"""

import asyncio
import collections
import contextlib
import contextvars
import logging
import re
import threading
import traceback
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from pulse_desktop.model.redaction import (
    MARGIN,
    redact_secrets,
    redacted_end,
    redacted_start,
)
from pulse_desktop.protocol.timestamps import format_timestamp
from pulse_workers.config.known_secrets import KNOWN_SECRETS, KnownSecrets

MAX_LINES: Final = 100
"""Lines of each of the two parts."""
MAX_BYTES: Final = 16_384
"""UTF-8 bytes of the texts of each part."""
MAX_TEXT: Final = 2_000
"""Characters of one line, its traceback included; the middle of a longer one is left out."""
PUBLISH_DELAY_S: Final = 0.2
_MARGIN: Final = 200
_HALF: Final = MAX_TEXT // 2
_PART: Final = _HALF + MARGIN
"""Characters that are redacted for each half: a secret that is cut in two is not recognized."""
_WORD: Final = re.compile(r"^\S*")
"""What a text begins with that was cut there: it may be the end of a secret."""
_OVERHEAD: Final = 100
"""Bytes of a line beside its text."""
_LIBRARY_LOGGERS: Final = ("taskiq", "taskiq_nats", "nats")
"""They tell about the run from outside, which events do too."""

Publish = Callable[[dict[str, Any]], None]


class CapturedLine(NamedTuple):
    """A line as it was logged: most are dropped, so that none is prepared before it is published.

    Attributes:
        created: Unix seconds.
        level: such as INFO.
        logger: name of the logger.
        text: message and traceback; of a long one the beginning and the end, joined, where the
            known secrets are masked already: part of one would not be recognized.
        length: characters of the whole text.
    """

    created: float
    level: str
    logger: str
    text: str
    length: int

    @property
    def size(self) -> int:
        """Bytes of the line, about."""
        text = self.text if len(self.text) <= MAX_TEXT else self.text[:MAX_TEXT]
        return (len(text) if text.isascii() else len(text.encode(errors="replace"))) + _OVERHEAD


Render = Callable[[CapturedLine], dict[str, str]]


class TaskLog:
    """The log lines of one attempt. Lines are added in any thread."""

    def __init__(self, publish: Publish, render: Render, loop: asyncio.AbstractEventLoop) -> None:
        """Start without lines.

        Args:
            publish: publishes the fields `first`, `lines` and `skipped` of a `task.log` event;
                called in the event loop.
            render: prepares a line for publishing, without secrets.
            loop: the event loop of the worker.
        """
        self._publish = publish
        self._render = render
        self._loop = loop
        self._lock = threading.Lock()
        self._count = 0
        self._head: list[CapturedLine] = []
        self._head_lines = self._head_bytes = 0
        self._head_is_full = False
        self._tail: collections.deque[CapturedLine] = collections.deque()
        self._tail_bytes = 0
        self._is_scheduled = False
        self._is_closed = False

    def add(self, line: CapturedLine) -> None:
        """Add a line; without effect once the attempt has ended."""
        size = line.size
        with self._lock:
            if self._is_closed:
                return
            self._count += 1
            self._head_is_full = self._head_is_full or (
                self._head_lines >= MAX_LINES or self._head_bytes + size > MAX_BYTES
            )
            if self._head_is_full:
                self._add_to_tail(line, size)
                return
            self._head.append(line)
            self._head_lines += 1
            self._head_bytes += size
            if self._is_scheduled:
                return
            self._is_scheduled = True
        with contextlib.suppress(RuntimeError):  # the loop is closed: the worker has stopped
            # In an empty context: what publishing itself logs is no line of the run.
            self._loop.call_soon_threadsafe(self._schedule, context=contextvars.Context())

    def close(self) -> None:
        """Publish what is left. In the event loop, before the event of the end."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            tail = list(self._tail)
            self._tail.clear()
        self._publish_head()
        if tail:
            first = self._count - len(tail) + 1
            self._publish_lines(first, tail, skipped=first - self._head_lines - 1)

    def _add_to_tail(self, line: CapturedLine, size: int) -> None:
        self._tail.append(line)
        self._tail_bytes += size
        while len(self._tail) > MAX_LINES or self._tail_bytes > MAX_BYTES:
            self._tail_bytes -= self._tail.popleft().size

    def _schedule(self) -> None:
        self._loop.call_later(PUBLISH_DELAY_S, self._publish_head)

    def _publish_head(self) -> None:
        with self._lock:
            lines, self._head = self._head, []
            first = self._head_lines - len(lines) + 1
            self._is_scheduled = False
        if lines:
            self._publish_lines(first, lines, skipped=0)

    def _publish_lines(self, first: int, lines: list[CapturedLine], *, skipped: int) -> None:
        rendered = [self._render(line) for line in lines]
        self._publish({"first": first, "lines": rendered, "skipped": skipped})


class TaskLogHandler(logging.Handler):
    """Adds the records of tasks to the logs of their runs.

    Whatever a task logs is found by the context it runs in, also from its threads and from the
    asyncio tasks that it creates.
    """

    def __init__(
        self, current: Callable[[], TaskLog | None], secrets: KnownSecrets = KNOWN_SECRETS
    ) -> None:
        """Create a handler; `install` attaches it.

        Args:
            current: returns the log of the run that the caller belongs to, None outside of one.
            secrets: to mask.
        """
        super().__init__()
        self._current = current
        self._secrets = secrets

    def install(self) -> None:
        """Attach the handler to the root logger, once; also after logging was configured anew."""
        root = logging.getLogger()
        if self not in root.handlers:
            root.addHandler(self)

    def uninstall(self) -> None:
        """Detach the handler."""
        logging.getLogger().removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Add a record to the log of the current run. Never raises."""
        log = self._current()
        if log is None or record.name.partition(".")[0] in _LIBRARY_LOGGERS:
            return
        with contextlib.suppress(Exception):  # the record's own objects decide what is raised
            log.add(self._capture(record))

    def _capture(self, record: logging.LogRecord) -> CapturedLine:
        text = record.getMessage()
        if record.exc_info and record.exc_info[0] is not None:
            trace = "".join(traceback.format_exception(*record.exc_info)).rstrip()
            text = f"{text}\n{trace}"
        if record.stack_info:
            text = f"{text}\n{record.stack_info}"
        if len(text) > MAX_TEXT:
            text = self._secrets.mask(text)
        length = len(text)
        if length > 2 * _PART:
            text = text[:_PART] + text[-_PART:]
        return CapturedLine(record.created, record.levelname, record.name, text, length)

    def render(self, line: CapturedLine) -> dict[str, str]:
        """Return a line of a `task.log` event, of limited length and with secrets masked."""
        return {
            "timestamp": format_timestamp(line.created),
            "level": line.level[:_MARGIN],
            "logger": line.logger[:_MARGIN],
            "text": self._redacted(line.text, line.length),
        }

    def _redacted(self, text: str, length: int) -> str:
        if length <= MAX_TEXT:
            return redact_secrets(text, self._secrets.forms)

        def redact(part: str) -> str:
            return redact_secrets(part, self._secrets.forms)

        start = redacted_start(text, _HALF, redact)
        end = redacted_end(_WORD.sub("", text[-_PART:], count=1), _HALF, redact)
        return f"{start}\n… {length - 2 * _HALF} characters omitted …\n{end}"
