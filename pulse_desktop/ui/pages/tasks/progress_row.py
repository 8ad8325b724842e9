"""The progress of a run that has not ended: how much is done, how fast, and the cancel button."""

from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from pulse_desktop.model.run_state import OPEN_STATES, RunState
from pulse_desktop.state.run import TaskRun
from pulse_desktop.text import formats
from pulse_desktop.text.progress_text import progress_text
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.plain_text import Label, set_tooltip
from pulse_desktop.ui.theme.theme import theme
from pulse_desktop.ui.widgets.act_button import ActButton

_STEPS: Final = 1_000
_MIN_LABEL_WIDTH: Final = 260


class ProgressRow(QWidget):
    """A progress bar, text, and a cancel button. Visible only while the run has not ended.

    Attributes:
        bar: fraction done, hidden while it is unknown.
        label: amount, rate and remaining time.
        message: what the task reports about its progress.
        cancel_button: requests to cancel the run.

    Signals:
        cancel_requested: the operator wants to cancel the run.
    """

    cancel_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.bar = QProgressBar()
        self.bar.setRange(0, _STEPS)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(6)
        self.bar.setAccessibleName(_("Progress of the run"))
        self.label = Label()
        self.label.setProperty("role", "muted")
        self.message = Label()
        self.message.setProperty("role", "small")
        for label in (self.label, self.message):
            label.setWordWrap(True)
        self.cancel_button = ActButton(_("Cancel…"))
        self.cancel_button.setProperty("kind", "danger")
        self.cancel_button.setAccessibleName(_("Cancel the run"))
        set_tooltip(self.cancel_button, _("Remove it from the queue, or stop it on its worker (C)"))
        self.cancel_button.clicked.connect(self.cancel_requested)
        column = QVBoxLayout()
        column.setSpacing(6)
        column.addWidget(self.label)
        column.addWidget(self.bar)
        column.addWidget(self.message)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 12)
        layout.setSpacing(14)
        layout.addLayout(column, 1)
        layout.addWidget(self.cancel_button, 0, Qt.AlignmentFlag.AlignTop)
        theme().changed.connect(self._apply_theme)
        self._apply_theme()

    def show_run(self, run: TaskRun, now: float) -> None:
        """Show the progress of a run at a time, Unix seconds; hide when it has ended."""
        self.setVisible(run.state in OPEN_STATES)
        if run.state not in OPEN_STATES:
            return
        progress = run.progress if run.state is not RunState.QUEUED else None
        fraction = progress.fraction if progress is not None else None
        self.bar.setVisible(fraction is not None)
        if fraction is not None:
            self.bar.setValue(round(fraction * _STEPS))
        self.label.setText(progress_text(run, now))
        message = progress.message if progress is not None else ""
        self.message.setText(formats.elided(message, 200))
        self.message.setVisible(bool(message))

    def _apply_theme(self) -> None:
        icons.set_button_icon(self.cancel_button, "cancelled", SemanticColor.BAD)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Drop the button's label where the panel is too narrow for it."""
        super().resizeEvent(event)
        self.cancel_button.setText(_("Cancel…") if self.width() >= _MIN_LABEL_WIDTH else "")
