"""Baseline of the worker benchmark: TaskIQ's own receiver on taskiq-nats.

It is configured as its documentation says, with two exceptions that make it comparable: a
`pull_consume_timeout` (without it a worker hangs forever after a server restart) and JSON results
instead of pickle.
"""

import argparse
import asyncio
import logging
import signal
import sys
from concurrent.futures import ThreadPoolExecutor

from taskiq import async_shared_broker
from taskiq.receiver import Receiver
from taskiq.serializers import JSONSerializer
from taskiq_nats import NATSObjectStoreResultBackend, PullBasedJetStreamBroker

import benchmarks.worker_side.worker_tasks  # noqa: F401 - registers the tasks

PULL_TIMEOUT_S = 5.0


def make_bare_broker(server: str, batch: int = 1) -> PullBasedJetStreamBroker:
    """Return the broker used by bare senders and workers.

    Args:
        server: NATS address.
        batch: tasks fetched per pull request; the default of taskiq-nats is 1.
    """
    broker = PullBasedJetStreamBroker(
        [server], pull_consume_timeout=PULL_TIMEOUT_S, pull_consume_batch=batch
    )
    results: NATSObjectStoreResultBackend[object] = NATSObjectStoreResultBackend(
        [server], serializer=JSONSerializer()
    )
    broker.with_result_backend(results)
    async_shared_broker.default_broker(broker)
    return broker


async def work(server: str, slots: int, batch: int) -> None:
    """Run tasks until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    broker = make_bare_broker(server, batch)
    broker.is_worker_process = True
    await broker.startup()
    with ThreadPoolExecutor(slots) as executor:
        receiver = Receiver(broker, executor, max_async_tasks=slots, run_startup=False)
        await receiver.listen(stop)
    await broker.shutdown()


def main() -> int:
    """Run one worker process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("server")
    parser.add_argument("--slots", type=int, default=8, help="concurrent tasks")
    parser.add_argument("--batch", type=int, default=1, help="tasks fetched per pull request")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    try:
        import uvloop  # noqa: PLC0415 - not installed everywhere
    except ImportError:
        factory = None
    else:
        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(work(arguments.server, arguments.slots, arguments.batch))
    return 0


if __name__ == "__main__":
    sys.exit(main())
