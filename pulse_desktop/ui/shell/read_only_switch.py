"""The switch between read-only and acting, and what shows it."""

from collections.abc import Callable, Sequence

from PySide6.QtWidgets import QWidget

from pulse_desktop.ui.backend import SessionBackend
from pulse_desktop.ui.shell.top_bar import TopBar
from pulse_desktop.ui.shell.window_dialogs import WindowDialogs
from pulse_desktop.ui.widgets.act_button import set_buttons_read_only


class ReadOnlySwitch:
    """Refuses or allows actions on the server of a window; the session holds the guard."""

    def __init__(
        self,
        session: Callable[[], SessionBackend],
        top_bar: TopBar,
        dialogs: WindowDialogs,
        parts: Sequence[QWidget],
    ) -> None:
        """Create it.

        Args:
            session: returns the session that is shown.
            top_bar: shows the state.
            dialogs: asks before a careful connection may be acted on.
            parts: have buttons that act on the server.
        """
        self._session = session
        self._top_bar = top_bar
        self._dialogs = dialogs
        self._parts = parts
        self._is_shown = False

    @property
    def can_change(self) -> bool:
        """Whether there is a server to act on."""
        status = self._session().connection_status
        return bool(status.server) and not status.recording

    def toggle(self) -> None:
        """Refuse or allow actions; it is asked first if the profile is careful."""
        profile = self._dialogs.profile
        if self._session().read_only and (profile.read_only or profile.asks_before_acting):
            self._dialogs.ask_to_allow_actions(lambda: self._set(read_only=False))
        else:
            self._set(read_only=not self._session().read_only)

    def show(self) -> None:
        """Show whether actions are refused: in the top bar and on the buttons that act."""
        read_only = self._session().read_only
        self._top_bar.set_read_only(read_only, can_change=self.can_change)
        if read_only != self._is_shown:
            self._is_shown = read_only
            for part in self._parts:
                set_buttons_read_only(part, read_only)
            self._dialogs.set_read_only(read_only=read_only)

    def show_on(self, part: QWidget) -> None:
        """Show it on the buttons of a part that is new."""
        set_buttons_read_only(part, self._is_shown)

    def _set(self, *, read_only: bool) -> None:
        self._session().set_read_only(read_only=read_only)
        self.show()
