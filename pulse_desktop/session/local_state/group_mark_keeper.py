"""Keeps the marks of failure groups: sets them, and follows those that other windows set."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from pulse_desktop.model.errors import OtherFailuresError
from pulse_desktop.model.group_marks import MAX_NOTE, Mark, MarkKind
from pulse_desktop.query.fingerprint import OTHER
from pulse_desktop.session.local_state.mark_table import MarkTable
from pulse_desktop.session.local_state.state_errors import LocalStateError
from pulse_desktop.session.local_state.state_file import LocalStateFile
from pulse_desktop.state.failure_groups import FailureGroups
from pulse_desktop.text.printable import printable

POLL_S: Final = 2.0
_UNKNOWN: Final = object()

_log = logging.getLogger(__name__)


def make_mark(actor: str, text: str = "", at: float | None = None) -> Mark:
    """Return a mark.

    Args:
        actor: user and host.
        text: of a note.
        at: Unix seconds, the present time without it.
    """
    return Mark(time.time() if at is None else at, actor, printable(text[:MAX_NOTE]))


class GroupMarkKeeper:
    """The marks of one profile, in its local state and in the state of the session.

    Attributes:
        problem: why marks cannot be read, None if they can.
        has_read: whether the marks were read, or `problem` says why they could not be.
    """

    def __init__(
        self,
        file: LocalStateFile,
        groups: FailureGroups,
        actor: Callable[[], str],
        clock: Callable[[], float],
        on_change: Callable[[], object] = lambda: None,
        poll_s: float = POLL_S,
    ) -> None:
        """Create a keeper; nothing is read before `load` or `run`.

        Args:
            file: local state of the profile.
            groups: get the marks.
            actor: returns user and host.
            clock: Unix seconds.
            on_change: called when marks, or the problem with them, may have changed.
            poll_s: seconds between two looks for changes of other programs.
        """
        self.problem: LocalStateError | None = None
        self.has_read = False
        self._file = file
        self._table = MarkTable(file)
        self._groups = groups
        self._actor = actor
        self._clock = clock
        self._on_change = on_change
        self._poll_s = poll_s
        self._version: object = _UNKNOWN
        self._lock = asyncio.Lock()

    async def set_mark(self, group_id: str, kind: MarkKind, text: str = "") -> None:
        """Set a mark of a group.

        Raises:
            OtherFailuresError: it is not one group, but all that are counted as “other”.
            LocalStateError: it cannot be kept. Nothing has changed.
        """
        if group_id == OTHER.id:
            raise OtherFailuresError
        await self._put(group_id, kind, make_mark(self._actor(), text, self._clock()))

    async def remove_mark(self, group_id: str, kind: MarkKind) -> None:
        """Remove a mark of a group.

        Raises:
            LocalStateError: it cannot be removed. Nothing has changed.
        """
        await self._put(group_id, kind, None)

    async def load(self) -> None:
        """Read the marks. If they cannot be read, those known before stay."""
        async with self._lock:
            await self._load()

    async def run(self) -> None:
        """Read the marks, and again whenever another program has changed them."""
        while True:
            async with self._lock:
                await self._load(only_changes=True)
            await asyncio.sleep(self._poll_s)

    async def close(self) -> None:
        """Close the file."""
        await asyncio.to_thread(self._file.close)

    async def _put(self, group_id: str, kind: MarkKind, mark: Mark | None) -> None:
        async with self._lock:
            await asyncio.to_thread(self._table.put, group_id, kind, mark)
            await self._load()

    async def _load(self, *, only_changes: bool = False) -> None:
        try:
            await self._read(only_changes=only_changes)
        finally:
            self.has_read = True

    async def _read(self, *, only_changes: bool) -> None:
        try:
            # Asked first: what changes while the marks are read is read again.
            version = await asyncio.to_thread(self._file.version)
            if only_changes and version == self._version:
                return
            marks = await asyncio.to_thread(self._table.load)
        except LocalStateError as error:
            is_new = str(error) != str(self.problem)
            self.problem, self._version = error, _UNKNOWN
            if is_new:
                _log.info("%s", error)  # no warning: pages and commands with marks show it
                self._on_change()
            return
        self.problem, self._version = None, version
        self._groups.set_marks(marks)
        self._on_change()
