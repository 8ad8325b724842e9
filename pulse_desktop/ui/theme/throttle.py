"""Throttle: runs periodic work at its own interval, called from every frame."""


class Throttle:
    """Intervals of several periodic tasks, spread so that they do not run in the same frame."""

    def __init__(self) -> None:
        self._due: dict[str, float] = {}

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

    def reset(self) -> None:
        """Make every task due now."""
        self._due.clear()
