"""The buttons beside a worker's details: made from the actions, and shown where they make sense."""

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QPushButton

from pulse_desktop.state.workers import Worker, WorkerActivity
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.pages.workers.actions import DRAIN, LOG_MENU, PAUSE, RESUME
from pulse_desktop.ui.shell.actions import ActionTable
from pulse_desktop.ui.shell.context_menu import show_context_menu
from pulse_desktop.ui.table.row_detail import RowDetail
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.theme import theme


class WorkerDetailButtons(QObject):
    """Pause or resume, drain, log level.

    Attributes:
        pause: lets it take no more tasks.
        resume: lets it take tasks again.
        drain: lets it end.
        log_level: opens a menu.
    """

    def __init__(self, detail: RowDetail, actions: ActionTable) -> None:
        """Put them into a panel."""
        super().__init__(detail)  # so that nobody tells it of a theme after the panel is gone
        self.pause = QPushButton("Pause")
        self.resume = QPushButton("Resume")
        self.drain = QPushButton("Drain…")
        self.log_level = QPushButton("Log level")
        self.log_level.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
        self.log_level.setToolTip("Let it log more, or less")
        for button, action in (
            (self.drain, DRAIN),
            (self.resume, RESUME),
            (self.pause, PAUSE),
        ):
            actions.bind_button(button, action)
        self.log_level.clicked.connect(
            lambda: show_context_menu(
                actions,
                LOG_MENU,
                self.log_level,
                self.log_level.mapToGlobal(self.log_level.rect().bottomLeft()),
            )
        )
        self._all = (self.log_level, self.drain, self.resume, self.pause)
        for button in self._all:
            detail.add_button(button)
        theme().changed.connect(self._tint)
        self._tint()

    def show_worker(self, worker: Worker, *, present: bool) -> None:
        """Offer what can be done about a worker.

        Args:
            worker: which is shown.
            present: whether it is there.
        """
        takes = present and bool(worker.control)
        paused = worker.activity is WorkerActivity.PAUSED
        draining = worker.activity is WorkerActivity.DRAINING
        self.pause.setVisible(takes and not paused and not draining)
        self.resume.setVisible(takes and paused)
        self.drain.setVisible(takes and not draining)
        self.log_level.setVisible(takes)

    def _tint(self) -> None:
        icons.set_button_icon(self.pause, "pause", SemanticColor.MUTED)
        icons.set_button_icon(self.resume, "play", SemanticColor.MUTED)
        icons.set_button_icon(self.drain, "save", SemanticColor.MUTED)
        icons.set_button_icon(self.log_level, "chevron-down", SemanticColor.MUTED, 12)
