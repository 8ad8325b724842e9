"""Run form: enqueues a task by its name and arguments, or a run again with other arguments.

It is a child of the window at the right edge of the pages and not a dialog: a modal event loop
inside a coroutine would block other coroutines, and the page stays visible beside it.
"""

import json
from dataclasses import replace
from typing import Final

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QFrame, QWidget

from pulse_desktop.model.errors import NotConnectedError, UserFacingError
from pulse_desktop.model.queue_status import EnqueueReceipt
from pulse_desktop.state.run import TaskRun
from pulse_desktop.text.translation import _
from pulse_desktop.ui.page.page import PageContext
from pulse_desktop.ui.page.question import DeclinedError
from pulse_desktop.ui.run_form.draft import (
    Draft,
    Drafts,
    OpenForm,
    draft_of,
    has_arguments,
    latest_by_name,
)
from pulse_desktop.ui.run_form.form_text import (
    consumer_summary,
    enqueued_notification,
    failed_notification,
    name_warning,
    rerun_description,
)
from pulse_desktop.ui.run_form.form_ui import RunFormUi
from pulse_desktop.ui.theme.plain_text import set_tooltip

MIN_WIDTH: Final = 440
MAX_WIDTH: Final = 560
_REFRESH_MS: Final = 1_000


class RunForm(QFrame):
    """The form.

    Attributes:
        ui: the controls.
        draft: the content with which the form was opened.

    Signals:
        width_changed: pixels that the form covers at the right of the pages, 0 while it is hidden.
    """

    width_changed = Signal(int)

    def __init__(self, context: PageContext, parent: QWidget, drafts: Drafts | None = None) -> None:
        """Create the form; it is hidden.

        Args:
            context: what the form may use of the program.
            parent: the widget at whose right edge it is shown.
            drafts: what was typed before on the same connection; kept up to date.
        """
        super().__init__(parent)
        self._context = context
        self._parent = parent
        self._latest: dict[str, TaskRun] = {}
        self._drafts = drafts if drafts is not None else {}
        self._header = ("", "", "")
        self._submissions = 0
        self._pending = 0  # number of the submission that the form waits for, 0 for none
        self._focus_before: QWidget | None = None
        self._confirming = False  # whether the error card is about the arguments
        self._confirmed = False
        self._error: UserFacingError | None = None  # in the error card, from the session
        self.draft = Draft()
        self.setObjectName("runForm")
        self.setAccessibleName(_("Run a task"))
        self.ui = RunFormUi(self)
        self.ui.badge.show_profile(context.profile, context.profile_label)
        self._timer = QTimer(self)
        self._timer.setObjectName("run form refresh")
        self._timer.setInterval(_REFRESH_MS)
        self._connect()
        parent.installEventFilter(self)
        self.hide()

    def _connect(self) -> None:
        ui = self.ui
        ui.task_name.changed.connect(self._content_changed)
        for field in ui.fields:
            field.changed.connect(self._content_changed)
        ui.use_latest.clicked.connect(self._use_latest_arguments)
        ui.argument_help.template_requested.connect(self._use_template)
        ui.error_card.force_requested.connect(self._submit_forced)
        ui.run_button.clicked.connect(self.submit)
        ui.cancel_button.clicked.connect(self.cancel)
        ui.close_button.clicked.connect(self.cancel)
        for keys in ("Ctrl+Return", "Ctrl+Enter"):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(self.submit)
        self._timer.timeout.connect(self.refresh)

    # Opening and closing

    def open(self, run: TaskRun | None = None) -> None:
        """Show the form with the arguments of a run, or for a new task as it was left."""
        if run is not None:
            header = (_("Edit and re-run"), "edit", rerun_description(run))
            self._show(draft_of(run), header)
        elif self.isVisible() and not self.draft.run_id:
            self.ui.task_name.setFocus(Qt.FocusReason.OtherFocusReason)
            self.ui.task_name.field.selectAll()
        else:
            self._show(Draft(), (_("Run a task"), "plus", _("The next free worker runs it.")))

    def open_copy(self, run: TaskRun, connection: str) -> None:
        """Show the form with the arguments of a run on another connection, for a new task here.

        What was typed for another task is shown again when the form is opened for that.

        Args:
            run: the run.
            connection: how the window calls the other connection.
        """
        text = _("A new run, with the arguments of a run on {connection}.")
        header = (
            _("Run a task again here"),
            "edit",
            text.format(connection=connection),
        )
        self._show(replace(draft_of(run), rerun_of="", copy_of=run.task_id), header)

    @property
    def shown(self) -> OpenForm | None:
        """What the form shows, None while it is closed."""
        return (self.draft, self._header) if self.isVisible() else None

    def open_again(self, form: OpenForm) -> None:
        """Show what another form of the same connection showed."""
        self._show(*form)

    def _show(self, draft: Draft, header: tuple[str, str, str]) -> None:
        if not self.isVisible():
            self._focus_before = self.window().focusWidget()
        else:
            self._save_draft()
        self._pending = 0
        self._latest = latest_by_name(self._context.state.runs.rows)
        self.draft, self._header = self._drafts.get(draft.run_id, draft), header
        self.ui.set_header(*header)
        self._fill(self.draft)
        self.refresh()
        self._timer.start()
        self.show()
        self.reposition()
        first = self.ui.initial_arguments_field() if draft.run_id else self.ui.task_name
        first.setFocus(Qt.FocusReason.OtherFocusReason)
        if not draft.run_id:
            self.ui.task_name.field.selectAll()  # typing replaces the name of the last time

    def cancel(self) -> None:
        """Close the form. What was typed is restored when it is opened again for the same."""
        self._save_draft()
        self._close()

    def reposition(self) -> None:
        """Move to the right edge of the parent, above the current page."""
        parent = self._parent
        width = max(MIN_WIDTH, min(MAX_WIDTH, parent.width() * 38 // 100))
        self.setGeometry(parent.width() - width, 0, width, parent.height())
        if self.isVisible():
            self.raise_()
            self.width_changed.emit(width)

    def _save_draft(self) -> None:
        if not self.isVisible():
            return
        args, kwargs, labels = (field.text for field in self.ui.fields)
        name, shown = self.ui.task_name.name, self.draft
        draft = Draft(name, args, kwargs, labels, shown.rerun_of, shown.copy_of)
        if draft != shown:
            self._drafts[draft.run_id] = draft

    def _close(self) -> None:
        focused = self.window().focusWidget()
        had_focus = bool(focused) and self.isAncestorOf(focused)
        self._timer.stop()
        self._pending = 0
        self._update_run_button()
        self.hide()
        if had_focus and self._focus_before is not None:
            self._focus_before.setFocus(Qt.FocusReason.OtherFocusReason)
        self._focus_before = None
        self.width_changed.emit(0)

    # Content

    def _fill(self, draft: Draft) -> None:
        ui = self.ui
        ui.task_name.set_name(draft.task_name)
        announced = (schema.task_name for schema in self._context.state.workers.task_schemas)
        ui.task_name.set_names(
            [*self._latest, *(name for name in announced if name not in self._latest)]
        )
        for field, text in zip(ui.fields, (draft.args, draft.kwargs, draft.labels), strict=True):
            field.set_text(text)
        ui.expand_labels(expanded=False)
        ui.argument_help.clear_errors()  # those of the draft before; invalid JSON has none
        self._content_changed()

    def _content_changed(self) -> None:
        ui = self.ui
        ui.error_card.hide()
        self._error = None
        self._confirming = self._confirmed = False
        name = ui.task_name.name
        latest = self._latest.get(name)
        schemas = self._context.state.workers.task_schemas
        ui.set_name_warning(name_warning(name, seen=latest is not None, schemas=schemas))
        ui.show_schema(schemas.get(name))
        if ui.args.error is None and ui.kwargs.error is None:
            ui.argument_help.validate(ui.args.text, ui.kwargs.text)
        empty = not any(field.text.strip() for field in ui.fields[:2])
        ui.use_latest.setVisible(empty and has_arguments(latest))
        ui.update_label_count()
        self._update_run_button()

    def _use_latest_arguments(self) -> None:
        draft = draft_of(self._latest[self.ui.task_name.name])
        self.ui.args.set_text(draft.args)
        self.ui.kwargs.set_text(draft.kwargs)
        self.ui.initial_arguments_field().setFocus(Qt.FocusReason.OtherFocusReason)

    def _use_template(self, template: str) -> None:
        self.ui.kwargs.set_text(template)
        self.ui.kwargs.setFocus(Qt.FocusReason.OtherFocusReason)

    @property
    def is_refreshing(self) -> bool:
        """Whether queue and schemas are read every second."""
        return self._timer.isActive()

    def refresh(self) -> None:
        """Show the state of the queue, and a schema that a worker announced meanwhile."""
        schema = self._context.state.workers.task_schemas.get(self.ui.task_name.name)
        if self.ui.argument_help.schema is not schema:
            self._content_changed()
        connected = self._context.connection.connection_status.state == "connected"
        queue = self._context.tasks.queue_status
        self.ui.show_consumers(*consumer_summary(queue, connected=connected))
        self._update_run_button()
        if isinstance(self._error, NotConnectedError) and connected:
            self._error = None
            self.ui.error_card.hide()

    def obstacle(self) -> str:
        """Return why the task cannot be enqueued now, "" if it can."""
        if self._pending:
            return _("It is being enqueued")
        if self._context.connection.read_only:
            return _("This connection is read-only")
        if not self.ui.task_name.name:
            return _("Enter the name of the task first")
        for field in self.ui.fields:
            if field.error is not None:
                return _("{field}: {error}").format(field=field.name, error=field.error.sentence)
        return ""

    def _update_run_button(self) -> None:
        obstacle = self.obstacle()
        button = self.ui.run_button
        button.setEnabled(not obstacle)
        text = _("Enqueuing…") if self._pending else _("Run")
        button.setText(_("Read-only") if self._context.connection.read_only else text)
        set_tooltip(button, obstacle or _("Enqueue the task (Ctrl+Enter)"))
        button.setAccessibleDescription(obstacle)
        self.ui.error_card.force_button.setEnabled(not obstacle)

    # Enqueuing

    def submit(self, *, force: bool = False) -> None:
        """Enqueue the task. Ask for confirmation first if its arguments are not valid."""
        if self.obstacle():
            return
        ui = self.ui
        if ui.argument_help.errors and not self._confirmed:
            self._confirming, self._error = True, None
            ui.show_error(ui.argument_help.confirmation())
            return
        args, kwargs, labels = (field.compact_json() for field in ui.fields)
        self._submissions += 1
        self._pending = number = self._submissions
        name, rerun_of = ui.task_name.name, self.draft.rerun_of
        ui.error_card.hide()
        self._update_run_button()

        async def enqueue() -> None:
            try:
                receipt = await self._context.tasks.enqueue(
                    name, args, kwargs, json.loads(labels), force=force, rerun_of=rerun_of
                )
            except DeclinedError:
                pass  # the form is still there, as the operator wants it
            except UserFacingError as error:
                self._failed(number, error)
            else:
                self._enqueued(number, name, receipt)
            finally:
                if number == self._pending:
                    self._pending = 0
                    self._update_run_button()

        self._context.run_in_background(f"enqueue {number}", enqueue())

    def _submit_forced(self) -> None:
        if self._confirming:
            self._confirming, self._confirmed = False, True
            self.submit()
        else:
            self.submit(force=True)

    def _enqueued(self, number: int, name: str, receipt: EnqueueReceipt) -> None:
        self._context.notify(enqueued_notification(name, receipt, self._context.navigate))
        if number == self._pending:
            self._drafts.pop(self.draft.run_id, None)
            self._close()

    def _failed(self, number: int, error: UserFacingError) -> None:
        if number == self._pending:
            self._error = error
            self.ui.show_error(error)
        else:  # the form was closed, or opened for another task, meanwhile
            self._context.notify(failed_notification(error))

    # Qt's side

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the size of the parent."""
        if watched is self._parent and event.type() is QEvent.Type.Resize and self.isVisible():
            self.reposition()
        return super().eventFilter(watched, event)

    def event(self, event: QEvent) -> bool:
        """Keep single letters from the shortcuts of the page: R would re-run the selection."""
        if event.type() is QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            modifiers = event.modifiers() & ~Qt.KeyboardModifier.ShiftModifier
            if event.text().isprintable() and event.text() and not modifiers:
                event.accept()
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Close on Esc; pass no key on to the page."""
        if event.key() == Qt.Key.Key_Escape:
            self.cancel()
        event.accept()
