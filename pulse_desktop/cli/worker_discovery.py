"""Discovery of online workers, for `workers` and `worker`."""

import contextlib
from typing import TYPE_CHECKING, Final

from pulse_desktop.cli.output import write_note
from pulse_desktop.model.errors import NotPermittedError, UserFacingError
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _

if TYPE_CHECKING:
    from pulse_desktop.session.session import Session

HISTORY_S: Final = 120.0
"""Enough to contain a heartbeat of every online worker."""

_HEARTBEATS: Final = "monitoring"
"""Topic of heartbeats."""

_HEARTBEAT_MARGIN_S: Final = 0.5


async def read_heartbeats(session: "Session") -> None:
    """Read the heartbeats of all online workers that are older than the newest part of history.

    Under load that part is shorter than the time between two heartbeats. If there are so many that
    only the newest are read, stderr says so.
    """
    from pulse_desktop.session.topic_history import load_topic
    from pulse_desktop.transport.ordered_consumer import ConsumerResetError

    with contextlib.suppress(ConsumerResetError, UserFacingError):
        stored = await load_topic(session, _HEARTBEATS, session.now() - HISTORY_S)
        if not stored.is_complete:
            text = _("Only the newest {count} heartbeats were read, back to {time}.")
            count = formats.count(len(stored.messages))
            time = formats.clock(stored.messages[0].at, session.now())
            write_note(text.format(count=count, time=time))


async def discover_workers(session: "Session") -> frozenset[str] | None:
    """Ping all workers and wait until their heartbeats are known, after history was loaded.

    Returns:
        The identities of the workers that replied, None if these credentials may not ping.
    """
    feed = session.event_feed.status
    if feed.mode == "live":
        problem = feed.problem.rstrip(".") if feed.unreadable else _("no stream stores events")
        write_note(_("Waiting for the next heartbeats: {problem}.").format(problem=problem))
    try:
        replies = await session.workers.ping()
    except NotPermittedError:
        if session.event_feed.status.mode == "live":
            await _wait_for_heartbeats(session, frozenset())
        return None
    names = frozenset(reply.worker for reply in replies.received)
    known = session.state.workers
    if session.event_feed.status.mode == "history" and all(known.get(name) for name in names):
        return names
    await _wait_for_heartbeats(session, names)
    return names


def missing_heartbeats(session: "Session") -> list[str]:
    """Return why heartbeats of workers cannot be received; empty when they can be."""
    feed = session.event_feed.status
    is_deaf = feed.mode == "off" and feed.unreadable
    return [_("heartbeats of workers: {problem}").format(problem=feed.problem)] if is_deaf else []


async def _wait_for_heartbeats(session: "Session", names: frozenset[str]) -> None:
    """Wait for the next heartbeats, at least for those of `names`."""
    import asyncio

    from pulse_desktop.state.worker import HEARTBEAT_S

    known = session.state.workers
    if session.event_feed.status.mode == "off":
        return
    with contextlib.suppress(TimeoutError):
        # Without history the next heartbeats have the details. If no worker has replied, there may
        # be workers that accept no commands.
        async with asyncio.timeout(HEARTBEAT_S + _HEARTBEAT_MARGIN_S):
            await session.waiter.wait_for(
                lambda: bool(known.online(session.now())) and all(known.get(name) for name in names)
            )
