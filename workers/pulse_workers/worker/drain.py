"""Draining of a worker: running tasks finish, the others are requeued or handed off.

Draining loses no task. The worker stops consuming, lets running tasks finish within a limit, and
requeues the rest. A task that no other worker is certain to run is finished here, however long that
takes; a second signal cancels it, and its stored result says so.
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
    count = await _requeue(receiver)
    if not broker.persists_tasks:
        drained = asyncio.create_task(broker.wait_until_drained(), name="drained")
        if broker.pending or broker.active:
            if not forced.done():
                logger.warning(
                    "no other worker is certain to take the tasks: finishing all of them here"
                )
            await asyncio.wait({*ends, drained}, return_when=asyncio.FIRST_COMPLETED)
        if forced.done() and not drained.done():
            count += await _requeue(receiver)
            count += await receiver.cancel_all(
                Cancellation(
                    settings.identity,
                    "this worker was forced to stop, and no other worker takes the task",
                )
            )
        drained.cancel()
    forced.cancel()
    finished.set()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await listening
    return count


async def _requeue(receiver: DeliveryReceiver) -> int:
    """Requeue the tasks that other workers are certain to run, and return their number."""
    receiver.requeues_deliveries = True
    return await receiver.broker.requeue_pending() + await receiver.requeue_unfinished()
