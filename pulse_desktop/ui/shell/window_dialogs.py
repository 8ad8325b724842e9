"""The dialogs of a window: questions about acts, details of the connection, guides."""

from collections.abc import Callable
from typing import Protocol

from PySide6.QtWidgets import QDialog, QWidget

from pulse_desktop.model.errors import ConfirmationRequiredError
from pulse_desktop.profiles.profile import Profile
from pulse_desktop.ui.backend import SessionBackend
from pulse_desktop.ui.connections.history_dialog import HistoryDialog
from pulse_desktop.ui.page.actions import ActionTable
from pulse_desktop.ui.page.notification import Notification
from pulse_desktop.ui.page.page import BackgroundRunner
from pulse_desktop.ui.page.question import Question
from pulse_desktop.ui.shell.confirmation import (
    AllowActionsDialog,
    ConfirmationDialog,
    question_about,
)
from pulse_desktop.ui.shell.connection_details import ConnectionDetails
from pulse_desktop.ui.shell.events_guide import EventsGuide
from pulse_desktop.ui.shell.shortcuts_window import ShortcutsWindow


class DialogOwner(Protocol):
    """What the dialogs need of the window."""

    @property
    def session(self) -> SessionBackend:
        """The session that is shown."""

    def notify(self, notification: Notification) -> None:
        """Show a notification."""


class WindowDialogs:
    """Opens the dialogs of a window. Those about a session end with it.

    Attributes:
        profile: of the connection that is shown, without secrets.
        label: how it is called.
        run_in_background: starts background work of the session.
    """

    def __init__(
        self,
        window: QWidget,
        owner: DialogOwner,
        actions: ActionTable,
        run_in_background: BackgroundRunner,
    ) -> None:
        """Create it.

        Args:
            window: the parent of the dialogs.
            owner: the same window.
            actions: its actions.
            run_in_background: starts background work of the session.
        """
        self._window = window
        self._owner = owner
        self._actions = actions
        self.profile = Profile()
        self.label = ""
        self.run_in_background = run_in_background
        self._of_session: list[QDialog] = []

    def show_profile(self, profile: Profile, label: str) -> None:
        """Name another connection in the dialogs, also in those that are open."""
        self.profile, self.label = profile, label
        for details in self._window.findChildren(ConnectionDetails):
            details.badge.show_profile(profile, label)

    def end_session(self) -> None:
        """Close the dialogs about the session; the answer of a question is no."""
        dialogs, self._of_session = self._of_session, []
        for dialog in dialogs:
            dialog.reject()

    # Questions

    async def confirm(self, error: ConfirmationRequiredError) -> bool:
        """Ask the operator whether to act; the answer is no if the session is left meanwhile."""
        dialog = self._ask(question_about(error))
        try:
            return await dialog.answered
        finally:
            if not dialog.answered.done() or dialog.answered.cancelled():
                dialog.reject()

    def ask(self, question: Question, act: Callable[[], object]) -> None:
        """Ask a question; act if the operator agrees."""
        self._ask(question).accepted.connect(act)

    def ask_to_allow_actions(self, act: Callable[[], object]) -> None:
        """Ask whether a careful connection may be acted on from now on."""
        dialog = AllowActionsDialog(self.profile, self.label, self._window)
        dialog.accepted.connect(act)
        self._open(dialog)

    def _ask(self, question: Question) -> ConfirmationDialog:
        dialog = ConfirmationDialog(question, self.profile, self.label, self._window)
        self._open(dialog)
        return dialog

    def _open(self, dialog: QDialog) -> None:
        self.close_with_session(dialog)
        dialog.open()

    def close_with_session(self, dialog: QDialog) -> None:
        """Close a dialog when the session is left."""
        self._of_session.append(dialog)
        dialog.finished.connect(lambda _result: self._forget(dialog))

    def _forget(self, dialog: QDialog) -> None:
        if dialog in self._of_session:
            self._of_session.remove(dialog)

    # Windows of which there is one

    def show_shortcuts(self) -> None:
        """Show the keyboard shortcuts of all actions."""
        self._show_once(ShortcutsWindow, lambda: ShortcutsWindow(self._actions, self._window))

    def show_connection(self) -> None:
        """Show the details of the connection."""
        self._show_once(ConnectionDetails, self._connection_details)

    def show_events_guide(self) -> None:
        """Show how workers come to publish events."""
        self._show_once(EventsGuide, lambda: EventsGuide(self._window))

    def show_history(self) -> None:
        """Show which history the server keeps, and offer to keep what is missing."""
        self._show_once(HistoryDialog, self._history_dialog)

    def set_read_only(self, *, read_only: bool) -> None:
        """Disable what acts on the server in the dialogs that are open, or enable it."""
        for dialog in self._window.findChildren(HistoryDialog):
            dialog.set_read_only(read_only=read_only)

    def _connection_details(self) -> ConnectionDetails:
        dialog = ConnectionDetails(lambda: self._owner.session, self._window)
        dialog.badge.show_profile(self.profile, self.label)
        dialog.fit()
        return dialog

    def _history_dialog(self) -> HistoryDialog:
        session = self._owner.session
        dialog = HistoryDialog(
            session.history_streams,
            self.profile,
            self.label,
            read_only=session.read_only,
            run_in_background=self.run_in_background,
            notify=self._owner.notify,
            parent=self._window,
        )
        self.close_with_session(dialog)
        return dialog

    def _show_once(self, kind: type[QDialog], create: Callable[[], QDialog]) -> None:
        """Show a dialog, or bring the one that is already open to the front."""
        opened = (each for each in self._window.findChildren(kind) if each.isVisible())
        dialog = next(opened, None) or create()
        dialog.show()
        dialog.activateWindow()
