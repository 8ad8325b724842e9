"""Colors for the lines of a log that tell of trouble."""

import re
from typing import Final

from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.theme.highlighter import ThemeHighlighter

_HEAD: Final = 120
"""The level stands within the first characters of a line."""

_LEVEL: Final = re.compile(
    r"(?P<bad>\[(?:ERR|FTL)\]|\b(?:ERROR|CRITICAL)\b)"
    r"|(?P<warning>\[WRN\]|\bWARNING\b)"
    r"|(?P<quiet>^-- )"
)
_COLORS: Final = {
    "bad": SemanticColor.BAD,
    "warning": SemanticColor.WARNING,
    "quiet": SemanticColor.FAINT,
}


class LogHighlighter(ThemeHighlighter):
    """Paints errors and warnings; the level itself stands in the text."""

    COLORS = _COLORS

    def highlightBlock(self, text: str) -> None:
        """Color one line."""
        found = _LEVEL.search(text[:_HEAD])
        if found is not None:
            self.paint(0, len(text), found.lastgroup or "quiet")
