"""The times of `--since` and of queries, in commands that list the past."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pulse_desktop.cli import groups, runs
from pulse_desktop.protocol.event import encode_event
from pulse_desktop.protocol.topics import EVENT_STREAM
from tests.kit.cli_process import command_environment, run_in_thread
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer

TASK_ID = "bad".ljust(32, "0")
LOADING_S = 0.6


@pytest.fixture
async def env(server: NatsServer, tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    """Store a failure of now."""
    client = await connect(server.url, allow_reconnect=False)
    js = client.jetstream()
    await js.add_stream(name=EVENT_STREAM, subjects=["websocket.>"])
    failure = {"type": "OddError", "message": "no", "traceback": ""}
    data = {"task_id": TASK_ID, "task_name": "m:f", "attempt": 1, "run_s": 0.1, "error": failure}
    payload = encode_event("tasks", "task.failed", data, source="w@h:1", now=time.time())[1]
    await js.publish("websocket.tasks", payload)
    yield command_environment(tmp_path / "data", PULSE_SERVER=server.url)
    await client.close()


@pytest.mark.parametrize(
    ("module", "waits", "command"),
    [(groups, "catch_up", "groups"), (runs, "catch_up_history", "runs")],
)
async def test_a_time_is_the_same_however_long_loading_takes(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch, module: Any, waits: str, command: str
) -> None:
    load = getattr(module, waits)

    async def load_slowly(*arguments: Any) -> list[str]:
        missing: list[str] = await load(*arguments)
        await asyncio.sleep(LOADING_S)
        return missing

    monkeypatch.setattr(module, waits, load_slowly)
    since = datetime.fromtimestamp(time.time() - LOADING_S / 2, UTC).isoformat()
    result = await run_in_thread(command, "--since", since, "--json", env=env)
    assert (result.code, len(result.objects)) == (0, 1), result


@pytest.mark.parametrize("command", ["groups", "runs"])
async def test_a_query_may_end_now(env: dict[str, str], command: str) -> None:
    result = await run_in_thread(command, "finished:2026-01-01..now", "--json", env=env)
    assert (result.code, len(result.objects)) == (0, 1), result


@pytest.mark.parametrize("command", ["groups", "runs", "tail"])
async def test_an_empty_range_is_an_error_of_the_query(env: dict[str, str], command: str) -> None:
    field = "time" if command == "tail" else "queued"
    result = await run_in_thread(command, f"{field}:now..2026-01-01", env=env)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("Wrong query: The range is empty")


@pytest.mark.parametrize("command", ["groups", "runs"])
async def test_a_range_that_becomes_empty_is_an_error_of_the_query(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """It is compiled for the server's time, which is later than that of the check."""
    end = datetime.fromtimestamp(time.time() - 5, UTC).isoformat(timespec="seconds")
    real = time.time
    monkeypatch.setattr("pulse_desktop.cli.groups.time", _Clock(real() - 60))
    monkeypatch.setattr("pulse_desktop.cli.run_query.time", _Clock(real() - 60))
    result = await run_in_thread(command, f'queued:now.."{end}"', env=env)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("Wrong query: The range is empty")


class _Clock:
    """The module `time`, with another time of day."""

    monotonic = staticmethod(time.monotonic)

    def __init__(self, now: float) -> None:
        self._now = now

    def time(self) -> float:
        return self._now


async def test_what_failures_share_is_about_as_many_as_are_listed(
    env: dict[str, str], server: NatsServer
) -> None:
    now = time.time()
    client = await connect(server.url, allow_reconnect=False)
    js = client.jetstream()
    error = {"type": "LateError", "message": "no", "traceback": ""}
    runs_of = [("failed", 3, 7200.0)] * 4 + [("succeeded", 1, 5.0)] * 6 + [("failed", 3, 2.0)] * 6
    for number, (outcome, attempt, age) in enumerate(runs_of):
        data: dict[str, Any] = {"task_name": "m:late", "attempt": attempt, "run_s": 0.1}
        data |= {"task_id": f"{number:032x}"} | ({"error": error} if outcome == "failed" else {})
        event = encode_event("tasks", f"task.{outcome}", data, source="w@h:1", now=now - age)
        await js.publish("websocket.tasks", event[1])
    await client.close()
    shared = []
    for arguments in (
        ("task:late", "--since", "1h"),
        ("task:late", "--since", "1d"),
        ("task:late not finished:1h", "--since", "1d"),
    ):
        result = await run_in_thread("groups", *arguments, "--json", env=env)
        (group,) = result.objects
        (value,) = [each for each in group["shared"] if each["field"] == "attempt"]
        shared.append((group["count_since"], value["members"], value["of_members"]))
    assert shared == [(6, 6, 6), (10, 10, 10), (4, 4, 4)]
