"""How often something is worked out anew, when every frame would be too often."""


class Throttle:
    """Tells for each of several things when it is due again.

    Things of one rhythm are kept apart, so that they do not all fall into the same frame.
    """

    def __init__(self) -> None:
        self._due: dict[str, float] = {}

    def due(self, what: str, now: float, every_s: float) -> bool:
        """Tell whether it is time, and note that it is being done.

        Args:
            what: name of the thing.
            now: Unix seconds.
            every_s: seconds between two times.
        """
        at = self._due.get(what)
        if at is not None and now < at <= now + 2 * every_s:
            return False
        # The first time comes at once; the second is put off by a part of the rhythm.
        apart = 0.0 if at is not None else every_s * (len(self._due) % 4) / 4
        self._due[what] = now + every_s + apart
        return True

    def reset(self) -> None:
        """Let everything be due now."""
        self._due.clear()
