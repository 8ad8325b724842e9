"""Draining of a worker: running tasks finish, the others are requeued or handed off.

Draining loses no task. The worker stops consuming, lets running tasks finish within a limit, and
requeues the rest. When no other worker is certain to take the rest, it finishes them itself,
however long that takes; a second signal cancels them, and each gets a result that says so.
"""

import asyncio
import contextlib
import logging

from pulse_workers.execution.cancellation import Cancellation
from pulse_workers.runtime.shutdown import CLOSE_TIMEOUT_S, ShutdownSignal
from pulse_workers.worker.receiver import DeliveryReceiver

logger = logging.getLogger("pulse.workers.shutdown")


async def run_until_shutdown(receiver: DeliveryReceiver, shutdown: ShutdownSignal) -> int:
    """Run tasks until shutdown is requested, then drain.

    Returns:
        How many tasks were requeued or cancelled. Threads of sync tasks among them still run.
    """
    finished = asyncio.Event()
    listening = asyncio.create_task(receiver.listen(finished), name="receiver")
    requested = asyncio.create_task(shutdown.requested.wait())
    await asyncio.wait({listening, requested}, return_when=asyncio.FIRST_COMPLETED)
    requested.cancel()
    if listening.done() and not shutdown.requested.is_set():
        await listening  # raises what ended it
        raise RuntimeError("the receiver ended by itself")
    return await _drain(receiver, listening, finished, shutdown)


async def _drain(
    receiver: DeliveryReceiver,
    listening: asyncio.Task[None],
    finished: asyncio.Event,
    shutdown: ShutdownSignal,
) -> int:
    broker, settings = receiver.broker, receiver.settings
    logger.info("stopping (%s): %d tasks are running", shutdown.reason, len(receiver.running))
    receiver.draining = True
    receiver.requeues_deliveries = broker.persists_tasks
    await broker.stop_consuming()
    forced = asyncio.create_task(shutdown.forced.wait())
    ends: set[asyncio.Task[None] | asyncio.Task[bool]] = {listening, forced}
    await asyncio.wait(ends, timeout=settings.drain_timeout, return_when=asyncio.FIRST_COMPLETED)
    can_requeue = await broker.can_requeue()
    if not can_requeue and not listening.done() and not forced.done():
        logger.warning("no other worker is certain to take the tasks: finishing all of them here")
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        can_requeue = await broker.can_requeue()
    forced.cancel()
    if can_requeue:
        receiver.requeues_deliveries = True
        count = await broker.requeue_pending() + await receiver.requeue_unfinished()
    else:
        count = await receiver.cancel_all(
            Cancellation(
                settings.identity,
                "this worker was forced to stop, and no other worker takes tasks",
            )
        )
    finished.set()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await listening
    return count
