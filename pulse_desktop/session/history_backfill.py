"""Reads stored history backwards, after its newest part: the newest messages first.

The feeds are merged by time, so that events and tasks of one time are folded together. Messages go
through the arrival queue, and only as many as are folded soon: what arrives live does not wait.
"""

import asyncio
import math
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Final

from pulse_desktop.model.errors import NotConnectedError, UserFacingError
from pulse_desktop.model.history_extent import HistoryExtent
from pulse_desktop.nats_client.aio import cancel_and_wait
from pulse_desktop.nats_client.backoff import Backoff
from pulse_desktop.session.run_waiter import RunWaiter
from pulse_desktop.transport.arrival_queue import ArrivalQueue
from pulse_desktop.transport.feed import SubjectFeed
from pulse_desktop.transport.ordered_consumer import ConsumerResetError

if TYPE_CHECKING:
    from pulse_desktop.protocol.inbound import InboundMessage
    from pulse_desktop.transport.message_pages import MessagePages

MAX_WAITING: Final = 1_000
"""Messages in the arrival queue. More would be painted less often, and shown as waiting."""

_REFILL_AT: Final = MAX_WAITING // 2
_MAX_SEARCHED: Final = 8
"""For more ids than that it costs less to fold every message than to search each for them."""

_CHECK_INTERVAL_S: Final = 2.0
_RETRY_INTERVAL_S: Final = 1.0
_MAX_RETRY_INTERVAL_S: Final = 60.0


class HistoryBackfill:
    """Puts older messages of some feeds into the arrival queue."""

    def __init__(
        self,
        feeds: Sequence[SubjectFeed],
        arrivals: ArrivalQueue,
        waiter: RunWaiter,
        *,
        is_current: Callable[[], bool],
        has_room: Callable[[], bool],
    ) -> None:
        """Create it; nothing is read before `run` or `widen`.

        Args:
            feeds: what they have not read is read: those of events, of tasks, and others.
            arrivals: gets the messages.
            waiter: waits until they have been folded.
            is_current: whether the newest part has been read, folded and ticked.
            has_room: whether the state can hold older messages.
        """
        self._sources = [_OlderMessages(feed) for feed in feeds]
        self._events, self._tasks = self._sources[:2]
        self._arrivals = arrivals
        self._waiter = waiter
        self._is_current = is_current
        self._has_room = has_room
        self._is_reading = False
        self._is_searched: Callable[[bytes], bool] | None = None

    @property
    def extent(self) -> HistoryExtent:
        """How much of the stored history has been read."""
        sources = self._sources
        read = sum(each.feed.status.replayed + each.read for each in sources)
        unread = sum(each.unread for each in sources)
        problem = next((each.problem for each in sources if each.problem), "")
        return HistoryExtent(read, read + unread, self._oldest(), self._is_reading, problem)

    @property
    def complete_since(self) -> float:
        """Unix seconds from which on all stored messages were read; -inf if all there are were."""
        return max(
            (each.complete_since for each in self._sources if each.unread), default=-math.inf
        )

    @property
    def known_since(self) -> float:
        """Unix seconds from which on all messages were read that can be read now; -inf for all.

        What is lost, and what a full state cannot hold, cannot be read.
        """
        if not self._has_room():
            return -math.inf
        return max((each.known_since for each in self._sources), default=-math.inf)

    @property
    def has_read_events(self) -> bool:
        """Whether events were read as far back as task messages, or as far as they can be.

        Before, what is known of a run may be that it was enqueued, although it has ended.
        """
        return not self._has_room() or self._events.reaches(self._tasks.oldest_at)

    def search_only(self, task_ids: Sequence[str]) -> None:
        """Fold from now on only messages that mention one of these ids; others count as read.

        All ids that are looked up, because each message is read once. Not for what is around a run:
        other runs do not mention it.
        """
        needles = [task_id.encode() for task_id in task_ids]
        if len(needles) <= _MAX_SEARCHED:
            self._is_searched = lambda payload: any(needle in payload for needle in needles)

    async def run(self) -> None:
        """Read everything older, and what becomes readable later; run by a supervisor."""
        pauses = Backoff(_RETRY_INTERVAL_S, _MAX_RETRY_INTERVAL_S)
        try:
            while True:
                if self._is_current() and self._has_room() and await self._fill():
                    pauses.reset()
                    await self._waiter.wait_for(self._may_fill)
                    continue
                self._is_reading = False
                failed = [each for each in self._sources if each.failure]
                await asyncio.sleep(pauses.next_delay() if failed else _CHECK_INTERVAL_S)
                for source in failed:
                    source.failure = ""
        finally:
            self._is_reading = False
            await self.close()

    async def widen(self, count: int) -> bool:
        """Read and fold about so many older messages; return whether even older ones can be read.

        If not, `extent` says how many were not read: the state is full, or there is a problem.
        """
        goal = self._read + count
        more = True
        while more and self._read < goal:
            more = self._has_room() and await self._fill()
            await self._waiter.wait_for(self._may_fill)
        await self._waiter.wait_for(lambda: not self._arrivals)
        return more

    async def close(self) -> None:
        """Stop reading ahead."""
        for source in self._sources:
            await source.close()

    @property
    def _read(self) -> int:
        return sum(each.read for each in self._sources)

    def _oldest(self) -> float | None:
        """Return back to when everything has been read: by the feed that reaches back least."""
        unread = [each.oldest_at for each in self._sources if each.unread]
        known = [each.oldest_at for each in self._sources if each.oldest_at]
        return max(unread) if unread else min(known, default=None)

    def _may_fill(self) -> bool:
        return len(self._arrivals) <= _REFILL_AT

    async def _fill(self) -> bool:
        """Put the next older messages into the queue; return False if there are none for now."""
        sources = [each for each in self._sources if await each.load()]
        self._is_reading = bool(sources)
        room = min(MAX_WAITING - len(self._arrivals), self._arrivals.room)
        while room > 0 and sources and all(each.waiting for each in sources):
            source = max(sources, key=_newest_at)
            until = max((_newest_at(each) for each in sources if each is not source), default=0.0)
            room = self._deliver(source, until, room)
        return bool(sources)

    def _deliver(self, source: "_OlderMessages", until: float, room: int) -> int:
        """Put a feed's messages into the queue that are newer than a time; return the room left."""
        waiting, arrivals, is_searched = source.waiting, self._arrivals, self._is_searched
        while room > 0 and waiting and waiting[-1].at >= until:
            some = waiting[: -room - 1 : -1]
            if until:
                some = list(takewhile(lambda each: each.at >= until, some))
            wanted = some
            if is_searched is not None:
                wanted = [each for each in some if is_searched(each.payload)]
            put = arrivals.put_all(wanted)
            if put < len(wanted):
                some = some[: some.index(wanted[put])]
                room = 0
            if not some:
                break
            room -= put
            del waiting[-len(some) :]
            source.read += len(some)
            source.oldest_at = some[-1].at
        return max(0, room)


class _OlderMessages:
    """The older messages of one feed.

    Attributes:
        feed: the feed.
        waiting: those of the current page, the newest last.
        read: number of messages taken from `waiting` so far.
        failure: why the next page cannot be read now, empty if it can; cleared to try again.
    """

    def __init__(self, feed: SubjectFeed) -> None:
        self.feed = feed
        self.waiting: list[InboundMessage] = []
        self.read = 0
        self.failure = ""
        self._lost = 0
        self._lost_by = ""
        self._oldest_at = 0.0
        self._pages: MessagePages | None = None
        self._next: asyncio.Future[list[InboundMessage]] | None = None

    @property
    def unread(self) -> int:
        """About how many messages have not been read, among them those that were deleted."""
        older = self._pages.unread + self._pages.lost if self._pages is not None else 0
        # Those of the page that is read ahead are no longer unread to the pages.
        ahead = self._next
        if ahead is not None and ahead.done() and not (ahead.cancelled() or ahead.exception()):
            older += len(ahead.result())
        status = self.feed.status
        lost = self._lost + (status.loss.count if status.loss is not None else 0)
        return len(self.waiting) + older + status.older + lost

    @property
    def problem(self) -> str:
        """Why not all can be read, empty if all can."""
        loss = self.feed.status.loss
        return self._lost_by or (loss.reason if loss is not None else "") or self.failure

    @property
    def complete_since(self) -> float:
        """Unix seconds from which on all messages were read; inf if the newest were not."""
        return math.inf if self.feed.status.loss is not None else self.oldest_at or math.inf

    @property
    def known_since(self) -> float:
        """Unix seconds from which on all messages were read that can be read now; -inf for all."""
        pages = self._pages is not None and self._pages.unread
        more = self.waiting or self._has_next or pages or self.feed.status.older
        return self.oldest_at or math.inf if more and not self.failure else -math.inf

    def reaches(self, at: float) -> bool:
        """Return whether all messages since a time, Unix seconds, were read; 0 for no time."""
        is_next_older = bool(self.waiting) and self.waiting[-1].at <= at
        return not at or self.known_since <= at or is_next_older

    @property
    def _has_next(self) -> bool:
        """Whether the page that is read ahead has messages, as far as is known."""
        ahead = self._next
        if ahead is None or not ahead.done() or ahead.cancelled() or ahead.exception():
            return ahead is not None
        return bool(ahead.result())

    @property
    def oldest_at(self) -> float:
        """Unix seconds back to which all messages have been read, 0 while none was."""
        return self._oldest_at or self.feed.status.oldest_at

    @oldest_at.setter
    def oldest_at(self, at: float) -> None:
        self._oldest_at = at

    async def load(self) -> bool:
        """Load the next page if none is waiting; return False without one."""
        if self.waiting or self.failure:
            return bool(self.waiting)
        if (pages := self.feed.take_older_pages()) is not None:
            await self.close()
            self._pages, self._oldest_at = pages, 0.0
        if self._pages is None or not (self._next or self._pages.unread):
            return False
        if self._next is None:
            self._next = asyncio.ensure_future(self._pages.next())
        # If the caller is cancelled, the page is still the next one.
        await asyncio.wait({self._next})
        ahead, self._next = self._next, None
        try:
            self.waiting = ahead.result()
        except NotConnectedError:
            return False
        except (ConsumerResetError, UserFacingError) as error:
            self.failure = getattr(error, "detail", "") or str(error)
            return False
        if ended_by := self._pages.ended_by:
            self._lost, self._lost_by = self._lost + self._pages.lost, ended_by
            self._pages.lost, self._pages.ended_by = 0, ""
        if self.waiting:
            self._next = asyncio.ensure_future(self._pages.next())
        return bool(self.waiting)

    async def close(self) -> None:
        """Stop reading ahead."""
        ahead, self._next = self._next, None
        if ahead is not None:
            await cancel_and_wait(ahead)


def _newest_at(source: _OlderMessages) -> float:
    return source.waiting[-1].at
