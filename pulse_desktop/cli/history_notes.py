"""Notes on what of the stored history a command has not looked at, or does not list."""

import sys
from typing import TYPE_CHECKING, Final

from pulse_desktop.cli.output import write_note
from pulse_desktop.text import formats

if TYPE_CHECKING:
    from pulse_desktop.session.session import Session

_ERASE_LINE: Final = "\r\x1b[K"


class ProgressLine:
    """A line on stderr that says how far a command is; on a terminal only.

    The next one replaces it, and nothing is left of it at the end.
    """

    def __init__(self) -> None:
        self._is_shown = False

    def show(self, text: str) -> None:
        """Show how far it is."""
        if text and sys.stderr.isatty():
            sys.stderr.write(f"{_ERASE_LINE}{text}")
            sys.stderr.flush()
            self._is_shown = True

    def hide(self) -> None:
        """Erase it: other output follows."""
        if self._is_shown:
            sys.stderr.write(_ERASE_LINE)
            sys.stderr.flush()
            self._is_shown = False


class ProgressNote:
    """A line on stderr that says how far history has been read; see `ProgressLine`."""

    def __init__(self, session: "Session") -> None:
        self._session = session
        self._line = ProgressLine()

    def show(self) -> None:
        """Show how far history has been read."""
        from pulse_desktop.text.history_extent_text import looked_at_text

        self._line.show(looked_at_text(self._session.history_extent, self._session.now()))

    def hide(self) -> None:
        """Erase it: other output follows."""
        self._line.hide()


def looked_at(session: "Session") -> str:
    """Return how much of history was looked at, a sentence; empty if it was everything."""
    from pulse_desktop.text.history_extent_text import looked_at_text

    return looked_at_text(session.history_extent, session.now())


def unread_history(session: "Session") -> list[str]:
    """Return what is missing in an answer that needed all of history."""
    from pulse_desktop.text.history_extent_text import unread_text

    text = unread_text(session.history_extent, session.now())
    return [text] if text else []


def note_left_out(count: int, sentence: str) -> None:
    """Note how many older rows are not listed, nothing if all are.

    Args:
        count: how many.
        sentence: with a place for the count.
    """
    if count > 0:
        write_note(sentence.format(count=formats.count(count)))
