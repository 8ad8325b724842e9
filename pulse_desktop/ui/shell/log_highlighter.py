"""Highlighter for the lines of a log."""

import re
from typing import ClassVar, Final

from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.theme.highlighter import ThemeHighlighter

_LEVEL_COLUMNS: Final = 120
"""The level is within the first characters of a line."""
_LEVEL: Final = re.compile(
    r"(?P<bad>\[(?:ERR|FTL)\]|\b(?:ERROR|CRITICAL)\b)"
    r"|(?P<warning>\[WRN\]|\bWARNING\b)"
    r"|(?P<note>^-- )"
)


class LogHighlighter(ThemeHighlighter):
    """Colors lines that are errors or warnings."""

    COLORS: ClassVar = {
        "bad": SemanticColor.BAD,
        "warning": SemanticColor.WARNING,
        "note": SemanticColor.FAINT,
    }

    def highlightBlock(self, text: str) -> None:
        """Color a line."""
        level = _LEVEL.search(text[:_LEVEL_COLUMNS])
        if level is not None:
            self.paint(0, len(text), level.lastgroup or "note")
