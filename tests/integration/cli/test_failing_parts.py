"""A command of which one part fails while it waits for another says so, and ends."""

import asyncio
import time
from pathlib import Path

import pytest
import zstandard
from nats.aio.client import Client

from pulse_desktop.cli import connection, record, tail
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.protocol.event import encode_event
from pulse_desktop.protocol.topics import EVENT_STREAM
from tests.kit.cli_process import run_command, run_in_thread

EVENTS = 3


class BrokenPartError(Exception):
    """What fails in these tests."""


@pytest.fixture
async def _stored(client: Client) -> None:
    """Store events of now."""
    await client.jetstream().add_stream(name=EVENT_STREAM, subjects=["websocket.>"])
    for number in range(EVENTS):
        payload = encode_event("agents", "agent.x", {"n": number}, source="t", now=time.time())[1]
        await client.jetstream().publish("websocket.agents", payload)


@pytest.mark.usefixtures("_stored")
async def test_a_failure_while_the_past_is_read_is_not_the_end_of_the_duration(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def fail(*arguments: object, **options: object) -> list[str]:
        await connection.catch_up(*arguments, **options)  # type: ignore[arg-type]
        raise BrokenPartError

    monkeypatch.setattr(record, "catch_up", fail)
    file = tmp_path / "r.zst"
    result = await run_in_thread("record", str(file), "--since", "1h", "--duration", "0", env=env)
    assert result.code == 1, result
    assert "BrokenPartError" in result.err
    checked = run_command("replay", str(file), "--check", "--json", env=env)
    assert checked.object["messages"] == EVENTS
    assert checked.object["whole"], "what was recorded until then is finished"
    with zstandard.open(file, "rt") as lines:
        assert '"stopped"' in lines.read().splitlines()[-1]


async def test_a_failing_look_at_stdout_is_not_its_end(
    server: object, env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail() -> None:
        raise BrokenPartError

    monkeypatch.setattr(tail, "wait_stdout_closed", fail)
    result = await run_in_thread("tail", "--json", "--duration", "30s", env=env)
    assert result.code == 1, result
    assert "BrokenPartError" in result.err


@pytest.mark.usefixtures("_stored")
async def test_printing_that_fails_ends_the_reading_of_the_past(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def read_forever(*_arguments: object, **_options: object) -> list[str]:
        await asyncio.Event().wait()
        raise AssertionError

    def fail(_value: object) -> None:
        raise UserFacingError("Cannot print", "the paper is out.")

    monkeypatch.setattr(tail, "catch_up_history", read_forever)
    monkeypatch.setattr(tail, "write_json", fail)
    command = run_in_thread("tail", "--since", "1h", "--duration", "0", "--json", env=env)
    async with asyncio.timeout(30):
        result = await command
    assert result.code == 1, result
    assert "the paper is out." in result.err
