"""Colors for JSON text by kind of value, the same as in the tree."""

import re
from typing import Final

from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.theme.highlighter import SeverityHighlighter

_TOKEN: Final = re.compile(
    r'(?P<key>"(?:[^"\\]|\\.)*")(?=\s*:)'
    r'|(?P<text>"(?:[^"\\]|\\.)*(?:"|$))'
    r"|(?P<number>-?\b\d[\d.eE+-]*)"
    r"|(?P<literal>\b(?:true|false|null|NaN|Infinity)\b)"
    r"|(?P<note>….*)"
)
_COLORS: Final = {
    "key": SemanticColor.INFO,
    "text": SemanticColor.GOOD,
    "number": SemanticColor.WARNING,
    "literal": SemanticColor.RETRY,
    "note": SemanticColor.FAINT,
}
_LONGEST_LINE: Final = 20_000


class JsonHighlighter(SeverityHighlighter):
    """Paints keys, texts, numbers and literals. Very long lines stay plain."""

    COLORS = _COLORS

    def highlightBlock(self, text: str) -> None:
        """Color one line."""
        if len(text) > _LONGEST_LINE:
            return
        for match in _TOKEN.finditer(text):
            start, stop = match.span()
            self.paint(start, stop - start, match.lastgroup or "note")
