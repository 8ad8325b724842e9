"""Search of history for single runs: only as far back as it needs."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from pulse_desktop.cli.history_notes import ProgressNote
from pulse_desktop.model.history_extent import (
    FIRST_WIDENING,
    MAX_LOOK_BACK_S,
    MAX_WIDENING,
    START_MARGIN_S,
)

if TYPE_CHECKING:
    from pulse_desktop.session.session import Session
    from pulse_desktop.state.run import TaskRun

MIN_PREFIX: Final = 4
"""Fewest characters of a task id that are looked up as its beginning."""

UNIQUE_PREFIX: Final = 12
"""So many characters of a random id are shared with no other of a million."""

_MAX_ORIGINS: Final = 20
_CAPTURE_MARGIN_S: Final = 2.0
"""The same as `START_MARGIN_S` if the task itself is wanted and only the event was found."""


def matching_ids(session: "Session", prefix: str) -> list[str]:
    """Return the ids of known runs that begin with a prefix, none if it is too short."""
    if len(prefix) < MIN_PREFIX:
        return []
    return [run.task_id for run in session.state.runs.rows if run.task_id.startswith(prefix)]


async def read_back_until(session: "Session", is_found: Callable[[], bool]) -> None:
    """Read history back until a condition is true, or there is nothing older."""
    count, progress = FIRST_WIDENING, ProgressNote(session)
    try:
        while not is_found() and await session.backfill.widen(count):
            count = min(2 * count, MAX_WIDENING)
            progress.show()
    finally:
        progress.hide()


def is_start_known(session: "Session", run: "TaskRun", margin_s: float = START_MARGIN_S) -> bool:
    """Return whether history was read back to the first message about a run."""
    read_since = session.backfill.complete_since
    start = run.began_at
    if run.request is None or run.queued_at is None:
        return read_since <= start - MAX_LOOK_BACK_S
    return read_since <= start - margin_s


def are_origins_known(session: "Session", run: "TaskRun") -> bool:
    """Return whether the runs that a run comes from are known, as far as they can be."""
    runs, waiting, seen = session.state.runs, [run], {run.task_id}
    while waiting and len(seen) < _MAX_ORIGINS:
        each = waiting.pop()
        for task_id in filter(None, (each.parent, each.rerun_of)):
            origin = runs.get(task_id)
            if task_id in seen:
                continue
            seen.add(task_id)
            if origin is not None:
                waiting.append(origin)
            elif session.backfill.complete_since > each.began_at - MAX_LOOK_BACK_S:
                return False
    return True


class RunSearch:
    """Reads history back until all that is stored about a run is known."""

    def __init__(self, session: "Session", task_id: str, *, accept_unique_so_far: bool) -> None:
        """Describe a search.

        Args:
            session: which has caught up with the newest part of history.
            task_id: or its first characters.
            accept_unique_so_far: whether an older run that shares a short prefix does not matter.
        """
        self._session = session
        self._task_id = task_id
        self._accept_unique_so_far = accept_unique_so_far
        self._needs_all = not accept_unique_so_far and len(task_id) < UNIQUE_PREFIX

    async def read_back(self) -> None:
        """Read until the start of the run is known, or there is nothing older."""
        if not self._is_found() and len(self._task_id) >= UNIQUE_PREFIX:
            # The metadata of its result says when the run ended, so how far back it is.
            await self._session.results.load_metadata([self._task_id])
        await read_back_until(self._session, self._is_found)

    def _is_found(self) -> bool:
        runs = self._session.state.runs
        run = runs.get(self._task_id)
        if run is None:
            matches = matching_ids(self._session, self._task_id)
            if self._needs_all or len(matches) != 1:
                return len(matches) > 1
            run = runs.get(matches[0])
        if run is None:
            return False
        is_enough = (
            self._accept_unique_so_far
            or (run.request is not None and run.request.captured)
            or self._session.task_feed.status.mode != "history"  # no task message is stored
        )
        return is_start_known(
            self._session, run, START_MARGIN_S if is_enough else _CAPTURE_MARGIN_S
        )
