"""A few lines of JSON to be typed, checked at every letter."""

from typing import Final

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QTextCharFormat, QTextCursor, QTextFormat, QTextOption
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPlainTextEdit, QTextEdit, QVBoxLayout, QWidget

from pulse_desktop.text import formats
from pulse_desktop.ui.json.highlighter import JsonHighlighter
from pulse_desktop.ui.run_form.json_lint import (
    JsonError,
    Kind,
    compact,
    count_of,
    lint,
)
from pulse_desktop.ui.theme.style_sheet import set_style_property
from pulse_desktop.ui.theme.theme import theme

_WHAT: Final = {"array": "value", "object": "name"}


class _Editor(QPlainTextEdit):
    """Takes the room that is left, and asks for no more than its lines need."""

    def sizeHint(self) -> QSize:
        """Return the least size: Qt's own wish would make every form scroll."""
        return QSize(super().sizeHint().width(), self.minimumHeight())


class JsonField(QWidget):
    """A title, an editor, and in words what is wrong with what was typed.

    Attributes:
        title: label of the editor.
        editor: where it is typed.
        flaw: what is wrong, None when it can be sent.

    Signals:
        changed: another text, or another verdict on it.
    """

    changed = Signal()

    def __init__(
        self, name: str, kind: Kind, example: str, lines: int, *, titled: bool = True
    ) -> None:
        """Make an empty field, which stands for an empty array or object.

        Args:
            name: what is typed here.
            kind: "array" or "object".
            example: shown while it is empty.
            lines: least height of the editor.
            titled: whether its name, and how much it holds, stand above it.
        """
        super().__init__()
        self._kind: Kind = kind
        self._lines = lines
        self.flaw: JsonError | None = None
        self.editor = _Editor()
        self.editor.setPlaceholderText(f"For example {example}")
        self.editor.setAccessibleName(name)
        self.editor.setTabChangesFocus(True)
        # Breaking at words takes quadratic time in the length of a line: a minute for a megabyte.
        self.editor.setWordWrapMode(QTextOption.WrapMode.WrapAnywhere)
        self.title = QLabel(name)
        self.title.setBuddy(self.editor)
        self._count = QLabel()
        self._count.setProperty("role", "small")
        self.verdict = QLabel()
        self.verdict.setTextFormat(Qt.TextFormat.PlainText)
        self.verdict.setWordWrap(True)
        set_style_property(self.verdict, "color", "bad")
        self.verdict.hide()
        self._colors = JsonHighlighter(self.editor.document())
        head = QHBoxLayout()
        head.addWidget(self.title)
        head.addStretch(1)
        head.addWidget(self._count)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        layout.addLayout(head)
        if not titled:
            self.title.hide()
            self._count.hide()
        layout.addWidget(self.editor, 1)
        layout.addWidget(self.verdict)
        self.setFocusProxy(self.editor)
        self.editor.textChanged.connect(self._check)
        theme().changed.connect(self._follow_theme)
        self._follow_theme()
        self._check()

    @property
    def text(self) -> str:
        """What was typed."""
        return self.editor.toPlainText()

    def set_text(self, text: str) -> None:
        """Put a text into the editor, with the cursor at its beginning."""
        self.editor.setPlainText(text)

    def source(self) -> bytes:
        """Return the JSON to send. Only while there is no flaw."""
        return compact(self.text, self._kind)

    def count(self) -> int:
        """Return how many values or names there are. Only while there is no flaw."""
        return count_of(self.text)

    def _check(self) -> None:
        self.flaw = flaw = lint(self.text, self._kind)
        count = 0 if flaw is not None else self.count()
        self._count.setText(formats.plural(count, _WHAT[self._kind]) if count else "")
        self.verdict.setText(str(flaw) if flaw is not None else "")
        self.verdict.setVisible(flaw is not None)
        self.editor.setAccessibleDescription(str(flaw) if flaw is not None else "")
        set_style_property(self.editor, "problem", "true" if flaw is not None else "")
        self._mark(flaw)
        self.changed.emit()

    def _mark(self, flaw: JsonError | None) -> None:
        """Tint the line that is wrong."""
        block = self.editor.document().findBlockByNumber(flaw.line - 1 if flaw is not None else -1)
        if not block.isValid():
            self.editor.setExtraSelections([])
            return
        tint = QTextCharFormat()
        tint.setBackground(theme().color("bad_fill"))
        tint.setProperty(QTextFormat.Property.FullWidthSelection, True)
        mark = QTextEdit.ExtraSelection()
        mark.format = tint
        mark.cursor = QTextCursor(block)
        self.editor.setExtraSelections([mark])

    def _follow_theme(self) -> None:
        font = theme().number_font()
        self.editor.setFont(font)
        line = QFontMetricsF(font).lineSpacing()
        self.editor.setMinimumHeight(round(line * self._lines + 18))
        self._colors.apply_theme()
        self._mark(self.flaw)
