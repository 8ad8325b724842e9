"""Colours for JSON text by kind of value, the same as in the tree."""

import re
from typing import Final

from PySide6.QtGui import QSyntaxHighlighter, QTextCharFormat, QTextDocument

from pulse_desktop.ui.theme import theme
from pulse_desktop.ui.tone import Tone

_TOKEN: Final = re.compile(
    r'(?P<key>"(?:[^"\\]|\\.)*")(?=\s*:)'
    r'|(?P<text>"(?:[^"\\]|\\.)*(?:"|$))'
    r"|(?P<number>-?\b\d[\d.eE+-]*)"
    r"|(?P<literal>\b(?:true|false|null|NaN|Infinity)\b)"
    r"|(?P<note>….*)"
)
_TONES: Final = {
    "key": Tone.INFO,
    "text": Tone.GOOD,
    "number": Tone.WARNING,
    "literal": Tone.RETRY,
    "note": Tone.FAINT,
}
_LONGEST_LINE: Final = 20_000


class JsonHighlighter(QSyntaxHighlighter):
    """Paints keys, texts, numbers and literals. Very long lines stay plain."""

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
        if len(text) > _LONGEST_LINE:
            return
        for match in _TOKEN.finditer(text):
            start, stop = match.span()
            self.setFormat(start, stop - start, self._formats[match.lastgroup or "note"])

    def _take_colours(self) -> None:
        for name, tone in _TONES.items():
            form = QTextCharFormat()
            form.setForeground(theme().color(tone))
            self._formats[name] = form
