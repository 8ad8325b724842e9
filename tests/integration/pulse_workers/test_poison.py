"""No message can stop a worker or come back forever: each is answered, or ended and reported."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import cbor2
import pytest
import pytest_asyncio
from nats.aio.msg import Msg

from pulse_desktop.protocol.task_message import encode_task
from pulse_desktop.protocol.topics import TASK_SUBJECT
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until
from tests.kit.worker_processes import TASKS, WorkerHarness, open_harness

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(
    scope="module",
    loop_scope="module",
    params=["jetstream", pytest.param("core", marks=pytest.mark.slow)],
)
async def harness(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[WorkerHarness]:
    with NatsServer() as server:
        async with open_harness(server, tmp_path_factory.mktemp("workers")) as harness:
            harness.core_nats = request.param == "core"
            await harness.run(broker=request.param, ack_wait=1)
            yield harness


def _task(task_id: str, *, args: str = "[]", labels: str = "{}", kwargs: str = "{}") -> bytes:
    return (
        f'{{"task_id":{json.dumps(task_id)},"task_name":"{TASKS}:work","labels":{labels},'
        f'"args":{args},"kwargs":{kwargs}}}'
    ).encode()


async def _publish(
    harness: WorkerHarness, data: bytes, headers: dict[str, Any] | None = None
) -> None:
    if harness.core_nats:
        await harness.client.publish(TASK_SUBJECT, data, headers=headers)
    else:
        await harness.js.publish(TASK_SUBJECT, data, headers=headers)


def _in_format(kind: str) -> bytes:
    return encode_task(kind, f"{TASKS}:work", format_=kind)[0]


UNREADABLE = {
    "msgpack": _in_format("msgpack"),
    "cbor": _in_format("cbor"),
    "pickle": _in_format("pickle"),
    "cbor date": cbor2.dumps(
        {"task_id": "cbor date", "task_name": "f", "args": [cbor2.CBORTag(1, 10**17)], "kwargs": {}}
    ),
    "deep": _task("deep", args="[" * 5_000 + "]" * 5_000),
    "surrogate": _task("surrogate", labels='{"team":"\\ud83d"}'),
    "latin1": _task("latin1", labels='{"team":"caf"}').replace(b"caf", b"caf\xe9"),
    "no-object": _task("no-object", kwargs="[]"),
    "ack-type": _task("ack-type", labels='{"ack_type":"never"}'),
    "label-type": _task("label-type", labels='{"a":1}').replace(
        b'"args"', b'"labels_types":{"a":99},"args"'
    ),
}
DEAD = {
    "long": _task("x" * 5_000),
    "very long": _task("y" * 900_000),
    "no id": b'{"task_name":"work"}',
    "surrogate id": _task("z").replace(b'"z"', b'"\\ud83d"'),
    "garbage": b"\xff\xfe \x1b[31m garbage" * 1_000,
}


async def test_each_unreadable_task_fails_with_a_stored_result(
    harness: WorkerHarness, tmp_path: Path
) -> None:
    for data in UNREADABLE.values():
        await _publish(harness, data)
    for task_id in UNREADABLE:
        error = (await harness.result(task_id))["error"]
        assert error["exc_type"] in ("UnreadableTaskError", "WrongArgumentsError"), error
        if task_id in ("msgpack", "cbor", "pickle", "cbor date"):
            assert "this worker reads JSON" in error["exc_message"][0]
        await wait_until(lambda task_id=task_id: "task.failed" in harness.event_types(task_id))
    for task_id in ("a b\r\nc", "*.>", "\x00", "ї" * 500, "2" * 2_000):
        arguments = json.dumps([str(tmp_path / "odd")])
        await _publish(harness, _task(task_id, args=arguments), {"team": "x" * 60_000})
        assert (await harness.result(task_id))["return_value"] == "done"
    for name in ("Status", "Nats-Consumer-Stalled"):  # a label is sent as a header
        labels = json.dumps({name: "100"})
        await _publish(
            harness,
            _task(name, labels=labels, args=json.dumps([str(tmp_path / name)])),
            {name: "100", "Description": "Idle Heartbeat"},
        )
        assert (await harness.result(name))["return_value"] == "done"
    await _is_unharmed(harness, tmp_path)


async def test_each_unanswerable_message_is_ended_and_reported(
    harness: WorkerHarness, tmp_path: Path
) -> None:
    advisories: list[bytes] = []

    async def record(message: Msg) -> None:
        advisories.append(message.data)

    subscription = await harness.client.subscribe(
        "$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.>", cb=record
    )
    await harness.client.flush()
    for data in DEAD.values():
        await _publish(harness, data)

    def reports() -> list[dict[str, Any]]:
        return [e["data"] for e in harness.events if e["type"] == "task.dead_letter"]

    await wait_until(lambda: len(reports()) == len(DEAD))
    await wait_until(lambda: "task.failed" in harness.event_types("x" * 5_000))
    if not harness.core_nats:
        await wait_until(lambda: len(advisories) == len(DEAD))
        assert b"5000 bytes" in b"".join(advisories)
    await subscription.unsubscribe()
    await _is_unharmed(harness, tmp_path)
    assert len(reports()) == len(DEAD)
    assert max(map(len, harness.workers[0].log.splitlines())) < 5_000


async def _is_unharmed(harness: WorkerHarness, folder: Path) -> None:
    fine = await harness.send("work", str(folder / "fine"))
    assert (await harness.result(fine))["return_value"] == "done"
    if not harness.core_nats:
        await wait_until(harness.all_acked)
    assert harness.workers[0].process.poll() is None
