"""Levels of the lines of a log, and the highlighter that colors them."""

import re
from collections.abc import Iterator
from typing import ClassVar, Final

from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.theme.highlighter import ThemeHighlighter, Token

LEVELS: Final = ("debug", "info", "warning", "error")
"""The levels, the lowest first."""
_LEVEL_COLUMNS: Final = 120
"""The level is within the first characters of a line."""
_LEVEL: Final = re.compile(
    r"(?P<error>\[(?:ERR|FTL)\]|\b(?:ERROR|CRITICAL)\b)"
    r"|(?P<warning>\[WRN\]|\bWARNING\b)"
    r"|(?P<info>\[INF\]|\bINFO\b)"
    r"|(?P<debug>\[(?:DBG|TRC)\]|\bDEBUG\b)"
    r"|(?P<note>^-- )"
)


def level_of(line: str) -> str:
    """Return the level of a line, one of LEVELS, or "" if it has none."""
    found = _LEVEL.search(line[:_LEVEL_COLUMNS])
    level = found.lastgroup or "" if found is not None else ""
    return level if level in LEVELS else ""


class LogHighlighter(ThemeHighlighter):
    """Colors errors and warnings as whole lines, and the level of all other lines."""

    COLORS: ClassVar = {
        "error": SemanticColor.BAD,
        "warning": SemanticColor.WARNING,
        "info": SemanticColor.INFO,
        "debug": SemanticColor.MUTED,
        "note": SemanticColor.FAINT,
    }

    def tokens(self, line: str) -> Iterator[Token]:
        """Find the level of a line, or the line itself if its level matters."""
        level = _LEVEL.search(line[:_LEVEL_COLUMNS])
        if level is not None:
            kind = level.lastgroup or "note"
            yield (*level.span(), kind) if kind == "info" else (0, len(line), kind)
