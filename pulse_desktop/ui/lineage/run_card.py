"""State, task and id of one of the runs that are compared."""

from collections.abc import Callable

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from pulse_desktop.state.run import TaskRun
from pulse_desktop.text.run_text import STATE_LABELS, state_name
from pulse_desktop.text.translation import _
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.plain_text import Label
from pulse_desktop.ui.theme.style_sheet import set_style_property
from pulse_desktop.ui.widgets.elided_button import ElidedButton
from pulse_desktop.ui.widgets.elided_label import ElidedLabel


class RunCard(QWidget):
    """State, task, time and id of one of the runs; the id leads to it.

    Signals:
        requested: the operator wants to see the run.
    """

    requested = Signal()

    def __init__(self, title: str) -> None:
        """Create an empty card.

        Args:
            title: which of the two it is.
        """
        super().__init__()
        heading = Label(title)
        heading.setProperty("role", "muted")
        self._icon, self._state = Label(), Label()
        self._state.setProperty("role", "state")
        self._name = ElidedLabel()
        self._name.setProperty("role", "heading")
        self.id_button = ElidedButton(shortest=12)
        self.id_button.setProperty("kind", "link")
        self.id_button.clicked.connect(self.requested)
        line = QHBoxLayout()
        line.setSpacing(7)
        for widget in (self._icon, self._state):
            line.addWidget(widget)
        line.addWidget(self._name, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(heading)
        layout.addLayout(line)
        layout.addWidget(self.id_button)

    def show_run(self, run: TaskRun, task_label: Callable[[str], str]) -> None:
        """Show a run."""
        _label, glyph, color = STATE_LABELS[run.state]
        self._icon.setPixmap(icons.pixmap(glyph, color, 16, self.devicePixelRatioF()))
        self._state.setText(state_name(run))
        set_style_property(self._state, "color", color.value)
        self._name.set_text(task_label(run.name) or _("unknown task"), run.name)
        self.id_button.show_text(run.task_id, _("Show the run {id}").format(id=run.task_id))
