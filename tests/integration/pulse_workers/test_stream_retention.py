"""The size limit of the task stream: no stored task is lost."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from nats.js.api import AckPolicy, ConsumerConfig, DiscardPolicy, StreamConfig
from nats.js.errors import APIError
from pulse_workers.brokers.stream_retention import StreamTrimmer
from pulse_workers.config.settings import Settings
from pulse_workers.runtime.provisioning import provision
from taskiq.exceptions import SendTaskError
from taskiq_nats import PullBasedJetStreamBroker

from pulse_desktop.protocol.topics import (
    RESULT_BUCKET,
    TASK_CONSUMER,
    TASK_STREAM,
    TASK_SUBJECT,
)
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until
from tests.kit.worker_cli import PulseWorkerCommand
from tests.kit.worker_processes import TASKS, WorkerHarness, lines, open_harness

SMALL = 60_000
PASSING = 600
FULL = 10077
AS_MADE_BY_WORKERS = ConsumerConfig(
    durable_name=TASK_CONSUMER,
    ack_policy=AckPolicy.EXPLICIT,
    ack_wait=30,
    max_ack_pending=20_000,
    max_waiting=4_096,
    filter_subject=TASK_SUBJECT,
)
"""docs/workers.md gives other programs this configuration: the consumer takes on what they pass."""


@pytest.fixture
async def harness(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[WorkerHarness]:
    async with open_harness(nats_server, tmp_path) as harness:
        yield harness


async def _provision(harness: WorkerHarness) -> None:
    await provision(harness.js, Settings(server=harness.server.url, task_max_bytes=SMALL))


async def _results(harness: WorkerHarness) -> int:
    prefix = f"$O.{RESULT_BUCKET}.M."
    info = await harness.js.stream_info(f"OBJ_{RESULT_BUCKET}", subjects_filter=f"{prefix}>")
    return len(info.state.subjects or ())


def _work(note: str) -> None:
    """Stand in for a task that a worker runs."""


async def _send_until_rejected(harness: WorkerHarness, note: str) -> tuple[int, APIError]:
    for sent in range(1_000):
        try:
            await harness.send("work", note)
        except APIError as error:
            assert getattr(error, "err_code", None) == FULL  # noqa: PT017 - any other is a failure
            return sent, error
    raise AssertionError("all of them had room")


async def test_a_full_stream_rejects_tasks_and_every_stored_task_runs(
    harness: WorkerHarness, tmp_path: Path
) -> None:
    await _provision(harness)
    note = tmp_path / "note"
    stored, rejection = await _send_until_rejected(harness, str(note))
    assert "maximum bytes" in str(rejection)
    assert 100 < stored < 1_000
    foreign = PullBasedJetStreamBroker(harness.server.url, consumer_config=AS_MADE_BY_WORKERS)
    await foreign.startup()
    foreign_task = foreign.register_task(_work, task_name=f"{TASKS}:work")
    with pytest.raises(SendTaskError) as raised:
        await foreign_task.kiq(str(note))
    assert "maximum bytes" in str(raised.value.__cause__)
    await foreign.shutdown()
    await harness.run(task_max_bytes=SMALL)
    await wait_until(harness.all_acked, 60)
    assert lines(note).count("end") == stored
    assert await _results(harness) == stored


@pytest.mark.slow
async def test_far_more_tasks_than_fit_pass_through_while_a_worker_runs(
    harness: WorkerHarness, tmp_path: Path
) -> None:
    await asyncio.gather(
        harness.run(task_max_bytes=SMALL), harness.run(task_max_bytes=SMALL)
    )  # two purge at the same time
    note = tmp_path / "note"
    stored = rejected = 0

    async def send() -> bool:
        nonlocal stored, rejected
        try:
            while stored < PASSING:
                await harness.send("work", str(note))
                stored += 1
        except APIError as error:
            assert getattr(error, "err_code", None) == FULL  # noqa: PT017 - any other is a failure
            rejected += 1
            return False
        return True

    await wait_until(send, 60, "all are sent")
    assert rejected > 0, "the stream was never full"
    await wait_until(harness.all_acked, 60)
    assert lines(note).count("end") == PASSING
    assert await _results(harness) == PASSING
    assert "Traceback" not in harness.workers[0].log + harness.workers[1].log


async def _fill(harness: WorkerHarness, count: int, *, acked: int = 0) -> None:
    """Store messages and acknowledge the first of them."""
    for _ in range(count):
        await harness.js.publish(TASK_SUBJECT, b"x" * 100)
    if acked:
        pulled = await harness.js.pull_subscribe_bind(TASK_CONSUMER, TASK_STREAM)
        for message in await pulled.fetch(acked):
            await message.ack_sync()


async def _held(harness: WorkerHarness) -> tuple[int, int]:
    state = (await harness.js.stream_info(TASK_STREAM)).state
    return state.first_seq, state.messages


async def _stream(harness: WorkerHarness, **changes: Any) -> None:
    config = StreamConfig(
        name=TASK_STREAM, subjects=[TASK_SUBJECT], discard=DiscardPolicy.NEW, max_msgs=10
    )
    await harness.js.add_stream(config.evolve(**changes))
    await harness.js.add_consumer(
        TASK_STREAM, ConsumerConfig(durable_name=TASK_CONSUMER, ack_policy=AckPolicy.EXPLICIT)
    )


@pytest.mark.parametrize(
    ("acked", "first"),
    [
        (9, 5),  # half of the limit stays as history
        (2, 3),  # no more than is acknowledged
        (0, 1),
    ],
)
async def test_acknowledged_tasks_are_purged_and_no_more_than_needed(
    harness: WorkerHarness, acked: int, first: int
) -> None:
    await _stream(harness)
    await _fill(harness, 9, acked=acked)
    trimmers = [StreamTrimmer(harness.js) for _ in range(3)]
    await asyncio.gather(*(trimmer.trim() for trimmer in trimmers))
    assert await _held(harness) == (first, 10 - first)
    await trimmers[0].trim()
    assert await _held(harness) == (first, 10 - first)


async def test_nothing_is_purged_below_the_high_watermark(harness: WorkerHarness) -> None:
    await _stream(harness)
    await _fill(harness, 8, acked=8)
    await StreamTrimmer(harness.js).trim()
    assert await _held(harness) == (1, 8)


@pytest.mark.parametrize(
    "foreign",
    [{"discard": DiscardPolicy.OLD}, {"subjects": [TASK_SUBJECT, "others"]}],
)
async def test_streams_with_another_retention_are_not_changed(
    harness: WorkerHarness, foreign: dict[str, Any]
) -> None:
    await _stream(harness, **foreign)
    await _fill(harness, 9, acked=9)
    await StreamTrimmer(harness.js).trim()
    assert await _held(harness) == (1, 9)


async def test_other_consumers_count_if_they_acknowledge(harness: WorkerHarness) -> None:
    await _stream(harness)
    for name, policy in (("other", AckPolicy.EXPLICIT), ("reader", AckPolicy.NONE)):
        await harness.js.add_consumer(
            TASK_STREAM, ConsumerConfig(durable_name=name, ack_policy=policy)
        )
    await _fill(harness, 9, acked=9)
    trimmer = StreamTrimmer(harness.js)
    await trimmer.trim()
    assert await _held(harness) == (1, 9)
    await harness.js.delete_consumer(TASK_STREAM, "other")
    await trimmer.trim()
    assert await _held(harness) == (5, 5)


async def test_a_worker_without_permission_to_purge_warns_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = """authorization { users = [
      { user: all, password: p }
      { user: narrow, password: p, permissions: { publish: { deny: "$JS.API.STREAM.PURGE.>" } } }
    ] }"""
    with NatsServer(config=config, user="all", password="p") as server:
        async with open_harness(server, tmp_path) as harness:
            await _stream(harness)
            await _fill(harness, 9, acked=9)
            server.user = "narrow"
            async with open_harness(server, tmp_path) as narrow:
                trimmer = StreamTrimmer(narrow.client.jetstream(timeout=0.3))
                with caplog.at_level(logging.WARNING, "pulse.workers.retention"):
                    await trimmer.trim()
                    await trimmer.trim()
            assert len([r for r in caplog.records if "cannot be purged" in r.message]) == 1
            assert await _held(harness) == (1, 9)


async def test_check_warns_about_a_backlog_that_nearly_fills_the_stream(
    harness: WorkerHarness, pulse_worker: PulseWorkerCommand
) -> None:
    await _stream(harness)
    await _fill(harness, 9, acked=5)
    output = pulse_worker("check", server=harness.server.url)
    assert output.code == 0, output
    assert "of the limit is taken" not in output.text
    await harness.js.purge_stream(TASK_STREAM)
    await _fill(harness, 9)
    output = pulse_worker("check", "--json", server=harness.server.url)
    assert output.code == 0, output
    [finding] = [f for f in map(json.loads, output.text.splitlines()) if "is taken" in f["detail"]]
    assert (finding["check"], finding["status"]) == (TASK_STREAM, "warning")
    assert "90% of the limit is taken by 9 unacknowledged tasks" in finding["detail"]


async def test_check_warns_about_a_stream_that_drops_unacknowledged_tasks(
    harness: WorkerHarness, pulse_worker: PulseWorkerCommand
) -> None:
    await _stream(harness, discard=DiscardPolicy.OLD)
    output = pulse_worker("check", server=harness.server.url)
    assert output.code == 0, output
    assert "the oldest tasks are dropped silently" in output.text
    assert "nats stream edit taskiq_jetstream --discard new" in output.text
    await _fill(harness, 9)
    output = pulse_worker("check", server=harness.server.url)
    assert output.code == 1, output
    assert "when the stream is full, tasks are lost" in output.text
