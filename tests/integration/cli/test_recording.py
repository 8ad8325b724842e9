"""`record` and `replay --check`: what a server published is in a file, without secrets."""

import os
import signal
import time
from pathlib import Path

import pytest
import zstandard
from nats.aio.client import Client

from pulse_desktop.protocol.event import encode_event
from pulse_desktop.protocol.task_message import encode_task
from pulse_desktop.protocol.topics import EVENT_STREAM, RESULT_BUCKET, TASK_SUBJECT
from tests.kit.cli_process import run_command, started_command
from tests.kit.full_disk import no_room_in_files
from tests.kit.nats_servers import NatsServer
from tests.kit.result_bucket import key_of, result_body, store_results
from tests.kit.waiting import wait_until

RESULTS = 3
EVENTS = 20
MANY = 30_000


def content(path: Path) -> str:
    with (
        path.open("rb") as file,
        zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True) as stream,
    ):
        return stream.readall().decode()


def event(**data: object) -> bytes:
    return encode_event("agents", "agent.x", data, source="test", now=time.time())[1]


async def publish_with_secrets(client: Client) -> None:
    """Publish events and a task with secrets, and store results."""
    await store_results(client, RESULTS, labels={"task_name": "work", "token": "t0ken-of-a-label"})
    for number in range(EVENTS):
        await client.publish("websocket.agents", event(number=number, password="hunter2"))
    payload, headers = encode_task(
        "a1", "work", kwargs=b'{"text":"dear","api_key":"k3y"}', args=b'["dear"]'
    )
    await client.publish(TASK_SUBJECT, payload, headers=headers)
    await client.flush()


async def wait_recording(client: Client, file: Path) -> None:
    """Wait until events that are published are recorded."""

    async def recorded() -> bool:
        await client.publish("websocket.agents", event(probe=True))
        return file.exists() and '"probe"' in content(file)

    await wait_until(recorded)


async def test_what_is_published_is_recorded_without_secrets(
    client: Client, env: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "r.zst"
    with started_command("record", str(file), "--mask", "text", "--json", env=env) as command:
        await wait_recording(client, file)
        await publish_with_secrets(client)
        for mark in (f'"number":{EVENTS - 1}', f'"key":"{key_of(RESULTS - 1)}"', '"a1"'):
            await wait_until(lambda mark=mark: mark in content(file))
        await wait_until(lambda: content(file).count('"line":"result"') == RESULTS)
        ended = command.stop(signal.SIGINT)
    assert ended.code == 0, ended
    assert ended.object["messages"] > EVENTS
    assert ended.object["results"] == RESULTS
    assert "1 positional argument was left out: its name is not known." in ended.err
    text = content(file)
    for secret in ("hunter2", "k3y", "dear", "t0ken-of-a-label"):
        assert secret not in text
    checked = run_command("replay", str(file), "--check", "--json", env=env)
    assert checked.code == 0, checked
    described = checked.object
    assert described["whole"]
    assert (described["runs"], described["results"]) == (RESULTS + 1, RESULTS)
    assert described["masked"] == ["text"]


async def test_versions_of_a_result_are_counted_alike_while_and_after_it_is_recorded(
    client: Client, env: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "r.zst"
    bucket = await client.jetstream().create_object_store(RESULT_BUCKET)
    with started_command("record", str(file), env=env) as command:
        await wait_recording(client, file)
        for number in range(1, 4):
            await bucket.put("a1", result_body())
            await wait_until(lambda number=number: content(file).count('"line":"result"') == number)
        ended = command.stop(signal.SIGINT)
    assert "and 3 results into" in ended.out, ended
    checked = run_command("replay", str(file), "--check", env=env)
    assert "3 results (keys: 1)" in checked.out, checked
    described = run_command("replay", str(file), "--check", "--json", env=env).object
    assert (described["results"], described["result_keys"]) == (3, 1)


async def test_errors_do_not_quote_what_is_masked(
    client: Client, env: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "r.zst"
    with started_command("record", str(file), "--mask", "text", env=env) as command:
        await wait_recording(client, file)
        payload, headers = encode_task("a1", "work", kwargs=b'{"text":"dear friend"}')
        await client.publish(TASK_SUBJECT, payload, headers=headers)
        for task_id, message in (("a1", "no room for 'dear friend'"), ("b2", "unknown to us")):
            error = {"type": "ValueError", "message": message, "traceback": ""}
            data = {"task_id": task_id, "task_name": "work", "attempt": 1, "error": error}
            _id, body = encode_event("tasks", "task.failed", data, source="w", now=time.time())
            await client.publish("websocket.tasks", body)
        await wait_until(lambda: "unknown to us" in content(file))
        await wait_until(lambda: "no room for" in content(file))
        ended = command.stop(signal.SIGINT)
    assert ended.code == 0, ended
    assert "dear friend" not in content(file)
    assert "no room for '***'" in content(file)
    assert "1 error text was kept as it is" in ended.err


async def test_what_is_stored_is_recorded_without_waiting(
    client: Client, env: dict[str, str], tmp_path: Path
) -> None:
    await client.jetstream().add_stream(name=EVENT_STREAM, subjects=["websocket.>"])
    for number in range(EVENTS):
        await client.jetstream().publish("websocket.agents", event(number=number))
    file = tmp_path / "r.zst"
    done = run_command("record", str(file), "--since", "1h", "--duration", "0", "--json", env=env)
    assert done.code == 0, done
    assert done.object["messages"] == EVENTS
    again = run_command("record", str(file), "--since", "1h", "--duration", "0", env=env)
    assert again.code == 1
    assert "the file exists" in again.err


@pytest.mark.slow
async def test_a_recording_ends_at_its_largest_size(
    client: Client, env: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "r.zst"
    with started_command("record", str(file), "--max-size", "20000", env=env) as command:
        await wait_recording(client, file)
        for number in range(2_000):
            noise = os.urandom(40).hex()
            await client.publish("websocket.agents", event(number=number, noise=noise))
        await client.flush()
        assert command.read_line().startswith("Recorded ")
        assert "--max-size" in command.read_errors_until("--max-size")
    assert file.stat().st_size <= 20_000
    assert run_command("replay", str(file), "--check", env=env).code == 0


@pytest.mark.slow
async def test_a_full_disk_is_told_and_what_was_recorded_stays(
    client: Client, env: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "r.zst"
    with started_command("record", str(file), env=env) as command:
        await wait_recording(client, file)
        with no_room_in_files(command.pid, file.stat().st_size):
            for number in range(100):
                await client.publish("websocket.agents", event(number=number))
            await client.flush()
            told = command.read_errors_until("not enough space")
    assert "Cannot save r.zst" in told
    checked = run_command("replay", str(file), "--check", "--json", env=env)
    assert checked.code == 1
    assert not checked.object["whole"]
    assert checked.object["messages"] >= 1
    assert checked.object["damaged_lines"] == 0


async def test_a_recording_that_is_killed_is_read_to_its_last_frame(
    client: Client, env: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "r.zst"
    with started_command("record", str(file), env=env) as command:
        await wait_recording(client, file)
        command.stop(signal.SIGKILL)
    checked = run_command("replay", str(file), "--check", env=env)
    assert checked.code == 1
    assert "cut off" in checked.err


async def test_a_server_that_is_gone_ends_no_recording(
    client: Client, env: dict[str, str], tmp_path: Path, server: NatsServer
) -> None:
    file = tmp_path / "r.zst"
    with started_command("record", str(file), "--json", env=env) as command:
        await wait_recording(client, file)
        server.kill()
        ended = command.stop(signal.SIGTERM)
    assert ended.object["messages"] >= 1
    (outage,) = ended.object["missing"]
    assert "the connection was lost" in outage
    assert run_command("replay", str(file), "--check", env=env).code == 1
    assert ended.code == 1, ended


async def store_events(client: Client, count: int) -> None:
    """Store events in a stream."""
    await client.jetstream().add_stream(name=EVENT_STREAM, subjects=["websocket.>"])
    for number in range(count):
        await client.publish("websocket.agents", event(number=number))

    async def stored() -> bool:
        return (await client.jetstream().stream_info(EVENT_STREAM)).state.messages == count

    await wait_until(stored)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_past_that_was_not_read_to_its_end_is_told(
    client: Client, env: dict[str, str], tmp_path: Path, server: NatsServer, number: int
) -> None:
    await store_events(client, MANY)
    file = tmp_path / "r.zst"
    with started_command("record", str(file), "--since", "1h", "--json", env=env) as command:

        async def is_read() -> bool:
            consumers = await client.jetstream().consumers_info(EVENT_STREAM)
            return any(each.delivered.consumer_seq for each in consumers if each.delivered)

        await wait_until(is_read)
        server.kill()
        ended = command.stop(number)
    assert ended.code == 1, ended
    assert ended.object["messages"] < MANY
    (past,) = (each for each in ended.object["missing"] if each.startswith("the past"))
    assert "before all of it was read" in past
    unread = int(past.partition("about ")[2].split()[0].replace(",", ""))
    assert unread == MANY - ended.object["messages"]
    assert f"Incomplete: {past}." in ended.err
    checked = run_command("replay", str(file), "--check", env=env)
    assert checked.code == 1
    assert f"Incomplete: {past}." in checked.err
    assert not run_command("replay", str(file), "--check", "--json", env=env).object["whole"]


async def test_an_interrupt_after_the_past_was_read_is_no_failure(
    client: Client, env: dict[str, str], tmp_path: Path, server: NatsServer
) -> None:
    await store_events(client, EVENTS)
    file = tmp_path / "r.zst"
    with started_command("record", str(file), "--since", "1h", "--json", env=env) as command:
        await wait_recording(client, file)
        ended = command.stop(signal.SIGINT)
    assert ended.code == 0, ended
    assert ended.object["missing"] == []
    assert run_command("replay", str(file), "--check", env=env).code == 0


async def test_it_says_at_its_start_what_is_recorded_and_how_it_ends(
    client: Client, env: dict[str, str], tmp_path: Path
) -> None:
    await store_events(client, EVENTS)
    file = tmp_path / "r.zst"
    with started_command("record", str(file), "--since", "1h", env=env) as command:
        started = command.read_errors_until("\n")
        command.stop(signal.SIGINT)
    beginning = f"Recording events, tasks and results into {file}"
    assert started.startswith(f"{beginning}: those stored since ")
    assert started.endswith("; Ctrl-C ends it, or the size of 1.1 GB.\n")
    stored = run_command(
        "record", str(file), "--since", "1h", "--duration", "0", "--force", env=env
    )
    first = stored.err.splitlines()[0]
    assert first.startswith("Recording the events, tasks and results stored since ")
    assert first.endswith(f" into {file}; it ends when all of them are written.")
    live = run_command("record", str(file), "--duration", "1s", "--force", env=env)
    assert live.err.splitlines()[0] == (
        f"{beginning} from now on; it ends after 1.00 s, or with Ctrl-C."
    )
