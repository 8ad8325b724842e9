"""Syntax highlighting in the colors of the theme."""

from collections.abc import Mapping

from PySide6.QtGui import QSyntaxHighlighter, QTextCharFormat, QTextDocument

from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.theme.theme import theme


class SeverityHighlighter(QSyntaxHighlighter):
    """Paints named parts of a text; which part is where, its heirs say in `highlightBlock`."""

    COLORS: Mapping[str, SemanticColor] = {}

    def __init__(self, document: QTextDocument) -> None:
        super().__init__(document)
        self._formats: dict[str, QTextCharFormat] = {}
        self._take_colors()

    def follow_theme(self) -> None:
        """Take the colors of another theme."""
        self._take_colors()
        self.rehighlight()

    def paint(self, start: int, count: int, name: str) -> None:
        """Color characters of the line that is being looked at."""
        self.setFormat(start, count, self._formats[name])

    def _take_colors(self) -> None:
        for name, color in self.COLORS.items():
            form = QTextCharFormat()
            form.setForeground(theme().color(color))
            self._formats[name] = form
