"""Exponential backoff. Pure: it neither sleeps nor reads a clock."""


class Backoff:
    """The delay before the next attempt: grows with each failure in a row, up to a maximum."""

    def __init__(
        self, first_s: float, max_s: float, *, factor: float = 2.0, healthy_s: float | None = None
    ) -> None:
        """Describe the delays.

        Args:
            first_s: seconds after the first failure.
            max_s: upper bound of a delay, in seconds.
            factor: ratio of each delay to the one before it.
            healthy_s: an attempt that lasted so many seconds counts as a success, so that the next
                delay is the first again; None if only `reset` restarts the delays.
        """
        self._first_s = first_s
        self._max_s = max_s
        self._factor = factor
        self._healthy_s = healthy_s
        self._next_s = first_s

    def next_delay(self, lasted_s: float = 0.0) -> float:
        """Return the seconds to wait after an attempt that failed.

        Args:
            lasted_s: how long the attempt went well before it failed.
        """
        if self._healthy_s is not None and lasted_s >= self._healthy_s:
            self._next_s = self._first_s
        delay = self._next_s
        self._next_s = min(delay * self._factor, self._max_s)
        return delay

    def reset(self) -> None:
        """Begin again with the first delay: an attempt succeeded."""
        self._next_s = self._first_s
