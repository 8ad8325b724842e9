"""Formatter of all logs: bounded, printable lines without credentials.

Texts of messages, commands and servers reach the log through many callers. Here, once for all of
them, a record is cut, its control characters are escaped, so that no text can forge a line or
send escape codes to a terminal, and credentials are masked.
"""

import logging
import re
from collections.abc import Callable
from typing import Final

from pulse_desktop.model.redaction import MARGIN, redact, redacted_ends, redacted_start

MAX_MESSAGE: Final = 2_000
MAX_TRACEBACK: Final = 32_000
_INDENT: Final = "  "
_LINE_BREAK: Final = re.compile(r"\r\n|\n")


class LogFormatter(logging.Formatter):
    """Formats a record as one line, followed by the indented lines of its traceback."""

    def __init__(self, format_: str, mask: Callable[[str], str] = str) -> None:
        """Create a formatter.

        Args:
            format_: as in `logging.Formatter`.
            mask: replaces what a program knows as secret, before a text is cut.
        """
        super().__init__(format_)
        self._mask = mask

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of a record."""
        try:
            text = record.getMessage()
        except Exception:  # noqa: BLE001 - the arguments' own code decides what is raised
            text = str(record.msg)
        record.message = _escape(_cut(self._mask(text), MAX_MESSAGE))
        if self.usesTime():
            record.asctime = self.formatTime(record, self.datefmt)
        parts = [self.formatMessage(record)]
        if record.exc_info:
            parts.append(self._block(self.formatException(record.exc_info)))
        elif record.exc_text:
            parts.append(self._block(record.exc_text))
        if record.stack_info:
            parts.append(self._block(self.formatStack(record.stack_info)))
        return "\n".join(parts)

    def _block(self, text: str) -> str:
        """Return a traceback, indented: a line of it never looks like a record."""
        lines = _LINE_BREAK.split(redacted_ends(self._mask(text), MAX_TRACEBACK))
        return "\n".join(f"{_INDENT}{_escape(line)}" for line in lines)


def loggable(text: str, limit: int) -> str:
    """Return a text as one printable line, cut after a number of characters, without logins."""
    return _escape(_cut(text, limit)).replace("\t", "\\t")


def _cut(text: str, limit: int) -> str:
    """Return the beginning of a text with credentials masked."""
    if len(text) <= limit + MARGIN and len(masked := redact(text)) <= limit:
        return masked
    return f"{redacted_start(text, limit)} … {len(text)} characters"


def _escape(text: str) -> str:
    """Return a text with all characters escaped that are not printable."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() or character == "\t" else ascii(character)[1:-1]
        for character in text
    )
