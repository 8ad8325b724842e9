"""A worker as before tasks were renamed: it executes and announces the legacy names alone.

Run as `python -m tests.kit.legacy_worker SERVER BROKER`. It is TaskIQ's receiver on the brokers of
taskiq-nats, which drop a task of an unknown name without a result.
"""

import asyncio
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import nats
from nats.js.api import AckPolicy, ConsumerConfig
from taskiq import AsyncBroker, TaskiqMessage, TaskiqMiddleware
from taskiq.api import run_receiver_task
from taskiq.serializers import JSONSerializer
from taskiq_nats import NatsBroker, NATSObjectStoreResultBackend, PullBasedJetStreamBroker

from pulse_desktop.protocol.event import encode_event
from pulse_desktop.protocol.topics import TASK_CONSUMER, TASK_SUBJECT, subject_of
from tests.kit.fork_server import start_program

WORKER: Final = f"legacy@here:{os.getpid()}"
NAMES: Final = (
    "workers.tasks.scoring:score_message_task",
    "workers.tasks.embedding:embed_messages_batch",
    "workers.tasks.knowledge:extract_knowledge",
    "workers.tasks.ingestion:ingest_messages",
)
CONSUMER: Final = ConsumerConfig(
    durable_name=TASK_CONSUMER,
    ack_policy=AckPolicy.EXPLICIT,
    ack_wait=30,
    max_ack_pending=20_000,
    max_waiting=4_096,
    filter_subject=TASK_SUBJECT,
)
"""As workers create it: what another program passes, the consumer becomes."""


class _LabelName(TaskiqMiddleware):
    def pre_execute(self, message: TaskiqMessage) -> TaskiqMessage:
        message.labels.setdefault("task_name", message.task_name)
        return message


def make_broker(server: str, kind: str) -> AsyncBroker:
    broker: AsyncBroker
    if kind == "core":
        broker = NatsBroker(server, queue="taskiq")
    else:
        broker = PullBasedJetStreamBroker(
            server, consumer_config=CONSUMER, pull_consume_batch=1, pull_consume_timeout=1
        )
    results: NATSObjectStoreResultBackend[Any] = NATSObjectStoreResultBackend(
        server, serializer=JSONSerializer()
    )
    broker = broker.with_result_backend(results).with_middlewares(_LabelName())
    for name in NAMES:
        broker.register_task(_return_worker, task_name=name)
    return broker


async def _return_worker(*_args: Any, **_kwargs: Any) -> str:
    return WORKER


async def _publish_heartbeats(server: str, kind: str) -> None:
    client = await nats.connect(server)
    catalogue = {name: {"doc": "", "args": {"type": "object"}} for name in NAMES}
    data = {"worker": WORKER, "host": "here", "pid": os.getpid(), "slots": 4, "busy": 0}
    data |= {"broker": kind, "queue_group": "taskiq" if kind == "core" else None}
    while True:
        _, payload = encode_event(
            "monitoring",
            "worker.heartbeat",
            {**data, "catalogue": catalogue},
            source=WORKER,
            now=time.time(),
        )
        await client.publish(subject_of("monitoring"), payload)
        await asyncio.sleep(0.5)


async def main(server: str, kind: str) -> None:
    broker = make_broker(server, kind)
    broker.is_worker_process = True
    await broker.startup()
    async with asyncio.TaskGroup() as group:
        group.create_task(_publish_heartbeats(server, kind))
        group.create_task(run_receiver_task(broker, max_async_tasks=4))


@contextmanager
def started_legacy_worker(server: str, kind: str, log: Path) -> Iterator[None]:
    """Run the worker in a process of its own; it must not receive a name that it does not know."""
    with log.open("wb") as file:
        process = start_program(
            __name__,
            server,
            kind,
            env=os.environ,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )
    try:
        yield
    finally:
        process.kill()
        process.wait(10)
    assert b"is not found" not in log.read_bytes()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    asyncio.run(main(*sys.argv[1:]))
