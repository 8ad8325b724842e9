"""Field for the name of a task, with completion by any part of the known names."""

from collections.abc import Sequence
from typing import Any, Final

from PySide6.QtCore import QLocale, QStringListModel, Qt, Signal
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QComboBox, QCompleter, QLineEdit, QListView, QStyledItemDelegate

from pulse_desktop.protocol.task_names import canonical_name
from pulse_desktop.text.printable import printable_cell
from pulse_desktop.text.translation import _
from pulse_desktop.ui.theme.theme import theme

_MAX_VISIBLE: Final = 10


class _PrintableDelegate(QStyledItemDelegate):
    """Shows the control characters of a name escaped; the name that is chosen has them."""

    def displayText(self, value: Any, _locale: QLocale | QLocale.Language) -> str:
        return printable_cell(str(value))


class TaskNameField(QComboBox):
    """An editable list of names, the latest first.

    Attributes:
        field: the line edit.
        completions: the popup with the matching names.

    Signals:
        changed: the name changed.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setEditable(True)
        self.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(20)
        self.setMaxVisibleItems(_MAX_VISIBLE)
        self.setAccessibleName(_("Task name"))
        self._names = QStringListModel(self)
        self.setModel(self._names)
        self.view().setItemDelegate(_PrintableDelegate(self))
        self.field = QLineEdit()
        self.setLineEdit(self.field)
        self.field.setPlaceholderText(_("module:function"))
        self.field.setAccessibleName(_("Task name"))
        self.completions = QListView()
        self.completions.setObjectName("completions")
        self.completions.setAccessibleName(_("Matching task names"))
        completer = QCompleter(self._names, self)
        completer.setPopup(self.completions)
        self.completions.setItemDelegate(_PrintableDelegate(self))
        completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setMaxVisibleItems(_MAX_VISIBLE)
        self.setCompleter(completer)
        self.editTextChanged.connect(self.changed)
        theme().changed.connect(self._apply_theme)
        self._apply_theme()

    @property
    def name(self) -> str:
        """The task's canonical name, for either name of a renamed task."""
        return canonical_name(self.currentText().strip())

    def set_names(self, names: Sequence[str]) -> None:
        """Change the list of names, and keep what was typed."""
        typed = self.currentText()
        self._names.setStringList(list(names))
        self.setCurrentIndex(-1)
        self.setEditText(typed)

    def set_name(self, name: str) -> None:
        """Put a name into the field, with its end visible: that is the function."""
        self.setEditText(name)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Pass the wheel on to the form: scrolling must not choose another task."""
        event.ignore()

    def _apply_theme(self) -> None:
        font = theme().number_font()
        self.field.setFont(font)
        self.setFont(font)
        self.completions.setFont(font)
