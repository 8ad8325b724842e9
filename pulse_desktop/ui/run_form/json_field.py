"""Field for a few lines of JSON, validated at every keystroke."""

from PySide6.QtCore import QSize, Signal
from PySide6.QtGui import QFontMetricsF, QTextCharFormat, QTextCursor, QTextFormat, QTextOption
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QTextEdit, QVBoxLayout, QWidget

from pulse_desktop.text import formats
from pulse_desktop.text.printable import printable_json
from pulse_desktop.text.translation import _, ngettext
from pulse_desktop.ui.json.highlighter import JsonHighlighter
from pulse_desktop.ui.run_form.json_lint import (
    JsonError,
    RootType,
    compact,
    count_of,
    lint,
)
from pulse_desktop.ui.theme.plain_text import Label
from pulse_desktop.ui.theme.style_sheet import set_style_property
from pulse_desktop.ui.theme.theme import theme


class _Editor(QPlainTextEdit):
    """A text edit whose preferred height is its minimum height."""

    def sizeHint(self) -> QSize:
        """Return the minimum height: Qt's default would make every form scroll."""
        return QSize(super().sizeHint().width(), self.minimumHeight())


class JsonField(QWidget):
    """An editor with a title, and the error in its text.

    Attributes:
        name: name of the field.
        title: label of the editor.
        editor: the editor.
        error: what is wrong with the text, None if it is valid.
        message: shows the error.

    Signals:
        changed: the text changed.
    """

    changed = Signal()

    def __init__(
        self, name: str, root: RootType, example: str, lines: int, *, titled: bool = True
    ) -> None:
        """Create an empty field, equivalent to an empty array or object.

        Args:
            name: name of the field.
            root: type of the JSON value, "array" or "object".
            example: shown while the field is empty.
            lines: minimum height of the editor.
            titled: whether name and number of entries are shown above the editor.
        """
        super().__init__()
        self.name = name
        self._root: RootType = root
        self._min_lines = lines
        self.error: JsonError | None = None
        self.editor = _Editor()
        self.set_example(example)
        self.editor.setAccessibleName(name)
        self.editor.setTabChangesFocus(True)
        # Wrapping at words takes quadratic time in the length of a line: a minute for a megabyte.
        self.editor.setWordWrapMode(QTextOption.WrapMode.WrapAnywhere)
        self.title = Label(name)
        self.title.setBuddy(self.editor)
        self._count_label = Label()
        self._count_label.setProperty("role", "small")
        self.message = Label()
        self.message.setWordWrap(True)
        set_style_property(self.message, "color", "bad")
        self.message.hide()
        self._highlighter = JsonHighlighter(self.editor.document())
        head = QHBoxLayout()
        head.addWidget(self.title)
        head.addStretch(1)
        head.addWidget(self._count_label)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        layout.addLayout(head)
        if not titled:
            self.title.hide()
            self._count_label.hide()
        layout.addWidget(self.editor, 1)
        layout.addWidget(self.message)
        self.setFocusProxy(self.editor)
        self.editor.textChanged.connect(self._validate)
        theme().changed.connect(self._apply_theme)
        self._apply_theme()
        self._validate()

    def set_example(self, example: str) -> None:
        """Show an example while the field is empty; none for an empty text."""
        text = _("For example {example}").format(example=example) if example else ""
        self.editor.setPlaceholderText(text)

    @property
    def text(self) -> str:
        """The text."""
        return self.editor.toPlainText()

    def set_text(self, text: str) -> None:
        """Change the text and move the cursor to its start."""
        self.editor.setPlainText(printable_json(text))

    def compact_json(self) -> bytes:
        """Return the JSON to send. The text must be valid."""
        return compact(self.text, self._root)

    @property
    def count(self) -> int:
        """The number of values or names. The text must be valid."""
        return count_of(self.text)

    def _validate(self) -> None:
        self.error = error = lint(self.text, self._root)
        self._count_label.setText("" if error is not None else self._count_text())
        message = error.sentence if error is not None else ""
        self.message.setText(message)
        self.message.setVisible(bool(message))
        self.editor.setAccessibleDescription(message)
        set_style_property(self.editor, "problem", "true" if message else "")
        self._highlight_line(error)
        self.changed.emit()

    def _count_text(self) -> str:
        count = self.count
        if not count:
            return ""
        if self._root == "array":
            text = ngettext("{count} value", "{count} values", count)
        else:
            text = ngettext("{count} name", "{count} names", count)
        return text.format(count=formats.count(count))

    def _highlight_line(self, error: JsonError | None) -> None:
        number = error.line - 1 if error is not None else -1
        block = self.editor.document().findBlockByNumber(number)
        if not block.isValid():
            self.editor.setExtraSelections([])
            return
        line_format = QTextCharFormat()
        line_format.setBackground(theme().color("bad_fill"))
        line_format.setProperty(QTextFormat.Property.FullWidthSelection, True)
        mark = QTextEdit.ExtraSelection()
        mark.format = line_format
        mark.cursor = QTextCursor(block)
        self.editor.setExtraSelections([mark])

    def _apply_theme(self) -> None:
        font = theme().number_font()
        self.editor.setFont(font)
        line = QFontMetricsF(font).lineSpacing()
        self.editor.setMinimumHeight(round(line * self._min_lines + 18))
        self._highlighter.apply_theme()
        self._highlight_line(self.error)
