"""The top of a run's details: state, task name, id, and the buttons for the run."""

from collections.abc import Callable
from typing import Final

import msgspec
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from pulse_desktop.state.run import Request, TaskRun
from pulse_desktop.state.serialize import run_to_dict
from pulse_desktop.text.error_report import raw_error
from pulse_desktop.text.run_text import STATE_LABELS, attempts_text, decoded_call, state_name
from pulse_desktop.text.semantic_color import SemanticColor, subdued
from pulse_desktop.text.translation import _
from pulse_desktop.ui.clipboard import copy_json, copy_line, copy_text
from pulse_desktop.ui.json.json_text import FOR_CLIPBOARD, json_text
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.plain_text import Label, set_tooltip
from pulse_desktop.ui.theme.style_sheet import set_style_property
from pulse_desktop.ui.theme.theme import theme
from pulse_desktop.ui.widgets.act_button import ActButton
from pulse_desktop.ui.widgets.elided_button import ElidedButton
from pulse_desktop.ui.widgets.elided_label import ElidedLabel

_WIDE: Final = 412
"""Width from which the edit button has its full label."""


class RunHeader(QWidget):
    """State, name, id, attempt and worker of a run; re-run, edit, copy, show the original.

    Attributes:
        rerun_button: re-runs the run.
        edit_button: opens the run form with its arguments.
        name_label: short name of the task.
        worker_button: shows the worker of the latest attempt.
        state_tooltip: tooltip of the state.

    Signals:
        rerun_requested: re-run the run.
        edit_requested: re-run it with other arguments.
        original_requested: task id of the run that this one re-runs.
        worker_requested: identity of the worker of the latest attempt.
    """

    rerun_requested = Signal()
    edit_requested = Signal()
    original_requested = Signal(str)
    worker_requested = Signal(str)

    def __init__(
        self,
        close_button: QPushButton,
        task_label: Callable[[str], str],
        worker_label: Callable[[str], str],
    ) -> None:
        """Create an empty header.

        Args:
            close_button: of the panel, placed in the first line.
            task_label: returns the short name of a task.
            worker_label: returns the short name of a worker.
        """
        super().__init__()
        self._task_label = task_label
        self._worker_label = worker_label
        self._run: TaskRun | None = None
        self._is_stale = False
        self._rerun_color: SemanticColor | str = "on_accent"
        self._icon = Label()
        self._state = Label()
        self.state_tooltip = ""
        self._state.setProperty("role", "state")
        self.name_label = ElidedLabel()
        self.name_label.setProperty("role", "heading")
        self._task_id = ElidedLabel(Qt.TextElideMode.ElideMiddle)
        self._place = Label()
        self.worker_button = ElidedButton(shortest=10)
        self.worker_button.setProperty("kind", "link")
        for label in (self._task_id, self._place):
            label.setProperty("role", "muted")
        self.rerun_button = ActButton(_("Re-run"))
        self.rerun_button.setProperty("kind", "primary")
        self.edit_button = QPushButton(_("Edit…"))
        self.edit_button.setAccessibleName(_("Edit and re-run"))
        self.allow_edit(allowed=True)
        self._copy = CopyRunButton(lambda: self._run)
        self._original = QPushButton(_("Original"))
        self._lay_out(close_button)
        self.rerun_button.clicked.connect(self.rerun_requested)
        self.edit_button.clicked.connect(self.edit_requested)
        self._original.clicked.connect(self._request_original)
        self.worker_button.clicked.connect(self._request_worker)
        theme().changed.connect(self._apply_theme)
        self._apply_theme()

    def _lay_out(self, close_button: QPushButton) -> None:
        first = QHBoxLayout()
        first.setSpacing(7)
        for widget in (self._icon, self._state):
            first.addWidget(widget)
        first.addWidget(self.name_label, 1)
        first.addWidget(close_button)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        for button in (self.rerun_button, self.edit_button, self._copy, self._original):
            buttons.addWidget(button)
        buttons.addStretch(1)
        place = QHBoxLayout()
        place.setSpacing(4)
        place.addWidget(self._place)
        place.addWidget(self.worker_button)
        place.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(first)
        layout.addWidget(self._task_id)
        layout.addLayout(place)
        layout.addSpacing(10)
        layout.addLayout(buttons)

    def set_state_tooltip(self, text: str) -> None:
        """Set the tooltip of the state."""
        self.state_tooltip = text
        set_tooltip(self._state, text)

    def set_selected(self, count: int) -> None:
        """Say that the buttons act on this run alone while several are selected."""
        several = count > 1
        self.rerun_button.setText(_("Re-run this one") if several else _("Re-run"))
        set_style_property(self.rerun_button, "kind", "" if several else "primary")
        self._rerun_color = SemanticColor.MUTED if several else "on_accent"
        icons.set_button_icon(self.rerun_button, "retry", self._rerun_color)

    def set_stale(self, *, stale: bool) -> None:
        """Show the icon of the state without its color, or with it again."""
        if stale != self._is_stale:
            self._is_stale = stale
            if self._run is not None:
                self.show_run(self._run)

    def allow_edit(self, *, allowed: bool) -> None:
        """Enable the button that edits the arguments; a recording allows no re-run."""
        self.edit_button.setEnabled(allowed)
        why = _("This is a recording: nothing can be sent")
        set_tooltip(self.edit_button, _("Edit the arguments and re-run (E)") if allowed else why)

    def show_run(self, run: TaskRun) -> None:
        """Show a run."""
        self._run = run
        _label, glyph, color = STATE_LABELS[run.state]
        shown = subdued(color) if self._is_stale else color
        self._icon.setPixmap(icons.pixmap(glyph, shown, 16, self.devicePixelRatioF()))
        self._state.setText(state_name(run))
        set_style_property(self._state, "color", color.value)
        self.name_label.set_text(self._task_label(run.name) or _("unknown task"), run.name)
        self._task_id.set_text(run.task_id)
        attempts = attempts_text(run)
        attempt = _("attempt {number}").format(number=attempts) if attempts else ""
        self._place.setText(f"{attempt} ·" if attempt and run.worker else attempt)
        self._place.setVisible(bool(attempt))
        worker = _("on {worker}").format(worker=self._worker_label(run.worker))
        self.worker_button.show_text(
            worker, _("Show the worker {worker}").format(worker=run.worker)
        )
        self.worker_button.setVisible(bool(run.worker))
        self.rerun_button.setEnabled(run.request is not None and run.request.repeatable)
        set_tooltip(self.rerun_button, _rerun_tooltip(run.request))
        self._original.setVisible(bool(run.rerun_of))
        tooltip = _("This is a re-run of {task_id}: show that run").format(task_id=run.rerun_of)
        set_tooltip(self._original, tooltip)

    def _request_worker(self) -> None:
        if self._run is not None and self._run.worker:
            self.worker_requested.emit(self._run.worker)

    def _request_original(self) -> None:
        if self._run is not None:
            self.original_requested.emit(self._run.rerun_of)

    def _apply_theme(self) -> None:
        icons.set_button_icon(self.rerun_button, "retry", self._rerun_color)
        icons.set_button_icon(self._original, "arrow-right", SemanticColor.MUTED, 12)
        for label in (self._task_id, self._place):
            label.setFont(theme().number_font(step=-1))
        if self._run is not None:
            self.show_run(self._run)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give the edit button its full label where it fits."""
        super().resizeEvent(event)
        self.edit_button.setText(_("Edit and re-run…") if self.width() >= _WIDE else _("Edit…"))


class CopyRunButton(QPushButton):
    """A button with a menu that copies parts of a run to the clipboard."""

    def __init__(self, run: Callable[[], TaskRun | None]) -> None:
        """Create a button.

        Args:
            run: returns the run that is shown.
        """
        super().__init__(_("Copy"))
        self._run = run
        menu = QMenu(self)
        for title, copy in _COPIES:
            menu.addAction(title).triggered.connect(
                lambda _checked=False, copy=copy: self._copy(copy)
            )
        self.setMenu(menu)
        self.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
        theme().changed.connect(self._apply_theme)
        self._apply_theme()

    def _copy(self, copy: Callable[[TaskRun], object]) -> None:
        run = self._run()
        if run is not None:
            copy(run)

    def _apply_theme(self) -> None:
        icons.set_button_icon(self, "chevron-down", SemanticColor.MUTED, 12)


def _rerun_tooltip(request: Request | None) -> str:
    if request is None or not request.complete:
        return _("Cannot re-run: arguments unknown")
    if not request.repeatable:
        return _("Cannot re-run: its message holds more than plain data")
    return _("Enqueue it again with the same arguments, under a new id (R)")


def _as_json(value: object) -> str:
    try:
        return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return json_text(value, FOR_CLIPBOARD)[0]


_COPIES: Final[tuple[tuple[str, Callable[[TaskRun], object]], ...]] = (
    (_("Task id"), lambda run: copy_line(run.task_id)),
    (_("Task name"), lambda run: copy_line(run.name)),
    (_("Arguments as JSON"), lambda run: copy_json(_as_json(decoded_call(run)))),
    (_("Error"), lambda run: copy_text(raw_error(run))),
    (_("Whole run as JSON"), lambda run: copy_json(_as_json(run_to_dict(run)))),
)
