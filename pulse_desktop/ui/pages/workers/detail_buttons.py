"""The buttons in the details of a worker: pause, resume, drain, log level."""

from PySide6.QtCore import QObject, Qt

from pulse_desktop.state.worker import Worker, WorkerActivity
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _
from pulse_desktop.ui.page.actions import ActionTable
from pulse_desktop.ui.page.context_menu import show_context_menu
from pulse_desktop.ui.page.row_detail import RowDetail
from pulse_desktop.ui.pages.workers.actions import DRAIN, LOG_MENU, PAUSE, RESUME, SET_LOG_LEVEL
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.plain_text import set_tooltip
from pulse_desktop.ui.theme.theme import theme
from pulse_desktop.ui.widgets.act_button import ActButton


class WorkerDetailButtons(QObject):
    """Buttons bound to the actions of the page; only the applicable ones are visible.

    Attributes:
        pause: pauses the worker.
        resume: resumes it.
        drain: drains it.
        log_level: opens a menu of log levels.
    """

    def __init__(self, detail: RowDetail, actions: ActionTable) -> None:
        """Add the buttons to a detail panel.

        Args:
            detail: the panel.
            actions: of the window.
        """
        super().__init__(detail)  # so that the connection to the theme ends with the panel
        self._level = ""
        self.pause = ActButton(_("Pause"))
        self.resume = ActButton(_("Resume"))
        self.drain = ActButton(_("Drain…"))
        self.log_level = ActButton(_("Log level"))
        self.log_level.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
        set_tooltip(self.log_level, _("Change log level"))
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
                SET_LOG_LEVEL.get(self._level),
            )
        )
        for button in (self.log_level, self.drain, self.resume, self.pause):
            detail.add_button(button)
        theme().changed.connect(self._apply_theme)
        self._apply_theme()

    def show_worker(self, worker: Worker, *, online: bool) -> None:
        """Show the buttons that apply to a worker.

        Args:
            worker: the worker shown in the panel.
            online: whether it is running.
        """
        self._level = worker.log_level.upper()
        accepts = online and worker.accepts_worker_commands
        paused = worker.activity is WorkerActivity.PAUSED
        draining = worker.activity is WorkerActivity.DRAINING
        self.pause.setVisible(accepts and not paused and not draining)
        self.resume.setVisible(accepts and paused)
        self.drain.setVisible(accepts and not draining)
        self.log_level.setVisible(accepts)

    def _apply_theme(self) -> None:
        icons.set_button_icon(self.pause, "pause", SemanticColor.MUTED)
        icons.set_button_icon(self.resume, "play", SemanticColor.MUTED)
        icons.set_button_icon(self.drain, "save", SemanticColor.MUTED)
        icons.set_button_icon(self.log_level, "chevron-down", SemanticColor.MUTED, 12)
