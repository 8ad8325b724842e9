"""`--csv`: rows for a spreadsheet, from a real server, complete and never a formula."""

import asyncio
import csv
import json
import time
from pathlib import Path

import pytest

from pulse_desktop.protocol.event import encode_event
from pulse_desktop.protocol.task_message import encode_task
from pulse_desktop.protocol.topics import TASK_SUBJECT
from pulse_desktop.state.serialize import EVENT_CELLS, RESULT_CELLS, RUN_CELLS
from tests.kit.cli_process import CommandResult, command_environment, run_command, run_in_thread
from tests.kit.fake_worker import fake_worker
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer
from tests.kit.result_bucket import store_results

LETTERS = "Жук 🐞"
FORMULA = '=HYPERLINK("http://evil","a,b")'
TASK_ID = "0123456789abcdef0123456789abcdef"


def rows_of(result: CommandResult) -> list[list[str]]:
    assert (result.code, result.err) == (0, ""), result
    return list(csv.reader(result.out.splitlines()))


async def publish_failure(url: str, task_id: str = TASK_ID) -> None:
    """Publish a task and its failure, with texts that a spreadsheet would take for formulas."""
    client = await connect(url)
    context = client.jetstream()
    await context.add_stream(name="EVENTS", subjects=["websocket.>"])
    await context.add_stream(name="TASKS", subjects=[TASK_SUBJECT])
    payload, headers = encode_task(
        task_id,
        "send",
        args=json.dumps([FORMULA, 5, LETTERS]).encode(),
        kwargs=json.dumps({"to": "a\nb"}).encode(),
        labels={"queue": "q"},
    )
    await context.publish(TASK_SUBJECT, payload, headers=headers)
    error = {"type": "ValueError", "message": FORMULA, "traceback": ""}
    data = {"task_id": task_id, "worker": "w@h:1", "attempt": 1, "run_s": 0.1, "error": error}
    _id, failed = encode_event("tasks", "task.failed", data, source="w@h:1", now=time.time())
    await context.publish("websocket.tasks", failed)
    await client.close()


async def test_runs_and_events_are_written_whole_and_never_as_formulas(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    env = command_environment(tmp_path / "data", PULSE_SERVER=nats_server.url)
    await publish_failure(nats_server.url)
    runs, events, none = await asyncio.gather(
        run_in_thread("runs", "error:*", "--csv", env=env),
        run_in_thread("tail", "type:failed", "--since", "1h", "--duration", "0", "--csv", env=env),
        run_in_thread("runs", "task:none", "--csv", env=env),
    )
    headings, cells = rows_of(runs)
    run = dict(zip(headings, cells, strict=True))
    assert tuple(headings) == RUN_CELLS
    assert (run["task_id"], run["state"], run["error_type"]) == (TASK_ID, "failed", "ValueError")
    assert run["error_message"] == f"'{FORMULA}"
    assert json.loads(run["args"]) == [FORMULA, 5, LETTERS]
    assert LETTERS in run["args"]  # letters, although the sender escapes them
    assert json.loads(run["kwargs"]) == {"to": "a\nb"}
    assert "queue" in run["labels"]
    headings, cells = rows_of(events)
    assert tuple(headings) == EVENT_CELLS
    event = dict(zip(headings, cells, strict=True))
    assert (event["topic"], event["type"]) == ("tasks", "task.failed")
    assert json.loads(event["payload"])["data"]["error"]["message"] == FORMULA
    assert (none.code, none.out.splitlines()) == (0, [",".join(RUN_CELLS)])
    assert "Nothing matches task:none." in none.err


@pytest.mark.parametrize("option", ["--json", "--csv"])
@pytest.mark.parametrize(
    ("command", "remark"),
    [
        (("groups",), "No run failed in this time."),
        (("groups", "task:none"), "No failure group has runs that match."),
        (("workers",), "No workers: none is online, or they send no heartbeats."),
        (("results", "list"), "No results in taskiq_results."),
    ],
)
async def test_that_nothing_is_listed_is_said_where_a_person_reads_it(
    nats_server: NatsServer, tmp_path: Path, command: tuple[str, ...], remark: str, option: str
) -> None:
    client = await connect(nats_server.url)
    await client.jetstream().add_stream(name="EVENTS", subjects=["websocket.>"])
    await store_results(client, 0)
    await client.close()
    env = command_environment(tmp_path / "data", PULSE_SERVER=nats_server.url)
    for_scripts, for_people = await asyncio.gather(
        run_in_thread(*command, option, env=env), run_in_thread(*command, env=env)
    )
    assert (for_scripts.code, for_people.code) == (0, 0)
    assert remark in for_scripts.err
    assert remark in for_people.out
    assert remark not in for_scripts.out + for_people.err
    assert for_scripts.out.count("\n") == (option == "--csv")


async def test_csv_and_json_exclude_each_other(nats_server: NatsServer, tmp_path: Path) -> None:
    env = command_environment(tmp_path / "data", PULSE_SERVER=nats_server.url)
    both = await asyncio.to_thread(run_command, "runs", "--csv", "--json", env=env)
    assert (both.code, both.out) == (2, "")
    assert "cannot be combined" in both.err


async def test_results_and_workers_are_written_with_the_values_of_json(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    env = command_environment(tmp_path / "data", PULSE_SERVER=nats_server.url)
    client = await connect(nats_server.url)
    await client.jetstream().add_stream(name="EVENTS", subjects=["websocket.>"])
    await store_results(client, 2, labels={"task_name": FORMULA})
    async with fake_worker(nats_server.url, lambda _request: ("paused", True, "")):
        listed, objects, workers, of_workers = await asyncio.gather(
            run_in_thread("results", "list", "--csv", env=env),
            run_in_thread("results", "list", "--json", env=env),
            run_in_thread("workers", "--csv", env=env),
            run_in_thread("workers", "--json", env=env),
        )
    await client.close()
    headings, *rows = rows_of(listed)
    assert tuple(headings) == RESULT_CELLS == tuple(objects.objects[0])
    assert [row[0] for row in rows] == [each["key"] for each in objects.objects]
    assert {row[1] for row in rows} == {f"'{FORMULA}"}
    headings, cells = rows_of(workers)
    assert headings == list(of_workers.object)
    worker = dict(zip(headings, cells, strict=True))
    assert (worker["worker"], worker["control"]) == ("worker-1@here:1", "true")
    assert (worker["running"], of_workers.object["running"]) == ("", None)
    assert worker["version"] == ""


async def test_of_an_unreadable_event_only_the_start_is_written(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    env = command_environment(tmp_path / "data", PULSE_SERVER=nats_server.url)
    client = await connect(nats_server.url)
    await client.jetstream().add_stream(name="EVENTS", subjects=["websocket.>"])
    for payload in (b"[" + b"7" * 500_000, b"\xff" * 500_000):
        await client.jetstream().publish("websocket.tasks", payload)
    await client.close()
    arguments = ("tail", "--since", "1h", "--duration", "0")
    shown = await run_in_thread(*arguments, "--csv", env=env)
    headings, *rows = rows_of(shown)
    events = [dict(zip(headings, row, strict=True)) for row in rows]
    assert [event["payload"][:3] for event in events] == ["[77", "\\xf"]
    assert all(event["problem"] for event in events)
    listed = await run_in_thread(*arguments, "--json", env=env)
    assert [each["raw"] for each in listed.objects] == [event["payload"] for event in events]
    assert len(shown.out) < 30_000
