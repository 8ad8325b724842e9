"""A stock TaskIQ application with names of its own, run as a worker process by tests."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from taskiq.serializers import JSONSerializer
from taskiq_nats import NATSObjectStoreResultBackend, PullBasedJetStreamBroker

from tests.kit.nats_servers import NatsServer

SUBJECT = "shop.tasks"
STREAM = "SHOP"
CONSUMER = "shop_workers"
BUCKET = "shop_results"
MODULE = "tests.kit.foreign_app"
TASK = "shop:charge"


async def charge(amount: int) -> dict[str, int]:
    """Return the amount, or fail for a negative one."""
    if amount < 0:
        raise ValueError("negative")
    return {"ok": amount}


def make_broker(server: str) -> PullBasedJetStreamBroker:
    """Return a broker with the task `shop:charge`."""
    broker = PullBasedJetStreamBroker(
        server, subject=SUBJECT, stream_name=STREAM, durable=CONSUMER
    ).with_result_backend(
        NATSObjectStoreResultBackend(server, bucket_name=BUCKET, serializer=JSONSerializer())
    )
    broker.register_task(charge, task_name=TASK)
    return broker


broker = make_broker(os.environ.get("FOREIGN_APP_SERVER", "nats://127.0.0.1:1"))
"""Imported by the worker process."""


def worker_command() -> list[str]:
    """Return the command line of a worker of this application."""
    arguments = ("taskiq", "worker", f"{MODULE}:broker", "--workers", "1")
    return [sys.executable, "-m", *arguments]


@contextlib.asynccontextmanager
async def run(server: NatsServer) -> AsyncIterator[None]:
    """Run a worker of the application, with one good task and one that fails."""
    environment = {
        **os.environ,
        "FOREIGN_APP_SERVER": server.url,
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    worker = await asyncio.create_subprocess_exec(
        *worker_command(),
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    broker = make_broker(server.url)
    try:
        await broker.startup()
        task = broker.find_task(TASK)
        assert task is not None
        for task_id, amount in (("shop-good", 5), ("shop-bad", -1)):
            await task.kicker().with_task_id(task_id).kiq(amount)
        yield
    finally:
        await broker.shutdown()
        worker.terminate()
        await asyncio.wait_for(worker.wait(), 20)
