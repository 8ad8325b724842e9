"""How far the stored history has been read and folded since the latest connection.

Until it has been, what is shown is older than now: a worker whose last heartbeats are still to be
read is not offline. So ages are measured against the newest message folded so far.
"""

from collections.abc import Callable, Sequence
from typing import Final

from pulse_desktop.model.connection_status import HistoryProgress
from pulse_desktop.state.worker import HEARTBEAT_S
from pulse_desktop.transport.arrival_queue import ArrivalQueue
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.feed import SubjectFeed

RESULTS_S: Final = 10.0
"""A bucket of any size, or one that cannot be read, does not delay `has_outcomes` for longer."""

RECENT_S: Final = 3600.0
"""What needs attention is of the last hour."""
RECENT_HISTORY_S: Final = 60.0
"""History of a busy hour, or one that is read slowly, does not delay `has_recent` for longer."""

RETURN_GRACE_S: Final = HEARTBEAT_S
"""Workers that were cut off as well come back within it, and heartbeats without history arrive."""

ORDER_S: Final = 2.0
"""Arrivals are held for no longer, to fold what the feeds read in one order of time."""
_MAX_HELD: Final = 20_000
_MAX_WAITING: Final = 200
"""So many arrivals may wait when a feed has caught up; under load some always do."""


class HistoryCatchUp:
    """Whether what is folded is current, or which part of history is still missing."""

    def __init__(
        self,
        connection: Connection,
        feeds: Sequence[SubjectFeed],
        arrivals: ArrivalQueue,
        clock: Callable[[], float],
        results_read: Callable[[], bool] = lambda: True,
        recent_read: Callable[[], bool] = lambda: True,
        events_read: Callable[[], bool] = lambda: True,
    ) -> None:
        """Create it; `update` is called after every folding.

        Args:
            connection: to the server.
            feeds: those that read history.
            arrivals: messages read and not folded yet.
            clock: Unix seconds.
            results_read: whether the latest of the stored results have been read.
            recent_read: whether the last hour of history was read as far as it can be.
            events_read: whether events were read as far back as tasks.
        """
        self._events_read = events_read
        self._states_generation = 0
        self._recent_read = recent_read
        self._recent_generation = 0
        self._results_read = results_read
        self._outcomes_generation = 0
        self._connection = connection
        self._feeds = feeds
        self._arrivals = arrivals
        self._clock = clock
        self._complete_generation = 0
        self._completed_at = 0.0
        self._held_generation = self._ordered_generation = 0
        self._held_at = 0.0

    @property
    def is_complete(self) -> bool:
        """Whether there is a connection, and all that was stored before it has been folded."""
        connection = self._connection
        return connection.connected and connection.generation == self._complete_generation

    @property
    def is_settled(self) -> bool:
        """Whether history has been complete for long enough to judge what is missing."""
        return self.is_complete and abs(self._clock() - self._completed_at) >= RETURN_GRACE_S

    @property
    def has_outcomes(self) -> bool:
        """Whether the outcomes of the latest runs are known, including those in results."""
        return self.is_complete and self._outcomes_generation == self._connection.generation

    @property
    def has_states(self) -> bool:
        """Whether the states of all runs are known: no event of one is still to be read."""
        return self.has_outcomes and self._states_generation == self._connection.generation

    @property
    def has_recent(self) -> bool:
        """Whether the history of the last hour was read as well, so that failures can be judged."""
        return self.has_outcomes and self._recent_generation == self._connection.generation

    @property
    def progress(self) -> HistoryProgress | None:
        """How much has been read and folded; None without a connection, and when all has been."""
        if not self._connection.connected or self.is_complete:
            return None
        statuses = [feed.status for feed in self._feeds]
        total = sum(status.to_replay for status in statuses)
        unread = sum(status.lag for status in statuses if not status.is_current)
        left = unread + len(self._arrivals)
        return HistoryProgress(max(0, total - left), total)

    def holds_arrivals(self) -> bool:
        """Return whether arrivals are to wait until each feed has read its newest part.

        They are put in order then: a list of events would else have all of one feed above all of
        the other. What is read slowly is not waited for.
        """
        connection = self._connection
        if not connection.connected or self._ordered_generation == connection.generation:
            return False
        now = self._clock()
        if self._held_generation != connection.generation:
            self._held_generation, self._held_at = connection.generation, now
        is_read = all(feed.status.is_current for feed in self._feeds)
        is_late = abs(now - self._held_at) >= ORDER_S or len(self._arrivals) >= _MAX_HELD
        if not (is_read or is_late):
            return True
        self._ordered_generation = connection.generation
        self._arrivals.sort_messages()
        return False

    def update(self) -> bool:
        """Notice what has been folded; return whether more is known than before."""
        before = self._generations
        if not self.is_complete and self._connection.connected:
            self._update_complete()
        elif self.is_complete and not (self.has_recent and self.has_states):
            self._update_recent(abs(self._clock() - self._completed_at))
        return before != self._generations

    @property
    def _generations(self) -> tuple[int, ...]:
        return (
            self._complete_generation,
            self._outcomes_generation,
            self._states_generation,
            self._recent_generation,
        )

    def _update_complete(self) -> None:
        """Notice that the newest part of history has been read and folded."""
        if len(self._arrivals) <= _MAX_WAITING and all(
            feed.status.is_current for feed in self._feeds
        ):
            self._complete_generation = self._connection.generation
            self._completed_at = self._clock()

    def _update_recent(self, waited_s: float) -> None:
        """Notice that the results, or the last hour of history, have been read."""
        generation = self._connection.generation
        if not self.has_outcomes:
            read = not self._arrivals and self._results_read()
            if read or waited_s >= RESULTS_S:
                self._outcomes_generation = generation
            return
        if not self._arrivals and self._events_read():
            self._states_generation = generation
        if waited_s >= RECENT_HISTORY_S or (not self._arrivals and self._recent_read()):
            self._recent_generation = generation
