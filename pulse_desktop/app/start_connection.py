"""The connection that opens next time, as the operator has chosen it."""

from collections.abc import Callable

from pulse_desktop.profiles.profile import EMBEDDED_NAME
from pulse_desktop.ui.shell.window_state import WindowStateFile


class StartConnection:
    """The choice, kept with the state of the window."""

    def __init__(self, file: WindowStateFile | None, changed: Callable[[str], None]) -> None:
        """Read the choice.

        Args:
            file: where it is kept; None to keep nothing.
            changed: called with the name of the profile that opens from now on.
        """
        self._file = file
        self._changed = changed

    @property
    def name(self) -> str:
        """Name of the profile that opens next time."""
        return (self._file.state.connection if self._file is not None else "") or EMBEDDED_NAME

    @property
    def is_new(self) -> bool:
        """Whether nothing was saved before."""
        return self._file is not None and self._file.is_new

    @property
    def is_undecided(self) -> bool:
        """Whether the first run has ended without a choice."""
        return self._file is not None and self._file.state.undecided

    def ask_again(self) -> None:
        """Remember that nothing is chosen, until something is."""
        if self._file is not None:
            self._file.state.undecided = True

    def choose(self, name: str) -> None:
        """Remember a choice."""
        if self._file is not None:
            self._file.state.connection = "" if name == EMBEDDED_NAME else name
            self._file.state.undecided = False
            self._file.save()
        self._changed(self.name)

    def rename(self, old: str, new: str) -> None:
        """Follow a profile to another name; without a name the embedded server opens."""
        if old == self.name and old != new:
            self.choose(new or EMBEDDED_NAME)
