"""The note of a failure group: shown, and edited in place."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from pulse_desktop.model.group_marks import MAX_NOTE, Mark
from pulse_desktop.text.group_text import note_source_text
from pulse_desktop.text.translation import _
from pulse_desktop.ui.theme.plain_text import Label, set_tooltip
from pulse_desktop.ui.widgets.wrapped_label import WrappedLabel


class GroupNote(QWidget):
    """The note, and a field to change it.

    What is typed for a group stays until it is saved or discarded, also while others are shown.

    Attributes:
        button: opens the field.
        field: the text being edited.

    Signals:
        changed: the text to keep, empty to remove the note.
    """

    changed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.button = QPushButton(_("Note…"))
        set_tooltip(self.button, _("Leave a note on this group (N)"))
        self._group_id = ""
        self._typed: dict[str, str] = {}  # by the id of each group whose note is being edited
        self._note: Mark | None = None
        self._focus_before: QWidget | None = None  # when the field was opened
        self._text = WrappedLabel()
        self._text.setWordWrap(True)
        self._text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._source = Label()
        self._source.setProperty("role", "muted")
        self.field = _Field()
        self.field.setMaxLength(MAX_NOTE)
        self.field.setPlaceholderText(_("What is known about it, who works on it"))
        self.field.setAccessibleName(_("Note"))
        self.save = QPushButton(_("Save"))
        editor = QHBoxLayout()
        editor.setSpacing(8)
        editor.addWidget(self.field, 1)
        editor.addWidget(self.save)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self._text)
        layout.addWidget(self._source)
        layout.addLayout(editor)
        self.button.clicked.connect(self.edit)
        self.save.clicked.connect(self._save)
        self.field.textEdited.connect(self._keep_typed)
        self.field.returnPressed.connect(self._save)
        self.field.discarded.connect(self._discard)
        self._arrange()

    @property
    def text(self) -> str:
        """The note that is shown."""
        return self._text.full_text

    @property
    def is_editing(self) -> bool:
        """Whether the note of the group that is shown is being edited."""
        return self._group_id in self._typed

    def show_note(self, group_id: str, note: Mark | None, now: float) -> None:
        """Show the note of a group, None for none, at a time (Unix seconds)."""
        is_other = group_id != self._group_id
        self._group_id, self._note = group_id, note
        if is_other and self.is_editing:
            self.field.setText(self._typed[group_id])
        self._text.show_text("" if note is None else note.text)
        self._source.setText("" if note is None else note_source_text(note, now))
        self._arrange()

    def edit(self) -> None:
        """Edit the note."""
        if not self.is_editing:
            self.field.setText("" if self._note is None else self._note.text)
            self._keep_typed()
        focused = self.window().focusWidget()
        if focused not in (None, self.field, self.save):
            self._focus_before = focused
        self._arrange()
        self.field.setFocus(Qt.FocusReason.OtherFocusReason)

    def _keep_typed(self) -> None:
        self._typed[self._group_id] = self.field.text()

    def _save(self) -> None:
        self._end()
        self.changed.emit(self.field.text().strip())

    def _discard(self) -> None:
        self._end()

    def _end(self) -> None:
        """Close the field, and give the keyboard focus back before Qt passes it on."""
        before, self._focus_before = self._focus_before, None
        self._typed.pop(self._group_id, None)
        if before is None or not before.isVisibleTo(self.window()):
            before = self.button
        before.setFocus(Qt.FocusReason.OtherFocusReason)
        self._arrange()

    def _arrange(self) -> None:
        editing = self.is_editing
        for widget in (self.field, self.save):
            widget.setVisible(editing)
        has_note = self._note is not None and not editing
        self._text.setVisible(has_note)
        self._source.setVisible(has_note)
        self.setVisible(editing or has_note)
        self.button.setText(_("Edit note…") if self._note is not None else _("Note…"))


class _Field(QLineEdit):
    """A line edit that Esc leaves."""

    discarded = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Discard the text with Esc."""
        if event.key() == Qt.Key.Key_Escape:
            self.discarded.emit()
        else:
            super().keyPressEvent(event)
