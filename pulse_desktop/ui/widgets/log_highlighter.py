"""Colours for the lines of a log that tell of trouble."""

import re
from typing import Final

from PySide6.QtGui import QSyntaxHighlighter, QTextCharFormat, QTextDocument

from pulse_desktop.ui.theme import theme
from pulse_desktop.ui.tone import Tone

_HEAD: Final = 120
"""The level stands within the first characters of a line."""

_LEVEL: Final = re.compile(
    r"(?P<bad>\[(?:ERR|FTL)\]|\b(?:ERROR|CRITICAL)\b)"
    r"|(?P<warning>\[WRN\]|\bWARNING\b)"
    r"|(?P<quiet>^-- )"
)
_TONES: Final = {"bad": Tone.BAD, "warning": Tone.WARNING, "quiet": Tone.FAINT}


class LogHighlighter(QSyntaxHighlighter):
    """Paints errors and warnings; the level itself stands in the text."""

    def __init__(self, document: QTextDocument) -> None:
        super().__init__(document)
        self._formats: dict[str, QTextCharFormat] = {}
        self._take_colours()

    def follow_theme(self) -> None:
        """Take the colours of another theme."""
        self._take_colours()
        self.rehighlight()

    def highlightBlock(self, text: str) -> None:
        """Colour one line."""
        found = _LEVEL.search(text[:_HEAD])
        if found is not None:
            self.setFormat(0, len(text), self._formats[found.lastgroup or "quiet"])

    def _take_colours(self) -> None:
        for name, tone in _TONES.items():
            form = QTextCharFormat()
            form.setForeground(theme().color(tone))
            self._formats[name] = form
