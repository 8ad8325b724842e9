"""Search field for a text: all matches are marked, Enter goes to the next one."""

from typing import Final

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QKeyEvent, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPlainTextEdit, QTextEdit, QWidget

from pulse_desktop.text import formats
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.plain_text import Label, set_tooltip
from pulse_desktop.ui.theme.theme import theme

MAX_MATCHES: Final = 2_000
_DELAY_MS: Final = 80


class TextSearch(QWidget):
    """A field, and the number of matches.

    Attributes:
        field: what is searched for; case is ignored.
    """

    def __init__(self, text: QPlainTextEdit, hint: str) -> None:
        """Create an empty field.

        Args:
            text: the text that is searched.
            hint: shown in the empty field.
        """
        super().__init__()
        self._text = text
        self._matches: list[tuple[int, int]] = []
        self._cut = False
        self.field = QLineEdit()
        self.field.setPlaceholderText(hint)
        self.field.setAccessibleName(hint)
        self.field.setClearButtonEnabled(True)
        set_tooltip(self.field, _("Enter: next match, Shift+Enter: previous match"))
        self._icon = self.field.addAction(
            icons.icon("search", SemanticColor.FAINT), QLineEdit.ActionPosition.LeadingPosition
        )
        self._icon.setText(_("Search"))
        self._label = Label()
        self._label.setProperty("role", "muted")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.field, 1)
        layout.addWidget(self._label)
        self._delay = QTimer(self, interval=_DELAY_MS, singleShot=True)
        self._delay.setObjectName("search text")
        self._delay.timeout.connect(self.search)
        self.field.textChanged.connect(lambda _text: self._delay.start())
        text.textChanged.connect(self._delay.start)
        theme().changed.connect(self._apply_theme)

    @property
    def summary(self) -> str:
        """The number of matches, as shown."""
        return self._label.text()

    def search(self) -> None:
        """Find and mark all matches."""
        self._delay.stop()
        wanted = self.field.text()
        self._matches, self._cut = [], False
        document = self._text.document()
        cursor = QTextCursor(document)
        while wanted:
            cursor = document.find(wanted, cursor)
            if cursor.isNull():
                break
            if len(self._matches) == MAX_MATCHES:
                self._cut = True
                break
            self._matches.append((cursor.selectionStart(), cursor.selectionEnd()))
        self._mark()
        self._show_count()

    def go(self, *, back: bool = False) -> None:
        """Select the next match after the cursor, or the previous one; around the ends."""
        if self._delay.isActive():
            self.search()
        if not self._matches:
            return
        cursor = self._text.textCursor()
        if back:
            at = cursor.selectionStart()
            found = [each for each in self._matches if each[1] <= at]
            start, end = found[-1] if found else self._matches[-1]
        else:
            at = cursor.selectionEnd()
            start, end = next((each for each in self._matches if each[0] >= at), self._matches[0])
        cursor.setPosition(start)
        cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
        self._text.setTextCursor(cursor)
        self._text.ensureCursorVisible()
        self._show_count(self._matches.index((start, end)) + 1)

    def _mark(self) -> None:
        text_format = QTextCharFormat()
        text_format.setBackground(theme().color("selection"))
        text_format.setForeground(theme().color(SemanticColor.TEXT))
        selections = []
        for start, end in self._matches:
            selection = QTextEdit.ExtraSelection()
            cursor = QTextCursor(self._text.document())
            cursor.setPosition(start)
            cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
            selection.cursor, selection.format = cursor, text_format
            selections.append(selection)
        self._text.setExtraSelections(selections)

    def _show_count(self, number: int = 0) -> None:
        count = formats.count(len(self._matches)) + ("+" if self._cut else "")
        if not self.field.text():
            text = ""
        elif not self._matches:
            text = _("no match")
        elif number:
            text = _("{number} of {count}").format(number=formats.count(number), count=count)
        else:
            text = count
        self._label.setText(text)

    def _apply_theme(self) -> None:
        self._icon.setIcon(icons.icon("search", SemanticColor.FAINT))
        self._mark()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Go to the next or previous match, or leave the field empty on Esc."""
        match event.key():
            case Qt.Key.Key_Return | Qt.Key.Key_Enter:
                self.go(back=bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier))
            case Qt.Key.Key_Escape if self.field.text():
                self.field.clear()
            case _:
                super().keyPressEvent(event)
