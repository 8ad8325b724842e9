"""The progress of a run that has not ended: how much is done, how fast, and the cancel button."""

from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from pulse_desktop.model.run_state import OPEN_STATES, RunState
from pulse_desktop.state.run import TaskRun
from pulse_desktop.text import formats
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.theme import theme

_STEPS: Final = 1_000
_MINUTE: Final = 60.0
_MIN_LABEL_WIDTH: Final = 260
_WAITING_TEXT: Final = {
    RunState.QUEUED: _("Waiting for a worker"),
    RunState.RETRYING: _("Waiting for its next attempt"),
    RunState.OVERDUE: _("No update for a long time"),
}


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
        self.label = QLabel()
        self.label.setProperty("role", "muted")
        self.message = QLabel()
        self.message.setProperty("role", "small")
        for label in (self.label, self.message):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
        self.cancel_button = QPushButton(_("Cancel…"))
        self.cancel_button.setProperty("kind", "danger")
        self.cancel_button.setAccessibleName(_("Cancel the run"))
        self.cancel_button.setToolTip(_("Remove it from the queue, or stop it on its worker (C)"))
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


def progress_text(run: TaskRun, now: float) -> str:
    """Return such as `60 of 200 (30 %) · 12 per s · about 11 s left`, as far as it is known."""
    progress = run.progress
    if run.state in _WAITING_TEXT and (progress is None or run.state is not RunState.OVERDUE):
        return _WAITING_TEXT[run.state]
    if progress is None:
        return _("Running; the task reports no progress")
    parts: list[str] = []
    if progress.total > 0:
        parts.append(
            _("{done} of {total} ({percent} %)").format(
                done=_amount(progress.done),
                total=_amount(progress.total),
                percent=f"{(progress.fraction or 0.0) * 100:.0f}",
            )
        )
    elif progress.done:
        parts.append(_("{done} done").format(done=_amount(progress.done)))
    rate = progress.rate_since(run.started_at)
    if rate:
        parts.append(rate_text(rate))
    left = progress.remaining_s(run.started_at, now)
    if left is not None and progress.done < progress.total:
        duration = formats.duration(left, brief=left < _MINUTE)
        parts.append(
            _("about {duration} left").format(duration=duration) if left else _("almost done")
        )
    return " · ".join(parts) or _("Running")


def rate_text(rate: float) -> str:
    """Return a rate per second in the fitting unit: `112 per s`, `4.2 per s`, `8 per min`."""
    if rate >= 10:
        return _("{count} per s").format(count=formats.count(rate))
    if rate >= 0.95:
        return _("{count} per s").format(count=f"{rate:.1f}")
    per_minute = rate * 60
    if per_minute >= 1:
        return _("{count} per min").format(count=f"{per_minute:.0f}")
    return _("{count} per h").format(count=f"{rate * 3600:.1f}")


def _amount(number: float) -> str:
    return formats.count(number) if number == round(number) else f"{number:,.2f}"
