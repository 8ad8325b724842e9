"""Discovery of online workers, for `workers` and `worker`."""

import contextlib
import time
from typing import TYPE_CHECKING, Final

from pulse_desktop.cli.connection import CATCH_UP_TIMEOUT_S
from pulse_desktop.model.errors import NotPermittedError

if TYPE_CHECKING:
    from pulse_desktop.session.session import Session

HISTORY_S: Final = 120.0
"""Enough to contain a heartbeat of every online worker."""

_HEARTBEAT_MARGIN_S: Final = 0.5


async def discover_workers(session: "Session") -> frozenset[str] | None:
    """Ping all workers and wait until their heartbeats are known.

    Returns:
        The identities of the workers that replied, None if these credentials may not ping.
    """
    import asyncio

    from pulse_desktop.state.workers import HEARTBEAT_S

    await session.wait_caught_up(CATCH_UP_TIMEOUT_S)
    try:
        replies = await session.workers.ping()
    except NotPermittedError:
        return None
    names = frozenset(reply.worker for reply in replies.received)
    known = session.state.workers
    if session.event_feed.status.mode == "history" and all(known.get(name) for name in names):
        return names
    with contextlib.suppress(TimeoutError):
        # Without history the next heartbeats have the details. If no worker has replied, there may
        # be workers that accept no commands.
        async with asyncio.timeout(HEARTBEAT_S + _HEARTBEAT_MARGIN_S):
            await session.waiter.wait_for(
                lambda: bool(known.online(time.time())) and all(known.get(name) for name in names)
            )
    return names
