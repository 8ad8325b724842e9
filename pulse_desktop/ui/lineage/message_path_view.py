"""The path of a chat message through the stages, as a table whose rows lead to the runs."""

from collections.abc import Callable

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from pulse_desktop.state.chat_messages import MessageRow
from pulse_desktop.state.message_path import NOISE, MessagePath, PathSearch, PathStep
from pulse_desktop.state.system import SystemState
from pulse_desktop.text.message_path_text import path_summary
from pulse_desktop.text.translation import _
from pulse_desktop.ui.lineage.section_columns import path_columns
from pulse_desktop.ui.lineage.section_table import SectionTable
from pulse_desktop.ui.navigation import ShowRun
from pulse_desktop.ui.theme.plain_text import Label
from pulse_desktop.ui.throttle import Elapsed

_SEARCH_AGAIN_S = 3.0


class MessagePathView(QWidget):
    """The table, and the path in one line above it.

    The runs are searched in slices between frames, and again now and then while it is visible.

    Attributes:
        table: one row per run, and one per stage without a known run.
        summary: the path in one line.
        path: what was found so far.

    Signals:
        target_requested: the operator wants to go to a `Target`.
    """

    target_requested = Signal(object)

    def __init__(self, state: SystemState, task_label: Callable[[str], str]) -> None:
        """Create an empty view.

        Args:
            state: what is known of the system.
            task_label: returns the short name of a task.
        """
        super().__init__()
        self._state = state
        self._ids: tuple[str, ...] = ()
        self._is_noise = False
        self._search: PathSearch | None = None
        self._now = 0.0
        self._since_searched = Elapsed()
        self.path = MessagePath(())
        self.summary = Label()
        self.summary.setProperty("role", "muted")
        self.summary.setWordWrap(True)
        columns = path_columns(task_label, lambda: self.path)
        self.table = SectionTable(
            columns, _("Stages of the message"), key=lambda step: (step.task_id, step.stages)
        )
        self.table.row_chosen.connect(self._show_run)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.summary)
        layout.addWidget(self.table)
        self._timer = QTimer(self, interval=0)
        self._timer.setObjectName("search the runs of a message")
        self._timer.timeout.connect(self._step)

    def show_message(self, message_id: str, row: MessageRow | None, now: float) -> None:
        """Show the path of a message.

        Args:
            message_id: any id of it.
            row: the message, None if nothing else is known of it.
            now: Unix seconds.
        """
        ids = (row.key, row.message_id) if row is not None else (message_id,)
        self._now = now
        self._is_noise = row is not None and row.classification == NOISE
        if ids != self._ids:
            self._ids, self.path = ids, MessagePath(())
            self._start()

    def refresh(self, now: float) -> None:
        """Search again if the last search is some time ago. `now` is Unix seconds."""
        self._now = now
        is_due = self._since_searched.seconds(now) > _SEARCH_AGAIN_S
        if self._ids and self._search is None and is_due:
            self._start()

    def _start(self) -> None:
        self._since_searched.restart(self._now)
        self._search = PathSearch(
            self._state.runs, self._state.message_runs, *self._ids, is_noise=self._is_noise
        )
        if not self.path.steps or not self.isVisible():
            self._show(self._search.path)
        if self.isVisible():
            self._timer.start()

    def _step(self) -> None:
        if self._search is None:
            self._timer.stop()
        elif not self._search.step():
            path, self._search = self._search.path, None
            self._timer.stop()
            self._show(path)

    def _show(self, path: MessagePath) -> None:
        self.path = path
        self.table.set_rows(path.steps, self._now)
        self.summary.setText(path_summary(path))
        self.summary.setVisible(bool(path.steps))

    def _show_run(self, row: PathStep) -> None:
        if row.run is not None:
            self.target_requested.emit(ShowRun(row.task_id))

    def showEvent(self, event: QShowEvent) -> None:
        """Go on searching."""
        super().showEvent(event)
        if self._search is not None:
            self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """Search no further."""
        super().hideEvent(event)
        self._timer.stop()
