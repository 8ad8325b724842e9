"""How far a run has come that has not ended yet, how fast it goes, and the way to stop it."""

from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from pulse_desktop.state.run import OPEN_STATES, RunState, TaskRun
from pulse_desktop.text import formats
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.theme import theme

_STEPS: Final = 1_000
_MINUTE: Final = 60.0
_WAITS: Final = {
    RunState.QUEUED: "Waits for a worker",
    RunState.RETRYING: "Waits for its next attempt",
    RunState.OVERDUE: "Nothing has been heard of it for long",
}


class ProgressRow(QWidget):
    """A bar, words, and a button. It is there only while the run has not ended.

    Signals:
        cancel_asked: the operator wants the run cancelled.
    """

    cancel_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.bar = QProgressBar()
        self.bar.setRange(0, _STEPS)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(6)
        self.bar.setAccessibleName("Progress of the run")
        self.words = QLabel()
        self.words.setProperty("role", "muted")
        self.message = QLabel()
        self.message.setProperty("role", "small")
        for label in (self.words, self.message):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
        self.cancel = QPushButton("Cancel…")
        self.cancel.setProperty("kind", "danger")
        self.cancel.setAccessibleName("Cancel the run")
        self.cancel.setToolTip("Take it out of the queue, or let its worker end it (C)")
        self.cancel.clicked.connect(self.cancel_asked)
        told = QVBoxLayout()
        told.setSpacing(6)
        told.addWidget(self.words)
        told.addWidget(self.bar)
        told.addWidget(self.message)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 12)
        layout.setSpacing(14)
        layout.addLayout(told, 1)
        layout.addWidget(self.cancel, 0, Qt.AlignmentFlag.AlignTop)
        theme().changed.connect(self._tint)
        self._tint()

    def show_run(self, run: TaskRun, now: float) -> None:
        """Show how far a run is at a time, Unix seconds; hide when it has ended."""
        self.setVisible(run.state in OPEN_STATES)
        if run.state not in OPEN_STATES:
            return
        progress = run.progress if run.state is not RunState.QUEUED else None
        share = progress.fraction if progress is not None else None
        self.bar.setVisible(share is not None)
        if share is not None:
            self.bar.setValue(round(share * _STEPS))
        self.words.setText(progress_words(run, now))
        message = progress.message if progress is not None else ""
        self.message.setText(formats.elided(message, 200))
        self.message.setVisible(bool(message))

    def _tint(self) -> None:
        icons.set_button_icon(self.cancel, "cancelled", SemanticColor.BAD)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the words beside the button however narrow the panel is."""
        super().resizeEvent(event)
        self.cancel.setText("Cancel…" if self.width() >= 260 else "")


def progress_words(run: TaskRun, now: float) -> str:
    """Return `1,204 of 2,000 (60 %) · 112 per s · about 7 s left`, as far as it is known."""
    progress = run.progress
    if run.state in _WAITS and (progress is None or run.state is not RunState.OVERDUE):
        return _WAITS[run.state]
    if progress is None:
        return "Running; it tells no progress"
    parts: list[str] = []
    if progress.total > 0:
        share = progress.fraction or 0.0
        parts.append(f"{_amount(progress.done)} of {_amount(progress.total)} ({share * 100:.0f} %)")
    elif progress.done:
        parts.append(f"{_amount(progress.done)} done")
    rate = progress.rate_since(run.started_at)
    if rate:
        parts.append(rate_words(rate))
    left = progress.remaining_s(run.started_at, now)
    if left is not None and progress.done < progress.total:
        about = formats.duration(left, brief=left < _MINUTE)
        parts.append(f"about {about} left" if left else "nearly done")
    return " · ".join(parts) or "Running"


def rate_words(rate: float) -> str:
    """Return `112 per s`, `4.2 per s`, `8 per min`."""
    if rate >= 10:
        return f"{formats.count(rate)} per s"
    if rate >= 0.95:
        return f"{rate:.1f} per s"
    per_minute = rate * 60
    return f"{per_minute:.0f} per min" if per_minute >= 1 else f"{rate * 3600:.1f} per h"


def _amount(number: float) -> str:
    return formats.count(number) if number == round(number) else f"{number:,.2f}"
