"""Settings and types in a task's definition hold, no matter which program enqueued the task."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from pulse_desktop.protocol.topics import TASK_SUBJECT
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until
from tests.kit.worker_processes import TASKS, WorkerHarness, open_harness

pytestmark = pytest.mark.asyncio(loop_scope="module")


BROKERS = ["jetstream", pytest.param("core", marks=pytest.mark.slow)]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=BROKERS)
async def harness(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[WorkerHarness]:
    with NatsServer() as server:
        async with open_harness(server, tmp_path_factory.mktemp("workers")) as harness:
            harness.core_nats = request.param == "core"
            await harness.run(broker=request.param)
            yield harness


async def test_labels_of_the_decorator_hold_for_a_plain_message(harness: WorkerHarness) -> None:
    task_id = await harness.send("work_within_a_limit", 20)
    result = await harness.result(task_id)
    assert result["error"]["exc_type"] == "TimeoutError"
    assert (result["labels"]["timeout"], result["labels"]["team"]) == (0.2, "ops")
    await wait_until(lambda: harness.event_types(task_id).count("task.failed") == 2)
    failures = [e["data"] for e in harness.events_of(task_id) if e["type"] == "task.failed"]
    assert [failure["will_retry"] for failure in failures] == [True, False]


@pytest.mark.parametrize("limit", [30, None])
async def test_labels_of_the_message_take_precedence(
    harness: WorkerHarness, limit: int | None
) -> None:
    task_id = f"limit-{limit}"
    message = {
        "task_id": task_id,
        "task_name": f"{TASKS}:work_within_a_limit",
        "labels": {"timeout": limit},
        "args": [0.5],
        "kwargs": {},
    }
    await harness.client.publish(TASK_SUBJECT, json.dumps(message).encode())
    result = await harness.result(task_id)
    assert (result["return_value"], result["labels"]["timeout"]) == ("done", limit)


async def test_an_invalid_model_fails_the_task_with_the_name_of_the_field(
    harness: WorkerHarness,
) -> None:
    order: dict[str, Any] = {"id": "a", "items": [{"sku": "x", "amount": 2}, {"sku": "y"}]}
    wrong = await harness.send("charge", order)
    result = await harness.result(wrong)
    assert result["error"]["exc_type"] == "WrongArgumentsError"
    assert result["error"]["exc_message"] == ["order.items.1.amount: Field required"]
    await wait_until(lambda: "task.failed" in harness.event_types(wrong))
    (failure,) = [e["data"] for e in harness.events_of(wrong) if e["type"] == "task.failed"]
    assert not failure["will_retry"]
    order["items"][1]["amount"] = "3"
    assert (await harness.result(await harness.send("charge", order)))["return_value"] == 5
