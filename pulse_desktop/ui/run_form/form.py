"""The form by which a task is enqueued: by name and arguments, or a run once more with others.

It is a child of the window at the right edge of its pages and not a dialog: a modal loop inside a
coroutine would stop the others, and what the form is about stays in sight beside it.
"""

import json
from typing import Final

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QFrame, QWidget

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.model.queue_status import EnqueueReceipt
from pulse_desktop.state.run import TaskRun
from pulse_desktop.ui.run_form.draft import (
    Draft,
    about_words,
    draft_of,
    has_arguments,
    latest_by_name,
    listeners_words,
    name_words,
)
from pulse_desktop.ui.run_form.form_ui import RunFormUi
from pulse_desktop.ui.run_form.notices import enqueued_notice, error_notice
from pulse_desktop.ui.shell.page import PageContext

MIN_WIDTH: Final = 440
MAX_WIDTH: Final = 560
_LOOK_MS: Final = 1_000
_NEW: Final = "A worker runs it as soon as one is free."


class RunForm(QFrame):
    """Task name, arguments, labels, and what becomes of the wish.

    Attributes:
        parts: the controls.
        draft: what the form was opened with.

    Signals:
        room_changed: how much of the right of the pages it takes, in device-independent pixels.
    """

    room_changed = Signal(int)

    def __init__(self, context: PageContext, over: QWidget) -> None:
        """Make it, hidden.

        Args:
            context: what can be done, and whom to tell.
            over: the widget whose right edge it takes.
        """
        super().__init__(over)
        self._context = context
        self._over = over
        self._seen: dict[str, TaskRun] = {}
        self._kept = Draft()
        self._sends = 0
        self._sending = 0  # number of the wish that the form waits for, 0 for none
        self._focus_before: QWidget | None = None
        self._misfit_asked = False  # whether the refusal shown is about the arguments
        self._misfit_accepted = False
        self.draft = Draft()
        self.setObjectName("runForm")
        self.setAccessibleName("Run a task")
        self.parts = RunFormUi(self)
        self._timer = QTimer(self)
        self._timer.setObjectName("look at the queue")
        self._timer.setInterval(_LOOK_MS)
        self._connect()
        over.installEventFilter(self)
        self.hide()

    def _connect(self) -> None:
        parts = self.parts
        parts.name.changed.connect(self._changed)
        for field in parts.fields:
            field.changed.connect(self._changed)
        parts.fill.clicked.connect(self._fill_in)
        parts.guide.template_asked.connect(self._start_from)
        parts.refusal.force_requested.connect(self._submit_forced)
        parts.run.clicked.connect(self.submit)
        parts.cancel.clicked.connect(self.cancel)
        parts.close.clicked.connect(self.cancel)
        for keys in ("Ctrl+Return", "Ctrl+Enter"):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(self.submit)
        self._timer.timeout.connect(self._show_listeners)

    # Opening and closing

    def open(self, run: TaskRun | None = None) -> None:
        """Show it for a new task, as it was left, or with what a run was asked for."""
        if not self.isVisible():
            self._focus_before = self.window().focusWidget()
        elif run is None and not self.draft.rerun_of:
            self.parts.name.setFocus(Qt.FocusReason.OtherFocusReason)
            return
        else:
            self._keep()
        self._sending = 0
        self._seen = latest_by_name(self._context.state.runs.rows)
        self.draft = self._kept if run is None else draft_of(run)
        self._say_what_for(run)
        self._put(self.draft)
        self._show_listeners()
        self._timer.start()
        self.show()
        self.place()
        first = self.parts.name if run is None else self.parts.first_argument()
        first.setFocus(Qt.FocusReason.OtherFocusReason)

    def cancel(self) -> None:
        """Close it. What was typed for a new task is there again when it is opened next time."""
        self._keep()
        self._close()

    def place(self) -> None:
        """Take the right edge, from top to bottom."""
        wide = max(MIN_WIDTH, min(MAX_WIDTH, self._over.width() * 38 // 100))
        self.setGeometry(self._over.width() - wide, 0, wide, self._over.height())
        if self.isVisible():
            self.raise_()
            self.room_changed.emit(wide)

    def _keep(self) -> None:
        if not self.draft.rerun_of:
            parts = self.parts
            args, kwargs, labels = (field.text for field in parts.fields)
            self._kept = Draft(parts.name.name, args, kwargs, labels)

    def _close(self) -> None:
        focused = self.window().focusWidget()
        had_focus = bool(focused) and self.isAncestorOf(focused)
        self._timer.stop()
        self._sending = 0
        self._show_ready()
        self.hide()
        if had_focus and self._focus_before is not None:
            self._focus_before.setFocus(Qt.FocusReason.OtherFocusReason)
        self._focus_before = None
        self.room_changed.emit(0)

    def _say_what_for(self, run: TaskRun | None) -> None:
        if run is None:
            self.parts.set_head("Run a task", "plus", _NEW)
            return
        self.parts.set_head("Edit and re-run", "edit", about_words(run))

    # Contents

    def _put(self, draft: Draft) -> None:
        parts = self.parts
        parts.name.set_name(draft.task_name)
        known = (each.task_name for each in self._context.state.workers.task_schemas)
        parts.name.offer([*self._seen, *(name for name in known if name not in self._seen)])
        for field, text in zip(parts.fields, (draft.args, draft.kwargs, draft.labels), strict=True):
            field.set_text(text)
        parts.unfold_labels(unfolded=False)
        self._changed()

    def _changed(self) -> None:
        parts = self.parts
        parts.refusal.hide()
        self._misfit_asked = self._misfit_accepted = False
        name = parts.name.name
        known = self._seen.get(name)
        catalogue = self._context.state.workers.task_schemas
        parts.note.setText(name_words(name, seen=known is not None, catalogue=catalogue))
        parts.note.setVisible(bool(parts.note.text()))
        parts.guide.show_task(catalogue.get(name))
        if parts.args.flaw is None and parts.kwargs.flaw is None:
            parts.guide.judge(parts.args.text, parts.kwargs.text)
        empty = not any(field.text.strip() for field in parts.fields[:2])
        repeatable = known is not None and known.request is not None and known.request.complete
        parts.fill.setVisible(empty and repeatable and has_arguments(known))
        parts.show_label_count()
        self._show_ready()

    def _fill_in(self) -> None:
        """Take the arguments of the latest run of this task."""
        draft = draft_of(self._seen[self.parts.name.name])
        for field, text in zip(self.parts.fields, (draft.args, draft.kwargs), strict=False):
            field.set_text(text)
        self.parts.first_argument().setFocus(Qt.FocusReason.OtherFocusReason)

    def _start_from(self, template: str) -> None:
        self.parts.kwargs.set_text(template)
        self.parts.kwargs.setFocus(Qt.FocusReason.OtherFocusReason)

    def _show_listeners(self) -> None:
        known = self._context.state.workers.task_schemas.get(self.parts.name.name)
        if self.parts.guide.signature is not known:
            self._changed()  # a worker has told of it meanwhile
        words, color = listeners_words(self._context.tasks.queue_status)
        self.parts.show_listeners(words, color)

    def hindrance(self) -> str:
        """Return why it cannot be enqueued now, nothing when it can."""
        if self._sending:
            return "It is being enqueued"
        if not self.parts.name.name:
            return "Name the task first"
        for field in self.parts.fields:
            if field.flaw is not None:
                return f"{field.editor.accessibleName()}: {field.flaw}"
        return ""

    def _show_ready(self) -> None:
        hindrance = self.hindrance()
        run = self.parts.run
        run.setEnabled(not hindrance)
        run.setText("Enqueuing…" if self._sending else "Run")
        run.setToolTip(hindrance or "Enqueue the task (Ctrl+Enter)")
        run.setAccessibleDescription(hindrance)
        self.parts.refusal.force_button.setEnabled(not hindrance)

    # Enqueuing

    def submit(self, *, force: bool = False) -> None:
        """Enqueue what was typed, if it can be; ask once about arguments that do not fit."""
        if self.hindrance():
            return
        if self.parts.guide.misfits and not self._misfit_accepted:
            self._misfit_asked = True
            self.parts.refusal.show_refusal(self.parts.guide.refusal())
            self.parts.show_end()
            return
        parts = self.parts
        args, kwargs, labels = (field.source() for field in parts.fields)
        self._sends += 1
        self._sending = number = self._sends
        name, origin = parts.name.name, self.draft.rerun_of
        parts.refusal.hide()
        self._show_ready()

        async def enqueue() -> None:
            try:
                enqueued = await self._context.tasks.enqueue(
                    name, args, kwargs, json.loads(labels), force=force, rerun_of=origin
                )
            except UserFacingError as refusal:
                self._refused(number, refusal)
            else:
                self._enqueued(number, name, enqueued)
            finally:
                if number == self._sending:
                    self._sending = 0
                    self._show_ready()

        self._context.run_in_background(f"enqueue {number}", enqueue())

    def _submit_forced(self) -> None:
        if self._misfit_asked:
            self._misfit_asked, self._misfit_accepted = False, True
            self.submit()
        else:
            self.submit(force=True)

    def _enqueued(self, number: int, name: str, enqueued: EnqueueReceipt) -> None:
        self._context.notify(enqueued_notice(name, enqueued, self._context.navigate))
        if number == self._sending:
            if not self.draft.rerun_of:
                self._kept = Draft()
            self._close()

    def _refused(self, number: int, refusal: UserFacingError) -> None:
        if number == self._sending:
            self.parts.refusal.show_refusal(refusal)
            self.parts.show_end()
        else:  # the form was closed meanwhile, or is about something else now
            self._context.notify(error_notice(refusal))

    # Qt's side

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keep to the edge of the pages."""
        if watched is self._over and event.type() is QEvent.Type.Resize and self.isVisible():
            self.place()
        return super().eventFilter(watched, event)

    def event(self, event: QEvent) -> bool:
        """Keep single letters from the page behind: R there would run something again."""
        if event.type() is QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            modifiers = event.modifiers() & ~Qt.KeyboardModifier.ShiftModifier
            if event.text().isprintable() and event.text() and not modifiers:
                event.accept()
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Close on Esc; nothing else goes on to the page behind."""
        if event.key() == Qt.Key.Key_Escape:
            self.cancel()
        event.accept()
