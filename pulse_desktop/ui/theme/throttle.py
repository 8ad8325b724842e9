"""Throttle: runs periodic work at its own interval, called from every frame."""

from typing import Final

UNCHANGED_FACTOR: Final = 10.0
"""How many times as long the interval of a task is while nothing has changed."""


class Throttle:
    """Intervals of several periodic tasks, spread so that they do not run in the same frame."""

    def __init__(self) -> None:
        self._due: dict[str, float] = {}
        self._done: dict[str, tuple[object, float]] = {}

    def due(self, name: str, now: float, interval_s: float) -> bool:
        """Return whether a task is due, and start its next interval if it is.

        Args:
            name: name of the task.
            now: Unix seconds.
            interval_s: seconds between two runs.
        """
        at = self._due.get(name)
        if at is not None and now < at <= now + 2 * interval_s:
            return False
        # The first run is immediate; the second is delayed by a part of the interval.
        offset = 0.0 if at is not None else interval_s * (len(self._due) % 4) / 4
        self._due[name] = now + interval_s + offset
        return True

    def due_if_changed(self, name: str, now: float, interval_s: float, version: object) -> bool:
        """As `due`; while nothing changes, the task is due less often.

        Args:
            name: name of the task.
            now: Unix seconds.
            interval_s: seconds between two runs when something has changed between them.
            version: what the task shows; the same as in its last run if nothing has changed.
        """
        shown, at = self._done.get(name, (None, 0.0))
        if shown == version and abs(now - at) < interval_s * UNCHANGED_FACTOR:
            return False
        if not self.due(name, now, interval_s):
            return False
        self._done[name] = version, now
        return True

    def reset(self) -> None:
        """Make every task due now."""
        self._due.clear()
        self._done.clear()
