"""Syntax highlighting in the colors of the theme."""

from collections.abc import Mapping
from typing import ClassVar

from PySide6.QtGui import QSyntaxHighlighter, QTextCharFormat, QTextDocument

from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.theme.theme import theme


class ThemeHighlighter(QSyntaxHighlighter):
    """Base class of highlighters; a subclass finds the tokens of a line in `highlightBlock`.

    Attributes:
        COLORS: color of each kind of token.
    """

    COLORS: ClassVar[Mapping[str, SemanticColor]] = {}

    def __init__(self, document: QTextDocument) -> None:
        super().__init__(document)
        self._formats: dict[str, QTextCharFormat] = {}
        self._make_formats()

    def apply_theme(self) -> None:
        """Use the colors of another theme."""
        self._make_formats()
        self.rehighlight()

    def paint(self, start: int, count: int, kind: str) -> None:
        """Color a token of the current line. Raises KeyError for an unknown kind."""
        self.setFormat(start, count, self._formats[kind])

    def _make_formats(self) -> None:
        for kind, color in self.COLORS.items():
            text_format = QTextCharFormat()
            text_format.setForeground(theme().color(color))
            self._formats[kind] = text_format
