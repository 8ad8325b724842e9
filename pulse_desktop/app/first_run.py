"""The first run: the operator says what to watch, before there is a window of it."""

from collections.abc import Callable
from dataclasses import dataclass

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.profiles.nats_contexts import NatsContexts
from pulse_desktop.profiles.profile import EMBEDDED_NAME
from pulse_desktop.ui.connections.first_run import FirstRunWindow


@dataclass(frozen=True)
class FirstRunChoices:
    """What the application does for each choice.

    Attributes:
        open_profile: shows a profile by its name. Raises UserFacingError: it cannot be used.
        enter_server: opens the form of a new profile; its *Connect* chooses a profile.
        preview_import: opens the preview of an import.
        leave: the operator closed the window without a choice.
    """

    open_profile: Callable[[str], None]
    enter_server: Callable[[], None]
    preview_import: Callable[[], None]
    leave: Callable[[], None]


class FirstRun:
    """The window of the first run, and what its choices do.

    Attributes:
        window: the window.
    """

    def __init__(self, contexts: NatsContexts, choices: FirstRunChoices) -> None:
        """Create the window; it is hidden.

        Args:
            contexts: those of the NATS CLI on this machine.
            choices: what the choices do.
        """
        self._choices = choices
        found = contexts.read()
        self.window = FirstRunWindow(list(found.by_name), found.selected, found.problems)
        self.window.embedded_chosen.connect(lambda: self._open(EMBEDDED_NAME))
        self.window.context_chosen.connect(self._open)
        self.window.server_chosen.connect(choices.enter_server)
        self.window.import_requested.connect(choices.preview_import)
        self.window.rejected.connect(choices.leave)

    def _open(self, name: str) -> None:
        try:
            self._choices.open_profile(name)
        except UserFacingError as error:
            self.window.show_error(error)

    def close(self) -> None:
        """Destroy the window."""
        self.window.hide()
        self.window.deleteLater()
