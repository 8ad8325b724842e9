"""Fields of the form of a profile: lines, paths, choices, and what is wrong with each."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from pulse_desktop.text.translation import _
from pulse_desktop.ui.theme.plain_text import Label
from pulse_desktop.ui.theme.style_sheet import set_style_property
from pulse_desktop.ui.window_title import set_title


class FieldRow(QWidget):
    """A field, and below it what is wrong with it.

    Attributes:
        field: the field.
        problem: a sentence, hidden while it is empty.
    """

    def __init__(self, field: QWidget) -> None:
        super().__init__()
        self.field = field
        self.problem = Label()
        self.problem.setWordWrap(True)
        set_style_property(self.problem, "color", "bad")
        self.problem.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(field)
        layout.addWidget(self.problem)
        self.setFocusProxy(field)

    def show_problem(self, sentence: str) -> None:
        """Show what is wrong, or nothing."""
        self.problem.setText(sentence)
        self.problem.setVisible(bool(sentence))
        self.field.setAccessibleDescription(sentence)


class PathField(QWidget):
    """A line with a path, and a button that opens a file dialog.

    Attributes:
        field: the line.
    """

    def __init__(self, name: str, placeholder: str = "") -> None:
        super().__init__()
        self.field = line_edit(name, placeholder)
        button = QPushButton(_("Choose…"))
        button.setAccessibleName(_("Choose a file: {name}").format(name=name))
        button.clicked.connect(self._choose)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.field, 1)
        layout.addWidget(button)
        self.setFocusProxy(self.field)

    @property
    def text(self) -> str:
        """The path."""
        return self.field.text().strip()

    def _choose(self) -> None:
        dialog = QFileDialog(self.window())
        set_title(dialog, self.field.accessibleName())
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self._take)
        dialog.open()

    def _take(self, path: str) -> None:
        self.field.setText(path)
        self.field.setCursorPosition(0)
        self.field.textEdited.emit(path)


def line_edit(name: str, placeholder: str) -> QLineEdit:
    """Return a line."""
    line = QLineEdit()
    line.setAccessibleName(name)
    line.setPlaceholderText(placeholder)
    return line


def combo_box(name: str) -> QComboBox:
    """Return a choice."""
    combo = QComboBox()
    combo.setAccessibleName(name)
    return combo


def select(combo: QComboBox, data: object) -> None:
    """Choose the entry of a value, or the first one."""
    for index in range(combo.count()):
        if combo.itemData(index) == data:
            combo.setCurrentIndex(index)
            return
    combo.setCurrentIndex(0)
