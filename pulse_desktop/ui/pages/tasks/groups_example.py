"""The example of a failure group: its latest run, with the traceback for reading."""

from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from pulse_desktop.state.run import TaskRun
from pulse_desktop.text import formats
from pulse_desktop.text.error_report import (
    LineKind,
    ReportLine,
    error_report,
    library_frame_count,
)
from pulse_desktop.text.run_text import reason_text
from pulse_desktop.text.translation import _, ngettext
from pulse_desktop.ui.pages.tasks.report_text import ReportText
from pulse_desktop.ui.theme.plain_text import set_tooltip
from pulse_desktop.ui.widgets.elided_label import ElidedLabel

_MIN_HEIGHT: Final = 180
_MAX_TEXT: Final = 200_000


class GroupExample(QWidget):
    """The latest failure: a link to its run, and why it failed.

    Attributes:
        open_run: opens the run.
        unfold: shows the frames that are left out.
        text: reason and frames.

    Signals:
        run_requested: task id of the run to show.
    """

    run_requested = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._run: TaskRun | None = None
        self._is_whole = False
        self._title = ElidedLabel()
        self._title.setProperty("role", "muted")
        self.open_run = QPushButton(_("Open run"))
        set_tooltip(self.open_run, _("Show the latest run of this group"))
        self.unfold = QPushButton()
        set_tooltip(self.unfold, _("Show the frames of libraries too"))
        self.text = ReportText()
        self.text.setTabChangesFocus(True)
        self.text.setMinimumHeight(_MIN_HEIGHT)
        self.text.setAccessibleName(_("Example"))
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self._title, 1)
        head.addWidget(self.unfold)
        head.addWidget(self.open_run)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addLayout(head)
        layout.addWidget(self.text, 1)
        self.open_run.clicked.connect(self._request_run)
        self.unfold.clicked.connect(self._unfold)

    def show_run(self, run: TaskRun | None, *, is_other: bool) -> None:
        """Show a run.

        Args:
            run: None if it is no longer retained.
            is_other: whether it is the example of another group than before.
        """
        if is_other:
            self._is_whole = False
        elif run is self._run:
            return
        self._run = run
        self._show()

    def _show(self) -> None:
        run = self._run
        self.open_run.setVisible(run is not None)
        if run is None:
            self._title.set_text(_("Example"))
            self.unfold.hide()
            gone = _("No run of this group is retained any more.")
            self.text.show_lines([ReportLine(LineKind.NOTE, gone)])
            return
        self._title.set_text(
            _("Latest example, {time}").format(time=formats.clock(run.finished_at))
        )
        frames = library_frame_count(run)
        text = ngettext("Show {count} more frame", "Show {count} more frames", frames)
        self.unfold.setText(text.format(count=formats.count(frames)))
        self.unfold.setVisible(bool(frames) and not self._is_whole)
        lines = error_report(run, all_frames=self._is_whole)
        reason = reason_text(run) or _("The worker sent no reason.")
        self.text.show_lines(lines or [ReportLine(LineKind.RAW, reason[:_MAX_TEXT])])

    def _unfold(self) -> None:
        self._is_whole = True
        self._show()

    def _request_run(self) -> None:
        if self._run is not None:
            self.run_requested.emit(self._run.task_id)
