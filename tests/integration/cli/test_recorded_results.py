"""`record` loses no result without a word, whatever happens to the bucket and its streams."""

import time
from pathlib import Path

import pytest
from nats.aio.client import Client

from pulse_desktop.protocol.event import encode_event
from pulse_desktop.protocol.topics import EVENT_STREAM, RESULT_BUCKET
from tests.integration.cli.test_recording import content, wait_recording
from tests.kit.cli_process import run_command, run_in_thread, started_command
from tests.kit.nats_servers import NatsServer
from tests.kit.result_bucket import result_body, store_results
from tests.kit.waiting import wait_until

AGAIN = 5
MANY = 30_000


async def record_one_result(client: Client, file: Path) -> None:
    """Wait until the recording runs, and has one result."""
    await wait_recording(client, file)
    bucket = await client.jetstream().object_store(RESULT_BUCKET)
    await bucket.put("a0", result_body())
    await wait_until(lambda: content(file).count('"line":"result"') == 1)


@pytest.mark.parametrize("exists", [True, False])
async def test_results_of_a_bucket_that_was_just_made_are_recorded_at_the_end(
    client: Client, env: dict[str, str], tmp_path: Path, exists: bool
) -> None:
    file, js = tmp_path / "r.zst", client.jetstream()
    if exists:
        await js.create_object_store(RESULT_BUCKET)
    with started_command("record", str(file), "--json", env=env) as command:
        if exists:
            await record_one_result(client, file)
            await js.delete_object_store(RESULT_BUCKET)
        else:
            await wait_recording(client, file)
        bucket = await js.create_object_store(RESULT_BUCKET)
        for number in range(1, AGAIN + 1):
            await bucket.put(f"a{number}", result_body())
        ended = command.stop()
    assert ended.code == 0, ended
    assert ended.object["results"] == AGAIN + exists
    assert ended.object["missing"] == []
    assert content(file).count('"line":"result"') == AGAIN + exists


async def test_results_from_before_the_recording_are_not_recorded(
    client: Client, env: dict[str, str], tmp_path: Path
) -> None:
    bucket = await client.jetstream().create_object_store(RESULT_BUCKET)
    await bucket.put("a1", result_body())
    file = tmp_path / "r.zst"
    with started_command("record", str(file), "--json", env=env) as command:
        await record_one_result(client, file)
        ended = command.stop()
    assert (ended.code, ended.object["results"]) == (0, 1), ended
    again = ("record", str(file), "--force", "--since", "1d", "--duration", "0", "--json")
    past = await run_in_thread(*again, env=env)
    assert (past.code, past.object["results"]) == (0, 2), past


async def test_a_bucket_that_was_deleted_is_told(
    client: Client, env: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "r.zst"
    await client.jetstream().create_object_store(RESULT_BUCKET)
    with started_command("record", str(file), "--json", env=env) as command:
        await record_one_result(client, file)
        await client.jetstream().delete_object_store(RESULT_BUCKET)
        ended = command.stop()
    assert ended.code == 1, ended
    (missing,) = ended.object["missing"]
    assert missing.startswith("results since ")
    assert missing.endswith(": their bucket was deleted")
    assert f"Incomplete: {missing}." in ended.err
    assert not run_command("replay", str(file), "--check", "--json", env=env).object["whole"]


@pytest.mark.slow
async def test_results_that_were_not_read_at_the_end_are_told(
    client: Client, env: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "r.zst"
    with started_command("record", str(file), "--json", env=env) as command:
        await wait_recording(client, file)
        await store_results(client, MANY)
        ended = command.stop()
    told = [each for each in ended.object["missing"] if "result" in each]
    assert bool(told) == (ended.object["results"] < MANY), ended
    assert ended.code == bool(told), ended


async def test_without_a_stream_of_events_their_past_is_told_to_be_unknown(
    client: Client, env: dict[str, str], tmp_path: Path, server: NatsServer
) -> None:
    file = tmp_path / "r.zst"
    await client.publish(
        "websocket.agents", encode_event("agents", "agent.x", {}, source="t", now=time.time())[1]
    )
    arguments = ("record", str(file), "--since", "1h", "--duration", "1s", "--force")
    note = "No stream stores events: only those that arrived while recording are in the file."
    assert note in run_command(*arguments, env=env).err
    await client.jetstream().add_stream(name=EVENT_STREAM, subjects=["websocket.>"])
    assert note not in run_command(*arguments, env=env).err
