"""Dialogs about saved views: their name, and what becomes of unsaved changes."""

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from pulse_desktop.text.translation import _
from pulse_desktop.ui.query.saved_views import MAX_NAME
from pulse_desktop.ui.theme.plain_text import Label
from pulse_desktop.ui.window_title import set_title

_WIDTH: Final = 440


class _ViewDialog(QDialog):
    def __init__(self, title: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        set_title(self, title)
        self.setFixedWidth(_WIDTH)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(18, 16, 18, 16)
        self.column.setSpacing(10)
        self.buttons = QHBoxLayout()
        self.buttons.addStretch(1)

    def add_label(self, text: str, role: str) -> Label:
        label = Label(text)
        label.setProperty("role", role)
        label.setWordWrap(True)
        self.column.addWidget(label)
        return label

    def add_button(self, text: str, act: Callable[[], object], *, default: bool) -> QPushButton:
        button = QPushButton(text)
        button.setDefault(default)
        button.setAutoDefault(default)
        button.clicked.connect(act)
        self.buttons.addWidget(button)
        return button


class ViewNameDialog(_ViewDialog):
    """Asks for the name of a view.

    Attributes:
        name: the field with the name.
        accept_button: saves or renames.

    Signals:
        named: the name, without surrounding spaces.
    """

    named = Signal(str)

    def __init__(
        self, title: str, name: str, check: Callable[[str], tuple[str, str]], parent: QWidget
    ) -> None:
        """Create the dialog.

        Args:
            title: what is done, such as "Save the view as".
            name: what the field is filled with.
            check: returns the label of the button and a note for a name; no label if the name
                cannot be used.
            parent: the window.
        """
        super().__init__(title, parent)
        self._check = check
        self.add_label(title, "heading")
        self.name = QLineEdit(name)
        self.name.setMaxLength(MAX_NAME)
        self.name.setAccessibleName(_("Name of the view"))
        self.name.selectAll()
        self.column.addWidget(self.name)
        self._note = self.add_label("", "muted")
        self.column.addSpacing(6)
        self.column.addLayout(self.buttons)
        self.add_button(_("Cancel"), self.reject, default=False)
        self.accept_button = self.add_button("", self._accept, default=True)
        self.accept_button.setProperty("kind", "primary")
        self.name.textChanged.connect(self._show_check)
        self._show_check()
        self.name.setFocus()

    @property
    def note(self) -> str:
        """What is said about the name."""
        return self._note.text()

    def _show_check(self) -> None:
        name = self.name.text().strip()
        label, note = self._check(name) if name else ("", "")
        self._note.setText(note)
        self.accept_button.setEnabled(bool(label))
        self.accept_button.setText(label or _("Save"))

    def _accept(self) -> None:
        self.named.emit(self.name.text().strip())
        self.accept()


class UnsavedViewDialog(_ViewDialog):
    """Asks what becomes of the changes of a view before another one is opened.

    Attributes:
        save_button: saves them.
        discard_button: gives them up.

    Signals:
        saved: save them and go on.
        discarded: go on without them.
    """

    saved = Signal()
    discarded = Signal()

    def __init__(self, name: str, parent: QWidget) -> None:
        """Create the dialog for a view."""
        super().__init__(_("Unsaved view"), parent)
        self.add_label(_("Save the changes of “{name}”?").format(name=name), "heading")
        self.add_label(
            _("Another view is about to be opened. Changes that are not saved are lost."), "muted"
        )
        self.column.addSpacing(6)
        self.column.addLayout(self.buttons)
        self.discard_button = self.add_button(
            _("Discard changes"), lambda: self._answer(self.discarded), default=False
        )
        cancel = self.add_button(_("Cancel"), self.reject, default=True)
        self.save_button = self.add_button(
            _("Save"), lambda: self._answer(self.saved), default=False
        )
        self.save_button.setProperty("kind", "primary")
        cancel.setFocus()

    def _answer(self, signal: object) -> None:
        self.accept()
        signal.emit()  # type: ignore[attr-defined]
