"""`results list` and `runs` with many results: rows are written while the rest is being read."""

import asyncio
import json
import os
import subprocess
import sys

import pytest
from nats.aio.client import Client

from pulse_desktop.protocol.task_message import encode_task
from pulse_desktop.protocol.topics import TASK_SUBJECT
from pulse_desktop.session.result_pages import PAGE_SIZE
from tests.kit.cli_process import COMMAND, run_in_thread
from tests.kit.nats_servers import NatsServer
from tests.kit.result_bucket import key_of, store_results

COUNT = 2_000
LIMIT = ("--limit", str(10 * COUNT))
LISTINGS = (("results", "list"), ("results", "list", "--json"), ("runs",), ("runs", "--json"))


def start(*arguments: str, env: dict[str, str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=env,
    )


async def test_rows_are_written_before_all_results_are_read(
    server: NatsServer, client: Client, env: dict[str, str]
) -> None:
    """A command whose output is not read stops at a full pipe: it cannot have read all results."""
    await store_results(client, COUNT, labels={"task_name": "work"})
    listings = (("results", "list"), ("runs", "--json"))
    processes = [start(*listing, *LIMIT, env=env) for listing in listings]
    try:
        firsts = [
            await asyncio.to_thread(process.stdout.readline)
            for process in processes
            if process.stdout is not None
        ]
        server.stop()
        ends = await asyncio.gather(*(asyncio.to_thread(each.communicate) for each in processes))
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert firsts[0].startswith("KEY")
    assert json.loads(firsts[1])["task_id"] == key_of(COUNT - 1)
    for out, err in ends:
        assert 100 < out.count("\n") < COUNT - 100
        assert err.count("\n") <= 3
        assert "connect" in err or "the server ended it" in err
    assert processes[0].returncode == 1


async def test_everything_is_listed_in_order_and_the_rest_is_counted(
    client: Client, env: dict[str, str]
) -> None:
    await store_results(client, COUNT, labels={"task_name": "work"})
    keys = [key_of(number) for number in range(COUNT - 1, -1, -1)]
    results, runs = await asyncio.gather(
        run_in_thread("results", "list", *LIMIT, "--json", env=env),
        run_in_thread("runs", *LIMIT, "--json", env=env),
    )
    assert [each["key"] for each in results.objects] == keys
    assert [each["task_id"] for each in runs.objects] == keys
    assert results.err == runs.err == ""
    for listing in LISTINGS:
        result = await run_in_thread(*listing, "--limit", "3", env=env)
        lines = result.out.splitlines()[-3:]
        assert all(key in line for key, line in zip(keys, lines, strict=False))
        assert f"{COUNT - 3:,} older" in result.err
    some = await run_in_thread("runs", "--state", "succeeded", "--limit", "3", env=env)
    # Not all results were read, and those are not all of this state.
    assert some.err == "There may be more, older runs: raise --limit.\n"
    failed = await run_in_thread("runs", "--state", "failed", env=env)
    assert failed.out == "No runs in the last 1 d with state: failed.\n"


@pytest.mark.parametrize("stderr_too", [False, True])
@pytest.mark.slow
async def test_a_closed_pipe_ends_a_listing_without_a_word(
    client: Client, env: dict[str, str], stderr_too: bool
) -> None:
    await store_results(client, COUNT)
    for listing in LISTINGS:
        reading, writing = os.pipe()
        with os.fdopen(reading, "rb") as reader:
            process = subprocess.Popen(  # noqa: ASYNC220
                [*COMMAND, *listing, *LIMIT],
                stdin=subprocess.DEVNULL,
                stdout=writing,
                stderr=writing if stderr_too else subprocess.PIPE,
                env=env,
            )
            os.close(writing)
            await asyncio.to_thread(reader.readline)
        _out, err = await asyncio.to_thread(process.communicate)
        assert (process.returncode, err or b"") == (0, b"")


async def test_a_closed_pipe_ends_tail_before_the_next_event(
    client: Client, env: dict[str, str]
) -> None:
    process = start("tail", env=env)
    try:
        assert process.stdout is not None
        line = asyncio.ensure_future(asyncio.to_thread(process.stdout.readline))
        while not line.done():
            await client.publish("websocket.tasks", b'{"type": "a", "data": {}}')
            await client.flush()
            await asyncio.wait({line}, timeout=0.2)
        process.stdout.close()
        assert await asyncio.to_thread(process.wait) == 0
    finally:
        process.kill()
        process.communicate()


async def test_a_task_is_named_by_its_message_where_the_result_does_not(
    client: Client, env: dict[str, str]
) -> None:
    await client.jetstream().add_stream(name="taskiq_jetstream", subjects=[TASK_SUBJECT])
    for number in range(20):
        message, headers = encode_task(key_of(number), "app:add")
        await client.jetstream().publish(TASK_SUBJECT, message, headers=headers)
    await store_results(client, 25)
    listed = await run_in_thread("results", "list", "--json", env=env)
    names = {each["key"]: each["task_name"] for each in listed.objects}
    assert names == {key_of(n): "app:add" if n < 20 else None for n in range(25)}


@pytest.mark.parametrize("batch", [40, PAGE_SIZE + 100])
async def test_no_more_runs_are_counted_than_there_are(
    client: Client, env: dict[str, str], batch: int
) -> None:
    """Results that were not read may be of the runs that are counted already."""
    await client.jetstream().add_stream(name="taskiq_jetstream", subjects=[TASK_SUBJECT])
    for number in range(batch):
        message, headers = encode_task(key_of(number), "app:add")
        await client.publish(TASK_SUBJECT, message, headers=headers)
    await store_results(client, batch)
    some = await run_in_thread("runs", "--limit", "3", env=env)
    count = some.err.removeprefix("At least ").split()[0].replace(",", "")
    assert count == str(batch - 3), some.err
    every = await run_in_thread("runs", "--limit", str(batch), env=env)
    assert every.err == ""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_a_hundred_thousand_results_are_listed_in_bounded_memory(
    client: Client, env: dict[str, str]
) -> None:
    count = 100_000
    await store_results(client, count, labels={"task_name": "work"})
    # The peak of `getrusage` includes that of the process that started it.
    script = (
        "import sys\n"
        "from pulse_desktop.cli.main import main\n"
        "code = main(sys.argv[1:])\n"
        "peak = open('/proc/self/status').read().partition('VmHWM:')[2].split()[0]\n"
        "print(int(peak) >> 10, file=sys.stderr)\n"
        "sys.exit(code)"
    )
    for listing in LISTINGS:
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", script, *listing, "--limit", str(count)],
            capture_output=True,
            check=True,
            text=True,
            env=env,
        )
        assert done.stdout.count("\n") == count + ("--json" not in listing)
        assert int(done.stderr) < 100
