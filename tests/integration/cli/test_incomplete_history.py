"""Commands whose answer needs history fail, with the reason, when it is not loaded in time."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from pulse_desktop.protocol.task_message import encode_task
from pulse_desktop.protocol.topics import EVENT_STREAM, TASK_STREAM, TASK_SUBJECT
from tests.kit.cli_process import CommandResult, command_environment, run_in_process
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer
from tests.kit.result_bucket import key_of, store_results

NOTE = "Incomplete: the past: reading it took longer than 0 s.\n"


@pytest.fixture(scope="module")
def server() -> Iterator[NatsServer]:
    """Yield a server with a task and its result."""
    with NatsServer() as server:
        asyncio.run(_fill(server))
        yield server


async def _fill(server: NatsServer) -> None:
    client = await connect(server.url, allow_reconnect=False)
    await client.jetstream().add_stream(name=EVENT_STREAM, subjects=["websocket.>"])
    await client.jetstream().add_stream(name=TASK_STREAM, subjects=[TASK_SUBJECT])
    message, headers = encode_task(key_of(0), "app:add")
    await client.jetstream().publish(TASK_SUBJECT, message, headers=headers)
    await store_results(client, 1)
    await client.close()


@pytest.fixture
def env(server: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return the environment of commands that do not wait for history."""
    monkeypatch.setattr("pulse_desktop.cli.connection.CATCH_UP_TIMEOUT_S", 0.0)
    return command_environment(tmp_path / "data", PULSE_SERVER=server.url)


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_no_workers_are_unknown_not_absent(env: dict[str, str], form: tuple[str, ...]) -> None:
    result = run_in_process("workers", *form, env=env)
    assert (result.code, result.out, result.err) == (1, "", NOTE)


@pytest.mark.parametrize("command", [("runs",), ("results", "list")])
def test_a_listing_has_what_is_known(env: dict[str, str], command: tuple[str, ...]) -> None:
    result: CommandResult = run_in_process(*command, "--json", env=env)
    assert (result.code, result.err) == (1, NOTE)
    assert len(result.objects) == 1


def test_stored_events_may_be_missing(env: dict[str, str]) -> None:
    result = run_in_process("tail", "--since", "1h", "--duration", "0.000001s", "--json", env=env)
    assert result.code == 1, result
    assert NOTE in result.err
