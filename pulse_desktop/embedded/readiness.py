"""Whether a worker works: it says so itself, on the bus."""

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Final

from pulse_desktop.protocol.event import decode_event

if TYPE_CHECKING:
    from nats.aio.msg import Msg

HEARTBEAT_SUBJECT: Final = "websocket.monitoring"

_log: Final = logging.getLogger(__name__)


async def wait_for_heartbeat(server: str, worker: str) -> None:
    """Wait for the first heartbeat of the worker called `worker` (such as `worker-1`).

    A worker sends one when it has provisioned its streams and waits for tasks. Waits through
    restarts of the server.

    Args:
        server: address with the token.
        worker: the part of its identity before the `@`.
    """
    import nats  # noqa: PLC0415 - takes half a second, in which server and worker start already

    heard = asyncio.Event()

    async def on_event(message: "Msg") -> None:
        event = decode_event("monitoring", message.data, time.time())
        name = event.data().get("worker") if event.type == "worker.heartbeat" else None
        if isinstance(name, str) and name.partition("@")[0] == worker:
            heard.set()

    async def on_error(error: Exception) -> None:
        _log.debug("while waiting for %s: %s", worker, type(error).__name__)

    client = await nats.connect(
        server,
        name="pulse-guardian",
        error_cb=on_error,
        max_reconnect_attempts=-1,
        reconnect_time_wait=0.2,
        ping_interval=10,
    )
    try:
        await client.subscribe(HEARTBEAT_SUBJECT, cb=on_event)
        await heard.wait()
    finally:
        await client.close()
