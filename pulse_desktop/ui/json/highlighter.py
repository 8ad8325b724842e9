"""Syntax highlighter for JSON, with the colors of the tree."""

import re
from collections.abc import Iterator
from typing import ClassVar, Final

from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.theme.highlighter import ThemeHighlighter, Token

_TOKEN: Final = re.compile(
    r'(?P<key>"(?:[^"\\]++|\\.)*+")(?=\s*+:)'
    r'|(?P<text>"(?:[^"\\]++|\\.)*+(?:"|\\?$))'
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

    def tokens(self, line: str) -> Iterator[Token]:
        """Find the tokens of a line."""
        if len(line) <= _MAX_LINE:
            for match in _TOKEN.finditer(line):
                yield match.start(), match.end(), match.lastgroup or "note"
