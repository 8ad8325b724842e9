"""The connection that opens next time: the one that was chosen for it, else that shown last."""

from collections.abc import Callable

from pulse_desktop.profiles.profile import EMBEDDED_NAME
from pulse_desktop.ui.shell.window_state import WindowStateFile


class StartConnection:
    """What opens at the start, kept with the state of the window."""

    def __init__(self, file: WindowStateFile | None, changed: Callable[[str], None]) -> None:
        """Read the choice.

        Args:
            file: where it is kept; None to keep nothing.
            changed: called with the name of the profile that opens at every start from now on.
        """
        self._file = file
        self._changed = changed

    @property
    def chosen(self) -> str:
        """Name of the profile that opens at every start, empty if none was chosen."""
        return self._file.state.connection if self._file is not None else ""

    @property
    def name(self) -> str:
        """Name of the profile that opens next time."""
        shown = self._file.state.shown if self._file is not None else ""
        return self.chosen or shown or EMBEDDED_NAME

    @property
    def is_new(self) -> bool:
        """Whether nothing was saved before."""
        return self._file is not None and self._file.is_new

    @property
    def is_undecided(self) -> bool:
        """Whether the first run has ended without an answer."""
        return self._file is not None and self._file.state.undecided

    def ask_again(self) -> None:
        """Remember that the first run has no answer, until it has one."""
        if self._file is not None:
            self._file.state.undecided = True

    def answer(self, name: str) -> None:
        """Remember what the first run opens."""
        if self._file is not None:
            self._file.state.shown = name
            self._file.state.undecided = False
            self._file.save()

    def choose(self, name: str) -> None:
        """Open a profile at every start from now on; without a name that shown last."""
        if self._file is not None:
            self._file.state.connection = name
            self._file.save()
        self._changed(self.chosen)

    def rename(self, old: str, new: str) -> None:
        """Follow a profile to another name; without one, it was removed and opens no more."""
        if self._file is None or old == new:
            return
        if old == self._file.state.shown:
            self._file.state.shown = new
        windows = self._file.state.windows
        self._file.state.windows = [new if each == old else each for each in windows]
        if old == self.chosen:
            self.choose(new)
