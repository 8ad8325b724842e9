"""`record` replaces nothing unasked, ends within seconds, and says what it does not hold."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard
from msgspec import Raw
from nats.aio.client import Client

from pulse_desktop.protocol.event import encode_event
from pulse_desktop.protocol.topics import EVENT_STREAM, RESULT_BUCKET
from pulse_desktop.session.recording.recording_file import RecordingFile
from pulse_desktop.session.recording.recording_format import (
    FORMAT,
    VERSION,
    End,
    Header,
    MessageLine,
)
from pulse_desktop.session.recording.recording_writer import RecordingWriter
from tests.kit.cli_process import command_environment, run_command, run_in_thread, started_command
from tests.kit.nats_servers import NatsServer
from tests.kit.result_bucket import result_body
from tests.kit.terminal import in_terminal
from tests.kit.waiting import wait_until

MANY = 30_000


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a server that accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"nats://127.0.0.1:{listening.getsockname()[1]}"
        yield command_environment(tmp_path / "data", PULSE_SERVER=url)


def content(path: Path) -> str:
    with (
        path.open("rb") as file,
        zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True) as stream,
    ):
        return stream.readall().decode()


def recorded(path: Path, count: int) -> Path:
    """Write a recording of events."""
    header = Header(FORMAT, VERSION, "pulse-desktop", 1.0)
    payload = encode_event("agents", "agent.x", {}, source="test", now=1.0)[1]
    lines = [MessageLine("event", "websocket.agents", 1.0, Raw(payload)) for _ in range(count)]
    with (
        RecordingFile(path, replace=False) as file,
        RecordingWriter(file, header, 1 << 30) as writer,
    ):
        writer.write(lines)
        writer.finish(End(2.0, "stopped", count, 0, lines=count))
    return path


async def publish_until_recorded(client: Client, file: Path) -> None:
    """Publish events until one is recorded."""
    before = file.stat().st_size

    async def recorded() -> bool:
        payload = encode_event("agents", "agent.x", {}, source="test", now=time.time())[1]
        await client.publish("websocket.agents", payload)
        return file.stat().st_size > before

    await wait_until(recorded)


@pytest.mark.parametrize("old", [None, b"old"])
def test_a_recording_that_cannot_connect_leaves_nothing(
    tmp_path: Path, silent: dict[str, str], old: bytes | None
) -> None:
    file = tmp_path / "r.zst"
    if old is not None:
        file.write_bytes(old)
    assert run_command("record", str(file), "--force", env=silent).code == 3
    assert (file.read_bytes() if file.exists() else None) == old


def documented_keys(title: str) -> list[str]:
    """Return the keys of an object that docs/command-line.md lists after a title."""
    text = (Path(__file__).parents[3] / "docs/command-line.md").read_text(encoding="utf-8")
    listed = text.partition(f"{title}: `{{")[2].partition("}`")[0]
    return [key.strip().removesuffix("[]") for key in listed.split(",")]


async def test_the_file_is_taken_before_connecting(tmp_path: Path, silent: dict[str, str]) -> None:
    file = tmp_path / "r.zst"
    with started_command("record", str(file), env=silent) as first:
        await wait_until(file.exists)
        for force in ([], ["--force"]):
            second = run_command("record", str(file), *force, env=silent)
            assert second.code == 2, second
            assert "another program is recording into it" in second.err
        ended = first.stop(signal.SIGTERM)
    assert ended.code == 1, ended
    assert "Interrupted" in ended.err
    assert not file.exists()


async def test_a_second_recording_of_a_file_does_not_touch_it(
    client: Client, env: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "r.zst"
    with started_command("record", str(file), "--json", env=env) as first:
        await wait_until(lambda: file.exists() and file.stat().st_size > 0)
        await publish_until_recorded(client, file)
        assert run_command("record", str(file), "--force", env=env).code == 2
        ended = first.stop(signal.SIGINT)
    assert ended.code == 0, ended
    checked = run_command("replay", str(file), "--check", "--json", env=env)
    assert checked.object["whole"], checked
    assert checked.object["messages"] == ended.object["messages"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_first_signal_says_what_it_does(
    client: Client, env: dict[str, str], tmp_path: Path, number: int
) -> None:
    file = tmp_path / "r.zst"
    with started_command("record", str(file), env=env) as command:
        await wait_until(lambda: file.exists() and file.stat().st_size > 0)
        await publish_until_recorded(client, file)
        ended = command.stop(number)
    assert ended.code == 0, ended
    assert f"Finishing {file} …; press Ctrl-C again to stop at once." in ended.err


async def test_a_second_signal_stops_at_once_and_says_so(
    client: Client, env: dict[str, str], tmp_path: Path, server: NatsServer
) -> None:
    await client.jetstream().add_stream(name=EVENT_STREAM, subjects=["websocket.>"])
    for number in range(MANY):
        payload = encode_event("agents", "agent.x", {"n": number}, source="t", now=time.time())[1]
        await client.publish("websocket.agents", payload)
    await client.flush(60)
    file = tmp_path / "r.zst"
    with started_command("record", str(file), "--since", "1d", env=env) as command:

        async def is_read() -> bool:
            consumers = await client.jetstream().consumers_info(EVENT_STREAM)
            return any(each.delivered.consumer_seq for each in consumers if each.delivered)

        command.read_errors_until("Recording")  # an earlier signal ends it before it begins
        await wait_until(is_read)
        os.kill(server.pid, signal.SIGSTOP)  # so that the past is not read while it is finished
        try:
            os.kill(command.pid, signal.SIGINT)
            command.read_errors_until("Finishing")
            started = time.monotonic()
            ended = command.stop(signal.SIGINT)
            took_s = time.monotonic() - started
        finally:
            os.kill(server.pid, signal.SIGCONT)
    assert ended.code == 1, ended
    assert f"{file} was not finished" in ended.err
    assert took_s < 10.0
    assert run_command("replay", str(file), "--check", env=env).code == 1


async def test_results_that_are_not_held_are_missing(
    client: Client, env: dict[str, str], tmp_path: Path
) -> None:
    store = await client.jetstream().create_object_store(RESULT_BUCKET)
    file = tmp_path / "r.zst"
    with started_command("record", str(file), "--json", env=env) as command:
        await wait_until(lambda: file.exists() and file.stat().st_size > 0)
        await publish_until_recorded(client, file)
        await store.put("large", b"x" * (1_100_000))
        await store.put("broken", b"no result")
        await store.put("good", result_body())
        await wait_until(lambda: content(file).count('"line":"result"') == 3)
        ended = command.stop(signal.SIGINT)
    missing = ["1 result: it is larger than 1 MiB", "1 result: it cannot be read"]
    assert ended.code == 1, ended
    assert ended.object["results"] == 1
    assert ended.object["unread_results"] == 2
    assert ended.object["missing"] == missing
    assert all(f"Incomplete: {each}." in ended.err for each in missing)
    checked = run_command("replay", str(file), "--check", "--json", env=env)
    assert checked.code == 1
    assert checked.object["results"] == 1
    assert checked.object["missing"] == missing
    assert checked.object["damage"] == []
    assert list(ended.object) == documented_keys("JSON of `record`")
    assert list(checked.object) == documented_keys("JSON of `replay --check`")


@pytest.mark.parametrize(
    ("option", "value"),
    [("--max-size", "0"), ("--max-size", "16383"), ("--duration", "0"), ("--duration", "0.9")],
)
def test_a_limit_with_which_nothing_is_recorded_is_a_usage_error(
    env: dict[str, str], tmp_path: Path, option: str, value: str
) -> None:
    refused = run_command("record", str(tmp_path / "r.zst"), option, value, env=env)
    assert refused.code == 2, refused
    assert "less than" in refused.err
    assert not (tmp_path / "r.zst").exists()


async def test_a_check_shows_its_progress_in_a_terminal(
    client: Client, env: dict[str, str], tmp_path: Path
) -> None:
    """A large recording, which takes longer than the line needs to be shown."""
    file = recorded(tmp_path / "r.zst", 240_000)
    with in_terminal("replay", str(file), "--check", env=env) as terminal:
        terminal.wait_for(" % of the file read, ")
        assert terminal.end() == 0
    assert "240,000 messages" in terminal.shown
    again = await run_in_thread("replay", str(file), "--check", env=env)
    assert "of the file read" not in again.err
