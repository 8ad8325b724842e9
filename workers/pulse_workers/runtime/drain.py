"""The end of a worker's work, with no task lost.

First nothing more is taken. Then what runs may finish within a limit, and the rest goes back. A
broker that cannot be sure that somebody takes the rest over has this worker finish it, however
long that takes; only a second signal ends it, and then each task has a result that says so.
"""

import asyncio
import contextlib
import logging

from pulse_workers.config.settings import Settings
from pulse_workers.control.cancellation import Cancellation
from pulse_workers.runtime.closing import CLOSE_TIMEOUT_S
from pulse_workers.runtime.receiver import DeliveryReceiver
from pulse_workers.runtime.shutdown_signal import ShutdownSignal

logger = logging.getLogger("pulse.workers.drain")


async def work_until_stopped(
    receiver: DeliveryReceiver, stop: ShutdownSignal, settings: Settings
) -> int:
    """Run tasks until told to stop, and then drain.

    Returns:
        How many tasks were given back or cancelled. Threads of sync tasks among them still run.
    """
    over = asyncio.Event()
    listening = asyncio.create_task(receiver.listen(over), name="receiver")
    asked = asyncio.create_task(stop.asked.wait())
    await asyncio.wait({listening, asked}, return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    if listening.done() and not stop.asked.is_set():
        await listening  # raises what ended it
        raise RuntimeError("the receiver ended by itself")
    return await _drain(receiver, listening, over, stop, settings)


async def _drain(
    receiver: DeliveryReceiver,
    listening: asyncio.Task[None],
    over: asyncio.Event,
    stop: ShutdownSignal,
    settings: Settings,
) -> int:
    broker = receiver.tasks
    logger.info("stopping (%s): %d tasks are running", stop.reason, len(receiver.running))
    receiver.draining = True
    receiver.gives_back = broker.keeps_tasks
    await broker.stop_fetching()
    urgent = asyncio.create_task(stop.urgent.wait())
    ends: set[asyncio.Task[None] | asyncio.Task[bool]] = {listening, urgent}
    await asyncio.wait(ends, timeout=settings.drain_timeout, return_when=asyncio.FIRST_COMPLETED)
    to_others = await broker.can_give_back()
    if not to_others and not listening.done() and not urgent.done():
        logger.warning("nobody else surely takes tasks: working on until all is done")
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        to_others = await broker.can_give_back()
    urgent.cancel()
    if to_others:
        receiver.gives_back = True
        count = await broker.give_back_rest() + await receiver.give_back_unfinished()
    else:
        count = await receiver.cancel_rest(
            Cancellation(
                settings.identity,
                "this worker was ended at once, and nobody else takes tasks",
            )
        )
    over.set()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await listening
    return count
