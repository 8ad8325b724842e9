"""Positions of the runs by task id."""

from collections.abc import Iterator
from itertools import chain
from typing import Final

_MAX_ADDED: Final = 87_000
"""Ids that are added to one dictionary: as many as fit into 2 MiB."""


class RunPositions:
    """The position of each run, in several dictionaries: one after the other takes the new runs.

    A single dictionary that loses as many keys as it gets takes twice the memory in time, and to
    make one of two hundred thousand ids anew blocks the window. The oldest runs are removed first,
    and with the last of its runs a dictionary goes.
    """

    def __init__(self) -> None:
        self._newest: dict[str, int] = {}
        self._older: list[dict[str, int]] = []  # the oldest first
        self._added = 0  # to the newest

    def __len__(self) -> int:
        return len(self._newest) + sum(map(len, self._older))

    def __iter__(self) -> Iterator[str]:
        """Iterate over the ids, those that were added last at the end."""
        return chain(*self._older, self._newest)

    def __setitem__(self, task_id: str, position: int) -> None:
        """Add a run that is not in it."""
        if self._added >= _MAX_ADDED:
            self._older.append(self._newest)
            self._newest, self._added = {}, 0
        self._newest[task_id] = position
        self._added += 1

    def get(self, task_id: str) -> int | None:
        """Return the position of a run, None if it is not in it."""
        position = self._newest.get(task_id)
        if position is None:
            for each in reversed(self._older):
                position = each.get(task_id)
                if position is not None:
                    break
        return position

    def pop(self, task_id: str) -> int | None:
        """Remove a run and return its position, None if it is not in it."""
        for index, each in enumerate(self._older):
            position = each.pop(task_id, None)
            if position is not None:
                if not each:
                    del self._older[index]
                return position
        return self._newest.pop(task_id, None)
