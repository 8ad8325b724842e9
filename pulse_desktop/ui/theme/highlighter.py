"""Syntax highlighting in the colors of the theme."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import ClassVar

from PySide6.QtGui import QSyntaxHighlighter, QTextCharFormat, QTextDocument

from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.theme.theme import theme

Token = tuple[int, int, str]
"""Start and end in a line, in characters, and the kind."""


class ThemeHighlighter(QSyntaxHighlighter):
    """Base class of highlighters; a subclass finds the tokens of a line.

    Attributes:
        COLORS: color of each kind of token.
    """

    COLORS: ClassVar[Mapping[str, SemanticColor]] = {}

    def __init__(self, document: QTextDocument) -> None:
        super().__init__(document)
        self._formats: dict[str, QTextCharFormat] = {}
        self._make_formats()

    @abstractmethod
    def tokens(self, line: str) -> Iterator[Token]:
        """Find the tokens of a line, from left to right."""

    def apply_theme(self) -> None:
        """Use the colors of another theme."""
        self._make_formats()
        self.rehighlight()

    def highlightBlock(self, text: str) -> None:
        """Color a line."""
        at = shift = 0
        for start, end, kind in self.tokens(text):
            # Qt counts UTF-16 code units: a character such as an emoji has two.
            shift += _surrogates(text[at:start])
            inside = _surrogates(text[start:end])
            self.setFormat(start + shift, end - start + inside, self._formats[kind])
            at, shift = end, shift + inside

    def _make_formats(self) -> None:
        for kind, color in self.COLORS.items():
            text_format = QTextCharFormat()
            text_format.setForeground(theme().color(color))
            self._formats[kind] = text_format


def _surrogates(text: str) -> int:
    """Return how many code units a text has more than characters."""
    return 0 if text.isascii() else sum(character > "\uffff" for character in text)
