"""Text of an error report, each line colored by what it is."""

import re
from collections.abc import Iterator, Sequence
from typing import ClassVar, Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QTextDocument, QTextOption
from PySide6.QtWidgets import QPlainTextEdit

from pulse_desktop.text.error_report import LineKind, ReportLine
from pulse_desktop.text.printable import printable
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.theme.highlighter import ThemeHighlighter, Token
from pulse_desktop.ui.theme.plain_text import set_plain_text
from pulse_desktop.ui.theme.theme import theme

_BREAKS: Final = re.compile("[\n\u2028\u2029]")


class ReportHighlighter(ThemeHighlighter):
    """Colors the lines of a report by their kind.

    Attributes:
        kinds: kind of each line.
    """

    COLORS: ClassVar = {
        LineKind.HEADING.value: SemanticColor.ACCENT,
        LineKind.REASON.value: SemanticColor.BAD,
        LineKind.MESSAGE.value: SemanticColor.BAD,
        LineKind.OWN.value: SemanticColor.TEXT,
        LineKind.CODE.value: SemanticColor.MUTED,
        LineKind.LIBRARY.value: SemanticColor.FAINT,
        LineKind.NOTE.value: SemanticColor.FAINT,
        LineKind.RAW.value: SemanticColor.MUTED,
    }

    def __init__(self, document: QTextDocument) -> None:
        super().__init__(document)
        self.kinds: list[LineKind] = []

    def tokens(self, line: str) -> Iterator[Token]:
        """Color the whole line."""
        number = self.currentBlock().blockNumber()
        if number < len(self.kinds):
            yield 0, len(line), self.kinds[number].value


class ReportText(QPlainTextEdit):
    """A report to read, in the font of numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("kind", "plain")
        self.setReadOnly(True)
        self.document().setDocumentMargin(0)
        self.set_wrap(wrap=True)
        self._highlighter = ReportHighlighter(self.document())
        theme().changed.connect(self._apply_theme)
        self._apply_theme()

    def set_wrap(self, *, wrap: bool) -> None:
        """Wrap long lines, a long word anywhere, so that nothing is beside the text; or scroll."""
        modes, policies = QPlainTextEdit.LineWrapMode, Qt.ScrollBarPolicy
        self.setLineWrapMode(modes.WidgetWidth if wrap else modes.NoWrap)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        shown = policies.ScrollBarAlwaysOff if wrap else policies.ScrollBarAsNeeded
        self.setHorizontalScrollBarPolicy(shown)

    def show_lines(self, lines: Sequence[ReportLine]) -> None:
        """Show the lines of a report."""
        texts = [printable(line.text) for line in lines]
        # A text may hold separators that Qt takes for line breaks; the colors follow its blocks.
        self._highlighter.kinds = [
            line.kind
            for line, text in zip(lines, texts, strict=True)
            for _block in range(len(_BREAKS.split(text)))
        ]
        set_plain_text(self, "\n".join(texts))
        self._highlighter.rehighlight()

    def _apply_theme(self) -> None:
        self.setFont(theme().number_font())
        self._highlighter.apply_theme()
