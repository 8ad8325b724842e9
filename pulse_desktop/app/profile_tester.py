"""Tests of the connection in the form of a profile."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from PySide6.QtCore import Qt

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.profiles.profile import Profile
from pulse_desktop.profiles.secret_storage import ProfileSecrets
from pulse_desktop.session.connection_test import ConnectionTest
from pulse_desktop.session.supervisor import Supervisor
from pulse_desktop.ui.connections.connections_window import ConnectionsWindow

_NAME: Final = "connection test"


class ProfileTester:
    """Runs one test at a time and shows its steps in the window of connections."""

    def __init__(
        self, window: ConnectionsWindow, secrets: ProfileSecrets, work: Supervisor
    ) -> None:
        """Wait for the operator to ask for a test.

        Args:
            window: where the steps are shown.
            secrets: completes the login of a profile.
            work: of the window, in the background.
        """
        self._window = window
        self._secrets = secrets
        self._work = work
        window.test_requested.connect(self._start_typed)
        window.stop_requested.connect(self.stop)
        window.finished.connect(self.stop)

    def start(self, profile: Profile, *, goes_to_field: bool = False) -> None:
        """Test a profile.

        Args:
            profile: its options hold its secret, if it is known.
            goes_to_field: whether the field of the first step that fails gets the keyboard focus.
        """
        self._start(partial(self._secrets.complete, profile), goes_to_field=goes_to_field)

    def _start(
        self, complete: Callable[[], Awaitable[Profile]], *, goes_to_field: bool = False
    ) -> None:
        self._window.start_test()
        if goes_to_field:
            # A window that becomes active later would give the focus to another field than this.
            self._window.test.setFocus(Qt.FocusReason.OtherFocusReason)
        self._work.run(_NAME, self._test(complete, goes_to_field=goes_to_field))

    def stop(self, _result: int = 0) -> None:
        """End the test; what was found stays visible."""
        self._work.stop_group(_NAME)
        self._window.stop_test()

    def _start_typed(self, profile: Profile, former: str, secret: str) -> None:
        """Test what is in the form, with the typed secret, or the stored one if it is for that."""
        if profile.secret and secret:
            profile = profile.with_secret(secret)
        stored = self._window.stored_profile(former)
        self._start(partial(self._secrets.complete_edited, profile, stored))

    async def _test(
        self, complete: Callable[[], Awaitable[Profile]], *, goes_to_field: bool
    ) -> None:
        focused = self._window.focusWidget()
        panel = self._window.panel
        try:
            result = await ConnectionTest(await complete(), panel.show_step).run()
        except UserFacingError as error:
            panel.fail(error.title, error.sentence)
        except Exception:
            self._window.stop_test()
            raise
        else:
            panel.finish(is_connected=result.is_connected)
            if goes_to_field and self._window.focusWidget() is focused:
                self._window.form.focus_failed(panel.steps)
        self._window.update_test_button()
