"""Search for the events that mention a run, in slices that each take a few milliseconds."""

from bisect import insort
from collections import Counter
from itertools import chain
from typing import Final

from pulse_desktop.protocol.event import Event
from pulse_desktop.state.event_ids import id_hash
from pulse_desktop.state.event_log import EventLog

SLICE: Final = 4_000
"""Events that are looked at in one step, where the index of older events does not help."""
MAX_EVENTS: Final = 500
"""Events kept of each type: the latest, so that one type does not push the others out."""
_EVERYTHING: Final = 1 << 40


class EventSearch:
    """The events that mention a task id, found from the newest to the oldest.

    New events, and older ones that are read from history, are found by the next step.

    Attributes:
        counts: number of events found, by type, also of those not kept.
    """

    def __init__(self, log: EventLog, task_id: str) -> None:
        """Start at the newest event.

        Args:
            log: all events.
            task_id: what to look for.
        """
        self._log = log
        self._task_id = task_id
        self._slice = SLICE if id_hash(task_id) is None else _EVERYTHING
        self._low = self._high = log.stop
        self._found: dict[str, list[tuple[float, int, Event]]] = {}
        self.counts: Counter[str] = Counter()

    @property
    def is_complete(self) -> bool:
        """Whether all retained events have been looked at."""
        return self._low <= self._log.start and self._high >= self._log.stop

    def step(self) -> bool:
        """Look at new events, then at the next slice of older ones; return whether any fits."""
        log, before = self._log, self.counts.total()
        stop = min(log.stop, self._high + self._slice)
        if stop > self._high:
            self._look(max(self._high, log.start), stop)
            self._high = stop
        start = max(log.start, self._low - self._slice)
        if start < self._low:
            self._look(start, self._low)
            self._low = start
        return self.counts.total() > before

    def finish(self) -> None:
        """Look at all events."""
        while not self.is_complete:
            self.step()

    def events(self, type_: str = "") -> list[Event]:
        """Return the events found, in the order of their timestamps.

        Args:
            type_: of the events; all by default.
        """
        lists = [self._found.get(type_, [])] if type_ else self._found.values()
        found = chain.from_iterable(lists)
        return [event for _at, _position, event in sorted(found, key=lambda each: each[:2])]

    def _look(self, start: int, stop: int) -> None:
        log = self._log
        for position, type_ in log.mentions(self._task_id, start, stop):
            self.counts[type_] += 1
            kept = self._found.setdefault(type_, [])
            event = log[position]
            insort(kept, (event.timestamp, position, event), key=lambda each: each[:2])
            if len(kept) > MAX_EVENTS:
                del kept[0]
