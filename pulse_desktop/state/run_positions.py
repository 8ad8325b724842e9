"""Positions of the runs by task id."""

from collections.abc import Iterator
from itertools import chain


class RunPositions:
    """The position of each run, in two dictionaries: of the older runs and of the newer ones.

    A single dictionary that loses as many keys as it gets takes twice the memory in time, and to
    make one of two hundred thousand ids anew blocks the window. Runs are removed oldest first: as
    soon as none of the older ones is left, the newer ones are the older ones.
    """

    def __init__(self) -> None:
        self._older: dict[str, int] = {}
        self._newer: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._older) + len(self._newer)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the ids, those that were added last at the end."""
        return chain(self._older, self._newer)

    def __setitem__(self, task_id: str, position: int) -> None:
        """Add a run that is not in it."""
        self._newer[task_id] = position

    def get(self, task_id: str) -> int | None:
        """Return the position of a run, None if it is not in it."""
        position = self._newer.get(task_id)
        return self._older.get(task_id) if position is None else position

    def pop(self, task_id: str) -> int | None:
        """Remove a run and return its position, None if it is not in it."""
        if not self._older:
            self._older, self._newer = self._newer, {}
        position = self._older.pop(task_id, None)
        return self._newer.pop(task_id, None) if position is None else position
