"""Commands on a long history: they read the newest part, more only if needed, and say so.

They read a fifth of the usual newest part, and pages of a fifth: a history of a fifth is long.
"""

import asyncio
import hashlib
import io
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client

from pulse_desktop.cli import main as cli
from pulse_desktop.cli import run_search
from pulse_desktop.model.history_extent import NEWEST_MESSAGES
from pulse_desktop.protocol.event import encode_event
from pulse_desktop.protocol.task_message import encode_task
from pulse_desktop.protocol.topics import EVENT_STREAM, TASK_STREAM, TASK_SUBJECT
from pulse_desktop.session import history_backfill, run_listing
from pulse_desktop.session.history_backfill import HistoryBackfill
from pulse_desktop.session.recording.recording_format import MessageLine
from pulse_desktop.session.recording.recording_reader import RecordingReader
from pulse_desktop.transport import message_pages
from tests.kit.cli_process import (
    CommandResult,
    command_environment,
    command_in_process,
    run_in_process,
)
from tests.kit.filled_server import filled_server, wait_until_stored
from tests.kit.nats_servers import NatsServer

RUNS = 1_200
NEWEST = NEWEST_MESSAGES // 5
EVENTS = 2 * RUNS
FAILED_EACH = 200
"""One of so many runs has failed."""
COMMANDS = ("cancel", "groups", "rerun", "runs", "show", "status", "workers")
LOOKED = re.compile(r"Looked at the newest ([\d,]+) of ([\d,]+) messages, back to \d\d:\d\d:\d\d\.")


def task_id(number: int) -> str:
    """Return an id as random as those of TaskIQ."""
    return hashlib.md5(b"%d" % number, usedforsecurity=False).hexdigest()


def event(number: int, type_: str, **more: Any) -> bytes:
    data = {"task_id": task_id(number), "worker": "w@h:1", "attempt": 1, **more}
    return encode_event("tasks", type_, data, source="w@h:1", now=time.time())[1]


async def fill(client: Client) -> None:
    """Store the tasks and the events of many runs; some have failed."""
    js = client.jetstream()
    await js.add_stream(name=EVENT_STREAM, subjects=["websocket.>"])
    await js.add_stream(name=TASK_STREAM, subjects=[TASK_SUBJECT])
    for number in range(RUNS):
        language = "pl" if number % FAILED_EACH == 0 else "uk"
        payload, headers = encode_task(
            task_id(number), "app:work", kwargs=b'{"language":"%s"}' % language.encode()
        )
        await client.publish(TASK_SUBJECT, payload, headers=headers)
        await client.publish("websocket.tasks", event(number, "task.started"))
        failure = {"error": {"type": "OddError", "message": "no", "traceback": ""}}
        ended = ("task.succeeded", {}) if number % FAILED_EACH else ("task.failed", failure)
        await client.publish("websocket.tasks", event(number, ended[0], run_s=0.1, **ended[1]))
        if number % 200 == 0:
            await client.flush()
    await wait_until_stored(client, EVENT_STREAM, EVENTS)
    await wait_until_stored(client, TASK_STREAM, RUNS)


@pytest.fixture(scope="module")
def server() -> Iterator[NatsServer]:
    with filled_server(fill) as server:
        yield server


@pytest.fixture(autouse=True)
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands read less at once."""
    for command in COMMANDS:
        monkeypatch.setattr(f"pulse_desktop.cli.{command}.NEWEST_MESSAGES", NEWEST)
    for module, name in (
        (run_listing, "FIRST_WIDENING"),
        (run_search, "FIRST_WIDENING"),
        (message_pages, "FIRST_PAGE_SIZE"),
        (message_pages, "PAGE_SIZE"),
        (history_backfill, "MAX_WAITING"),
        (history_backfill, "_REFILL_AT"),
    ):
        monkeypatch.setattr(module, name, getattr(module, name) // 5)
    # All runs are stored within less than the usual margin.
    monkeypatch.setattr(run_search, "START_MARGIN_S", 0.005)
    monkeypatch.setattr(run_listing, "START_MARGIN_S", 0.005)


def looked_at(result: CommandResult) -> tuple[int, int]:
    """Return how many messages the command looked at, and of how many."""
    found = LOOKED.search(result.err)
    assert found is not None, result
    read, total = (int(each.replace(",", "")) for each in found.groups())
    return read, total


def ids(result: CommandResult) -> list[str]:
    return [each["task_id"] for each in result.objects]


def test_the_latest_runs_are_listed_from_the_newest_part(env: dict[str, str]) -> None:
    result = run_in_process("runs", "--json", env=env)
    assert ids(result) == [task_id(number) for number in range(RUNS - 1, RUNS - 101, -1)]
    assert {each["state"] for each in result.objects} == {"succeeded"}
    assert looked_at(result) == (2 * NEWEST, EVENTS + RUNS)
    assert result.err.startswith("There may be more, older runs: raise --limit. Looked at")
    assert result.code == 0


def test_all_runs_are_listed_once_and_in_order(env: dict[str, str]) -> None:
    result = run_in_process("runs", "--json", "--limit", "100000", env=env)
    assert ids(result) == [task_id(number) for number in range(RUNS - 1, -1, -1)]
    assert {each["task_name"] for each in result.objects} == {"app:work"}
    assert (result.code, result.err) == (0, "")


def test_a_query_reads_back_until_enough_runs_match(env: dict[str, str]) -> None:
    odd = [task_id(number) for number in range(RUNS - FAILED_EACH, -1, -FAILED_EACH)]
    for query in (["state:failed"], ["error:oddError", "not", "state:running"], ["language=pl"]):
        result = run_in_process("runs", *query, "--json", env=env)
        assert (ids(result), result.err) == (odd, ""), query
    some = run_in_process("runs", "state:failed", "--limit", "2", "--json", env=env)
    assert ids(some) == odd[:2]
    read, total = looked_at(some)
    assert read < total
    assert ids(run_in_process("runs", "--state", "failed", "--json", env=env)) == odd
    both = run_in_process("runs", "language=uk", "--state", "failed", env=env)
    nothing, *reasons = both.out.splitlines()
    assert (nothing, both.err) == ("No runs in the last 1 d that match.", "")
    assert any(reason.startswith("Without --state there ") for reason in reasons)
    for form in ("--json", "--csv"):
        scripted = run_in_process("runs", "language=uk", "--state", "failed", form, env=env)
        assert scripted.err == both.out
        assert scripted.out.count("\n") == (form == "--csv")
    (never,) = run_in_process("runs", "language=qq", env=env).out.splitlines()[1:2]
    assert never.startswith("Nothing matches language=qq.")


def test_the_errors_of_failed_runs_are_a_column(env: dict[str, str]) -> None:
    failed = run_in_process("runs", "state:failed", "--limit", "2", env=env)
    heading, *rows = failed.out.splitlines()
    assert heading.split()[-2:] == ["ID", "ERROR"]
    assert all(row.endswith("  OddError: no") for row in rows)
    ended_well = run_in_process("runs", "--limit", "2", env=env)
    assert "ERROR" not in ended_well.out


def test_an_error_in_a_query_is_underlined(env: dict[str, str]) -> None:
    result = run_in_process("runs", "task:work", "ran>soon", env=env)
    assert (result.code, result.out) == (2, "")
    lines = result.err.splitlines()
    assert lines[0].startswith("Wrong query: ")
    assert lines[1] == "  task:work ran>soon"
    assert lines[2].strip("^ ") == ""
    assert lines[2].index("^") == lines[1].index("soon")


def test_recent_runs_need_no_older_history(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    widened: list[int] = []
    monkeypatch.setattr(
        "pulse_desktop.session.history_backfill.HistoryBackfill.widen",
        lambda _self, count: widened.append(count),
    )
    result = run_in_process("runs", "--since", "0.001s", env=env)
    assert (result.out, result.err) == ("No runs in the last 1.0 ms.\n", "")
    assert widened == []


@pytest.mark.parametrize(
    "number", [*(pytest.param(n, marks=pytest.mark.slow) for n in (RUNS - 1, RUNS // 2)), 0]
)
def test_a_run_is_shown_with_all_of_its_events(env: dict[str, str], number: int) -> None:
    result = run_in_process("show", task_id(number), "--json", env=env)
    shown = result.object
    assert (shown["task_id"], shown["arguments_from"]) == (task_id(number), "queue")
    types = {each["type"] for each in shown["events"]}
    ended = "task.succeeded" if number % FAILED_EACH else "task.failed"
    assert types == {"app:work", "task.started", ended}
    assert sum(shown["event_counts"].values()) == 3
    assert result.err == ""
    short = run_in_process("show", task_id(number)[:8], "--json", env=env)
    assert short.object["task_id"] == task_id(number)
    if number:
        assert "An older run may begin with" in short.err
        read, total = looked_at(short)
        assert read < total


def test_a_run_that_is_not_stored_was_looked_for_everywhere(env: dict[str, str]) -> None:
    result = run_in_process("show", "f" * 32, env=env)
    assert result.code == 1
    assert "this task id is unknown" in result.err


def test_a_short_id_of_an_action_has_to_be_unique_in_all_of_history(
    env: dict[str, str],
) -> None:
    by_prefix: dict[str, list[int]] = {}
    for number in range(RUNS):
        by_prefix.setdefault(task_id(number)[:4], []).append(number)
    old, new = next(
        each for each in by_prefix.values() if len(each) == 2 and each[0] < 180 < 1_020 < each[1]
    )
    prefix = task_id(new)[:4]
    shown = run_in_process("show", prefix, "--json", env=env)
    assert shown.object["task_id"] == task_id(new)
    for command in ("rerun", "cancel"):
        refused = run_in_process(command, prefix, env=env)
        assert refused.code == 1
        assert "2 task ids start with it" in refused.err
        assert task_id(old) in refused.err


def test_the_status_counts_all_events(env: dict[str, str]) -> None:
    result = run_in_process("status", "--json", env=env)
    tasks = result.object["topics"]["tasks"]
    assert tasks["received"] == EVENTS
    assert tasks["last"] is not None
    assert result.object["topics"]["agents"] == {"received": 0, "last": None}


def test_progress_is_shown_on_a_terminal_only(env: dict[str, str]) -> None:
    out, err = io.StringIO(), Terminal()
    with command_in_process(env, out, err):
        assert cli.main(("runs", "state:failed")) == 0
    assert "Looked at the newest" in err.getvalue()
    assert err.getvalue().endswith("\r\x1b[K")
    assert out.getvalue().rstrip().endswith(f"{task_id(0)}  OddError: no")


class Terminal(io.StringIO):
    """What is written to a terminal."""

    def isatty(self) -> bool:
        """Return that it is one."""
        return True


def test_a_worker_is_online_whose_heartbeat_is_older_than_the_newest_part(
    tmp_path: Path,
) -> None:
    with filled_server(fill_after_a_heartbeat) as server:
        env = command_environment(tmp_path / "data", PULSE_SERVER=server.url)
        for command in ("workers", "status"):
            listed = run_in_process(command, "--json", env=env).objects
            workers = listed if command == "workers" else listed[0]["workers"]
            assert [each["worker"] for each in workers] == ["w1@h:1"], command


async def fill_after_a_heartbeat(client: Client) -> None:
    """Store a heartbeat and then more events than the newest part has."""
    js = client.jetstream()
    await js.add_stream(name=EVENT_STREAM, subjects=["websocket.>"])
    beat = {"worker": "w1@h:1", "host": "h", "pid": 1, "slots": 2, "busy": 0, "tasks": []}
    payload = encode_event("monitoring", "worker.heartbeat", beat, source="w1", now=time.time())[1]
    await js.publish("websocket.monitoring", payload)
    for number in range(NEWEST + 100):
        await client.publish("websocket.tasks", event(number, "task.started"))
    await wait_until_stored(client, EVENT_STREAM, NEWEST + 101)


@pytest.mark.slow
def test_all_stored_events_are_printed(env: dict[str, str]) -> None:
    result = run_in_process("tail", "--since", "1h", "--duration", "0", "--json", env=env)
    assert (result.code, result.err) == (0, "")
    assert len(result.objects) == EVENTS


def test_groups_are_read_newest_first_as_far_as_the_span(env: dict[str, str]) -> None:
    result = run_in_process("groups", "--since", "1d", "--json", env=env)
    assert result.code == 0, result
    (group,) = result.objects
    assert group["count_since"] == RUNS // FAILED_EACH
    assert "Looked at" not in result.err
    # Nothing that a shorter span needs is older than the newest part, and so nothing else is read.
    recent = run_in_process("groups", "--since", "1s", env=env)
    assert recent.code == 0, recent
    read, total = looked_at(recent)
    assert 2 * NEWEST <= read < total == EVENTS + RUNS


def test_a_recording_holds_all_that_is_stored_in_its_order(
    env: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "r.zst"
    done = run_in_process(
        "record", str(file), "--since", "1d", "--duration", "0", "--json", env=env
    )
    assert done.code == 0, done
    assert done.object["messages"] == EVENTS + RUNS
    assert done.object["dropped"] == 0
    with RecordingReader(file) as reader:
        messages = [line for line in reader.lines() if isinstance(line, MessageLine)]
    assert not any(line.older for line in messages)
    for source, count in (("event", EVENTS), ("task", RUNS)):
        sequences = [line.sequence for line in messages if line.source == source]
        assert sequences == list(range(1, count + 1))


def test_without_stored_tasks_no_task_message_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest part takes less than the time in which it would be looked for."""
    widened: list[int] = []
    widen = HistoryBackfill.widen

    async def counted(self: HistoryBackfill, count: int) -> bool:
        widened.append(count)
        return await widen(self, count)

    with filled_server(fill_events_alone) as server:
        env = command_environment(tmp_path / "data", PULSE_SERVER=server.url)
        monkeypatch.setattr(HistoryBackfill, "widen", counted)
        shown = run_in_process("cancel", task_id(NEWEST + 99), "--json", env=env)
        assert shown.object["outcome"] == "ended"
        assert widened == []


async def fill_events_alone(client: Client) -> None:
    """Store the events of more runs than the newest part has messages of, and no tasks."""
    js = client.jetstream()
    await js.add_stream(name=EVENT_STREAM, subjects=["websocket.>"])
    for number in range(NEWEST + 100):
        queued = {"task_name": "m:f", "args": [], "kwargs": {}, "labels": {}}
        await client.publish("websocket.tasks", event(number, "task.queued", **queued))
        await client.publish("websocket.tasks", event(number, "task.started"))
        await client.publish("websocket.tasks", event(number, "task.succeeded", run_s=0.1))
        if number % 50 == 0:  # else they would be stored later than they say
            await client.flush()
        if number == NEWEST:
            # The newest part begins before, and the newest run a while after this.
            await asyncio.sleep(0.3)
    await wait_until_stored(client, EVENT_STREAM, 3 * (NEWEST + 100))
