"""The name of a task: typed, or found among those that have been seen by any part of it."""

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QStringListModel, Qt, Signal
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QComboBox, QCompleter, QLineEdit, QListView

from pulse_desktop.ui.theme.theme import theme

_SHOWN: Final = 10


class TaskNameField(QComboBox):
    """An editable list of names, the latest first.

    Signals:
        changed: another name.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setEditable(True)
        self.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(20)
        self.setMaxVisibleItems(_SHOWN)
        self.setAccessibleName("Task name")
        self._names = QStringListModel(self)
        self.setModel(self._names)
        self.field = QLineEdit()
        self.setLineEdit(self.field)
        self.field.setPlaceholderText("module:function")
        self.field.setAccessibleName("Task name")
        self.completions = QListView()
        self.completions.setObjectName("completions")
        self.completions.setAccessibleName("Task names that fit")
        completer = QCompleter(self._names, self)
        completer.setPopup(self.completions)
        completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setMaxVisibleItems(_SHOWN)
        self.setCompleter(completer)
        self.editTextChanged.connect(self.changed)
        theme().changed.connect(self._follow_theme)
        self._follow_theme()

    @property
    def name(self) -> str:
        """The name as typed, without blanks around it."""
        return self.currentText().strip()

    def offer(self, names: Sequence[str]) -> None:
        """Offer names, in this order, and keep what was typed."""
        typed = self.currentText()
        self._names.setStringList(list(names))
        self.setCurrentIndex(-1)
        self.setEditText(typed)

    def set_name(self, name: str) -> None:
        """Put a name into the field, its end visible: there the function stands."""
        self.setEditText(name)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Let the form scroll: turning the wheel must not choose another task."""
        event.ignore()

    def _follow_theme(self) -> None:
        font = theme().number_font()
        self.field.setFont(font)
        self.setFont(font)
        self.completions.setFont(font)
