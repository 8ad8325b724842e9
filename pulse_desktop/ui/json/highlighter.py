"""Syntax highlighter for JSON, with the colors of the tree."""

import re
from typing import ClassVar, Final

from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.theme.highlighter import ThemeHighlighter

_TOKEN: Final = re.compile(
    r'(?P<key>"(?:[^"\\]|\\.)*")(?=\s*:)'
    r'|(?P<text>"(?:[^"\\]|\\.)*(?:"|$))'
    r"|(?P<number>-?\b\d[\d.eE+-]*)"
    r"|(?P<literal>\b(?:true|false|null|NaN|Infinity)\b)"
    r"|(?P<note>….*)"
)
_MAX_LINE: Final = 20_000


class JsonHighlighter(ThemeHighlighter):
    """Colors keys, strings, numbers and literals. Very long lines stay plain."""

    COLORS: ClassVar = {
        "key": SemanticColor.INFO,
        "text": SemanticColor.GOOD,
        "number": SemanticColor.WARNING,
        "literal": SemanticColor.RETRY,
        "note": SemanticColor.FAINT,
    }

    def highlightBlock(self, text: str) -> None:
        """Color a line."""
        if len(text) > _MAX_LINE:
            return
        for match in _TOKEN.finditer(text):
            start, stop = match.span()
            self.paint(start, stop - start, match.lastgroup or "note")
