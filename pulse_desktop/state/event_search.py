"""Search for the events that mention a run, in slices that each take a few milliseconds."""

from collections import Counter
from heapq import heappush, heapreplace
from itertools import chain
from typing import Final

from pulse_desktop.protocol.event import Event
from pulse_desktop.state.event_ids import id_hash
from pulse_desktop.state.event_log import EventLog

SLICE: Final = 4_000
"""Events that are looked at in one step, where the index of older events does not help."""
MAX_EVENTS: Final = 500
"""Events kept of each type: the latest, so that one type does not push the others out."""
MAX_FOUND: Final = 1_000
"""Older events that one step finds: making them again takes longer than finding them."""
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
        # Of each type a heap, the earliest first. Positions differ, so events are not compared.
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
            self._low = self._look(start, self._low, MAX_FOUND)
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
        return [event for _at, _position, event in sorted(found)]

    def _look(self, start: int, stop: int, limit: int = 0) -> int:
        """Look at the events in a range of positions, from the last one on.

        Args:
            start: position of the first event.
            stop: position after the last one.
            limit: number of events found after which to stop, 0 for none.

        Returns:
            The position down to which all were looked at.
        """
        log = self._log
        mentions = log.mentions(self._task_id, start, stop)
        for number, (position, type_) in enumerate(mentions, 1):
            self.counts[type_] += 1
            kept = self._found.setdefault(type_, [])
            event = log[position]
            found = event.timestamp, position, event
            if len(kept) < MAX_EVENTS:
                heappush(kept, found)
            elif found > kept[0]:
                heapreplace(kept, found)
            if number == limit:
                return position
        return start
