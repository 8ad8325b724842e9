"""Highlighters color whole tokens."""

from PySide6.QtGui import QTextDocument
from PySide6.QtWidgets import QApplication

from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.json.highlighter import JsonHighlighter
from pulse_desktop.ui.theme.theme import ThemeChoice, theme


def test_an_emoji_does_not_shift_the_colors(qapp: QApplication) -> None:
    theme().install(ThemeChoice.DARK)
    document = QTextDocument('["🇺🇦", "🎉x", 7]')
    JsonHighlighter(document).rehighlight()
    ranges = document.firstBlock().layout().formats()
    colored = {(each.start, each.length): each.format.foreground().color() for each in ranges}
    good, number = (theme().color(each) for each in (SemanticColor.GOOD, SemanticColor.WARNING))
    assert colored == {(1, 6): good, (9, 5): good, (16, 1): number}
