"""Every task gets a result and events."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from pulse_desktop.protocol.task_message import new_task_id
from pulse_desktop.protocol.topics import RESULT_BUCKET, TASK_SUBJECT
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until
from tests.kit.worker_processes import TASKS, WorkerHarness, lines, open_harness

KEY = "k3y-Zq8fPl0mB2xWt9"
TOKEN = "t0ken-of-a-file"

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def harness(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WorkerHarness]:
    """One server and one worker for all tests of this module."""
    with NatsServer() as server:
        async with open_harness(server, tmp_path_factory.mktemp("workers")) as harness:
            token = harness.folder / "token"
            token.write_text(f"{TOKEN}\n", encoding="utf-8")
            token.chmod(0o600)
            await harness.run(model_key=KEY, token_file=token)
            yield harness


async def test_every_message_gets_a_result_or_a_log_line(
    harness: WorkerHarness, tmp_path: Path
) -> None:
    unknown = await harness.send("unknown:task")
    no_json = await harness.send("return_unserializable")
    no_text = await harness.send("return_bytes")
    no_args = new_task_id()
    for payload in (
        b"\xff\xfe garbage",
        b"[1, 2]",
        b"{}",
        b"",
        json.dumps({"task_id": no_args, "task_name": f"{TASKS}:work", "args": 5}).encode(),
    ):
        await harness.js.publish(TASK_SUBJECT, payload)
    expected = {
        unknown: ("UnknownTaskNameError", "unknown:task"),
        no_json: ("ResultNotSerializableError", "object"),
        no_text: ("ResultNotSerializableError", "bytes"),
        no_args: ("UnreadableTaskError", "args"),
    }
    for task_id, (kind, word) in expected.items():
        result = await harness.result(task_id)
        assert result["is_err"]
        assert result["error"]["exc_type"] == kind
        assert word in result["error"]["exc_message"][0]
        await wait_until(lambda task_id=task_id: "task.failed" in harness.event_types(task_id))
    fine = await harness.send("work", str(tmp_path / "fine"))
    assert (await harness.result(fine))["return_value"] == "done"
    await wait_until(harness.all_acked)
    assert harness.workers[0].process.poll() is None


async def test_retries_are_published_and_keep_their_delay(
    harness: WorkerHarness, tmp_path: Path
) -> None:
    seen = tmp_path / "times"
    task_id = await harness.send("fail_twice", str(seen))
    assert (await harness.result(task_id))["return_value"] == "at last"
    await wait_until(lambda: "task.succeeded" in harness.event_types(task_id))
    first, second, third = (float(line) for line in lines(seen))
    assert second - first >= 0.45
    assert third - second >= 0.45
    failures = [e["data"] for e in harness.events_of(task_id) if e["type"] == "task.failed"]
    assert [(f["attempt"], f["max_attempts"], f["will_retry"]) for f in failures] == [
        (1, 3, True),
        (2, 3, True),
    ]
    error = failures[0]["error"]
    assert error["type"] == "ConnectionError"
    assert "fail_twice" in error["traceback"]
    assert "taskiq/receiver" not in error["traceback"]
    assert "secret" not in json.dumps(error)

    threaded = await harness.send("fail_in_a_thread")
    failed = await harness.wait_for_event(
        lambda e: e["type"] == "task.failed" and e["data"]["task_id"] == threaded
    )
    trace = failed["data"]["error"]["traceback"].splitlines()
    assert trace[0] == "Traceback (most recent call last):"
    assert "fail_in_a_thread" in trace[1]  # without the frames around the task

    not_retried = await harness.send("fail_without_retry")
    assert (await harness.result(not_retried))["error"]["exc_type"] == "ValueError"
    await wait_until(lambda: "task.failed" in harness.event_types(not_retried))
    assert harness.event_types(not_retried) == ["task.started", "task.failed"]

    too_many_arguments = await harness.send("fail_twice", str(seen), "one too many")
    error = (await harness.result(too_many_arguments))["error"]
    assert error["exc_type"] == "WrongArgumentsError"
    assert error["exc_message"] == ["too many positional arguments; the task takes: path"]
    await wait_until(lambda: "task.failed" in harness.event_types(too_many_arguments))
    assert harness.event_types(too_many_arguments) == ["task.started", "task.failed"]


async def test_progress_and_cancellation_are_published(harness: WorkerHarness) -> None:
    counting = await harness.send("report_progress")
    cancelled = await harness.send("cancel_itself")
    await harness.result(counting)
    await harness.result(cancelled)
    await wait_until(lambda: "task.cancelled" in harness.event_types(cancelled))
    await wait_until(lambda: "task.succeeded" in harness.event_types(counting))
    reports = [e["data"] for e in harness.events_of(counting) if e["type"] == "task.progress"]
    assert [(data["done"], data["total"]) for data in reports] == [(0, 3), (2, 3)]
    assert harness.event_types(counting) == [
        "task.started",
        "task.progress",
        "task.progress",
        "task.succeeded",
    ]


async def test_progress_has_rate_and_time_left_and_the_last_report_is_stored(
    harness: WorkerHarness,
) -> None:
    task_id = await harness.send("report_progress_often", 200, 0.005)
    result = await harness.result(task_id)
    assert result["return_value"] == 200  # the task itself reads current progress
    await wait_until(lambda: "task.succeeded" in harness.event_types(task_id))
    reports = [e["data"] for e in harness.events_of(task_id) if e["type"] == "task.progress"]
    assert 3 <= len(reports) <= 5 * result["execution_time"] + 3
    assert (reports[0]["rate"], reports[0]["eta_s"]) == (None, None)
    assert all(0 < data["rate"] <= 200 for data in reports[1:])
    assert all(data["eta_s"] > 0 for data in reports[1:-1])
    last = {"done": 200, "total": 200, "message": "counting"}
    assert {key: reports[-1][key] for key in last} == last
    assert reports[-1]["eta_s"] == 0
    bucket = await harness.js.object_store(RESULT_BUCKET)
    stored = json.loads((await bucket.get(f"progress:{task_id}")).data or b"")
    assert stored == {"state": "STARTED", "meta": last}


async def test_no_credentials_are_in_logs_results_or_events(harness: WorkerHarness) -> None:
    task_id = await harness.send("fail_with_credentials")
    result = await harness.result(task_id)
    await wait_until(lambda: harness.event_types(task_id).count("task.failed") == 2)
    error = result["error"]
    assert error["exc_message"] == ["olena@example.com", {"at": ["nats://***@host"]}]
    assert error["exc_cause"]["exc_message"][-1] == "postgres://user:***@host/tasks"
    assert "secret" not in json.dumps(result)
    assert "secret" not in json.dumps(harness.events_of(task_id))
    log = harness.workers[0].log
    assert "postgres://user:***@host/tasks" in log
    assert "nats://secret" not in log
    assert ":secret" not in log


@pytest.mark.parametrize("name", ["fail_with_secrets", "report_a_failure_with_secrets"])
async def test_the_secrets_of_a_worker_are_masked_in_all_that_a_failure_leaves(
    harness: WorkerHarness, name: str
) -> None:
    """Those of its settings, and those in files, as in the log lines of the same run."""
    task_id = await harness.send(name)
    result = await harness.result(task_id)
    is_error = name == "fail_with_secrets"
    await wait_until(lambda: is_end(harness.event_types(task_id), failed=is_error))
    text = result["error"]["exc_message"][0] if is_error else result["return_value"]["message"]
    assert text == "401 for olena@example.com: ***, '***'"
    events = harness.events_of(task_id)
    shown = json.dumps([result, events]) + harness.workers[0].log
    assert KEY not in shown
    assert TOKEN not in shown
    failures = [event["data"]["error"] for event in events if event["type"] == "task.failed"]
    for failure in failures:
        assert "401 for olena@example.com: ***" in failure["message"]
        assert "401 for olena@example.com: ***" in failure["traceback"]


def is_end(types: list[str], *, failed: bool) -> bool:
    return types.count("task.failed") == 2 if failed else "task.succeeded" in types
