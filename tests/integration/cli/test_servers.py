"""Commands on servers without JetStream, without data, with other systems, or not reachable."""

import asyncio
import json
import pickle
import socket
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from pulse_desktop.protocol.plain_data import encode_plain
from pulse_desktop.protocol.task_message import encode_task
from pulse_desktop.protocol.topics import EVENT_STREAM, RESULT_BUCKET, TASK_SUBJECT
from tests.kit.cli_process import (
    command_environment,
    run_command,
    run_in_process,
    run_in_thread,
)
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer

SECRET = "s3cr3t/pass+word"


@pytest.fixture(scope="module")
def bare() -> Iterator[NatsServer]:
    """Run a server with a password and without JetStream."""
    with NatsServer(jetstream=False, user="me", password=SECRET) as server:
        yield server


@pytest.fixture(scope="module")
def empty() -> Iterator[NatsServer]:
    """Run a server with JetStream and without streams."""
    with NatsServer() as server:
        yield server


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return command_environment(tmp_path / "data")


# Unreachable servers


def test_without_a_server_the_error_says_how_to_start_one(
    env: dict[str, str],
) -> None:
    result = run_in_process("status", "--json", env=env)
    assert (result.code, result.out) == (3, "")
    assert "pulse-desktop local" in result.err


@pytest.mark.parametrize("arguments", [["runs"], ["results", "list"], ["rerun", "x"]])
def test_a_refused_connection_is_an_error_soon(arguments: list[str], env: dict[str, str]) -> None:
    started_at = time.monotonic()
    result = run_in_process(*arguments, "--server", "nats://me:hidden@127.0.0.1:1", env=env)
    assert (result.code, result.out) == (3, "")
    assert "nothing listens at 127.0.0.1:1" in result.err
    assert "hidden" not in result.err
    assert time.monotonic() - started_at < 15


def test_a_screenshot_fails_before_qt_is_loaded(env: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / "x.png"
    base = ("screenshot", "--page", "tasks", "--server", "127.0.0.1:1", "--out")
    assert run_command(*base, str(out), env=env).code == 3
    assert not out.exists()
    nowhere = run_command(*base, str(tmp_path / "no" / "x.png"), env=env)
    assert nowhere.code == 1
    assert "is not a folder" in nowhere.err


@pytest.mark.slow
def test_a_port_that_never_replies_is_a_timeout(env: dict[str, str]) -> None:
    with _silent_port() as port:
        started_at = time.monotonic()
        result = run_command("tail", "--server", f"127.0.0.1:{port}", env=env)
    assert result.code == 3
    assert "did not answer" in result.err
    assert time.monotonic() - started_at < 25, "5 s to connect, and the start on a busy machine"


@pytest.mark.parametrize(
    "arguments",
    [
        ["status", "--json"],
        *(pytest.param(a, marks=pytest.mark.slow) for a in (["doctor", "--json"], ["run", "a:b"])),
    ],
)
def test_a_wrong_password_is_an_error_and_never_printed(
    arguments: list[str], bare: NatsServer, env: dict[str, str]
) -> None:
    result = run_command(*arguments, "--server", f"nats://me:wR0ng@{bare.address}", env=env)
    output = result.out + result.err
    assert result.code == 3
    assert "refused these credentials" in output
    assert "wR0ng" not in output


# A server without JetStream


def test_a_server_without_jetstream_has_a_status(bare: NatsServer, env: dict[str, str]) -> None:
    started_at = time.monotonic()
    env["PULSE_SERVER"] = bare.url
    result = run_in_process("status", "--json", env=env)
    assert result.code == 0, result
    output = result.object
    assert output["server"] == f"nats://me:***@{bare.address}"
    assert output["queue"]["mode"] == "core"
    assert output["workers"] == []
    assert "--js-domain" in output["results"].pop("problem")
    nothing = {"bucket": RESULT_BUCKET, "count": None, "bytes": None, "ttl_s": None}
    assert output["results"] == {**nothing, "progress_notes": None}
    assert all(topic == {"received": 0, "last": None} for topic in output["topics"].values())
    assert time.monotonic() - started_at < 15, "it does not wait for JetStream"


def test_a_listing_without_jetstream_says_why_it_is_empty(
    bare: NatsServer, env: dict[str, str]
) -> None:
    env["PULSE_SERVER"] = bare.url
    for form in ((), ("--json",)):
        results = run_in_process("results", "list", *form, env=env)
        assert (results.code, results.out) == (1, "")
        assert "JetStream" in results.err
    runs = run_in_process("runs", "--json", env=env)
    assert (runs.code, runs.out) == (0, "")
    assert "JetStream" in runs.err


def test_doctor_reports_missing_jetstream(bare: NatsServer, env: dict[str, str]) -> None:
    result = run_in_process("--server", bare.url, "doctor", "--json", env=env)
    found = {each["check"]: each for each in result.objects}
    assert result.code == 1
    assert found["JetStream"]["status"] == "bad"
    assert "-js" in found["JetStream"]["advice"]
    assert found["task queue"]["status"] == "note"
    assert "pulse-desktop provision" in found["history"]["advice"]
    assert SECRET not in result.out + result.err


@pytest.mark.parametrize("force", [[], ["--force"], ["--anyway"]])
def test_a_task_that_would_be_lost_is_never_enqueued(
    force: list[str], bare: NatsServer, env: dict[str, str]
) -> None:
    result = run_in_process("run", "a:b", *force, "--server", bare.url, "--json", env=env)
    assert (result.code, result.out) == (1, "")
    assert "would be lost" in result.err


# Servers without data or without workers


async def test_a_durable_queue_accepts_a_task_with_force(env: dict[str, str]) -> None:
    with NatsServer() as server:
        client = await _client(server)
        try:
            await client.jetstream().add_stream(name="taskiq_jetstream", subjects=[TASK_SUBJECT])
            arguments = ("run", "a:b", "--args", "[1]", "--server", server.url)
            refused = await run_in_thread(*arguments, env=env)
            assert refused.code == 1
            assert "--force" in refused.err
            sent = await run_in_thread(*arguments, "--force", "--wait", "0.2", "--json", env=env)
            assert sent.code == 1, "it has not ended"
            assert sent.object["state"] == "queued"
            assert sent.object["result"] is None
            listed = (await run_in_thread("runs", "--json", "--server", server.url, env=env)).object
            assert (listed["task_id"], listed["args"]) == (sent.object["task_id"], [1])
        finally:
            await client.close()


async def test_doctor_names_the_formats_of_tasks_and_results(env: dict[str, str]) -> None:
    with NatsServer() as server:
        client = await _client(server)
        js = client.jetstream()
        try:
            await js.add_stream(name="taskiq_jetstream", subjects=[TASK_SUBJECT])
            for kind, check, text in (
                ("msgpack", "ok", "MessagePack"),
                ("pickle", "note", "MessagePack, pickle: a sender can execute code"),
            ):
                await js.publish(TASK_SUBJECT, encode_task(kind, "a:b", format_=kind)[0])
                bucket = await js.create_object_store(RESULT_BUCKET)
                stored = {"is_err": False, "return_value": 1, "labels": {}}
                await bucket.put("msgpack", encode_plain(stored, "msgpack"))
                result = await run_in_thread("doctor", "--json", "--server", server.url, env=env)
                found = {each["check"]: each for each in result.objects}
                assert found["task messages"]["status"] == check
                assert text in found["task messages"]["detail"]
                assert "(MessagePack)" in found["results"]["detail"]
                assert "`pulse-desktop provision`" in found["history"]["advice"]
            listed = (
                await run_in_thread("runs", "--json", "--server", server.url, env=env)
            ).objects
            assert {each["format"] for each in listed} == {"msgpack", "pickle"}
        finally:
            await client.close()


async def test_an_unannounced_task_is_enqueued_with_a_note(
    env: dict[str, str],
) -> None:
    with NatsServer() as server:
        env["PULSE_SERVER"] = server.url
        client = await _client(server)
        js = client.jetstream()
        try:
            await js.add_stream(name="taskiq_jetstream", subjects=[TASK_SUBJECT])
            await js.add_stream(name=EVENT_STREAM, subjects=["websocket.>"])
            silent = {"worker": "w@h:1", "slots": 1, "busy": 0}
            announcing = {**silent, "catalogue": {"app:copy": {"args": {}}}}
            for heartbeat, is_noted in ((silent, False), (announcing, True)):
                event = {"type": "worker.heartbeat", "data": heartbeat}
                await js.publish("websocket.monitoring", json.dumps(event).encode())
                result = await run_in_thread("run", "app:cpy", "--json", env=env)
                assert (result.code, result.object["durable"]) == (0, True)
                assert (
                    "has announced a task app:cpy. Did you mean app:copy?" in result.err
                ) is is_noted
            assert (await run_in_thread("run", "app:copy", env=env)).err == ""
        finally:
            await client.close()


def test_tail_notes_that_no_stream_stores_events(empty: NatsServer, env: dict[str, str]) -> None:
    env["PULSE_SERVER"] = empty.url
    for as_json in ((), ("--json",)):
        result = run_in_process("tail", "--since", "1h", "--duration", "0", *as_json, env=env)
        assert (result.code, result.out) == (0, "")
        assert result.err.startswith("No stream stores events here")
        assert "only new ones are shown" in result.err
    result = run_in_process("tail", "taskiq", "--since", "1h", "--duration", "0", env=env)
    assert result.err.startswith("No stream stores tasks here")
    assert run_in_process("tail", "--duration", "0.1", env=env).err == "", (
        "no past events were requested"
    )


def test_tail_notes_an_unknown_topic(empty: NatsServer, env: dict[str, str]) -> None:
    env["PULSE_SERVER"] = empty.url
    for as_json in ((), ("--json",)):
        result = run_in_process("tail", "nosuchtopic", "--duration", "0.1", *as_json, env=env)
        assert (result.code, result.out) == (0, "")
        assert result.err.startswith("Unknown topics: nosuchtopic. ")


def test_a_server_without_data_has_no_runs(empty: NatsServer, env: dict[str, str]) -> None:
    env["PULSE_SERVER"] = empty.url
    assert run_in_process("runs", env=env).out == "No runs in the last 1 d.\n"
    assert (
        run_in_process("runs", "--since", "90m", env=env).out == "No runs in the last 1 h 30 min.\n"
    )
    assert "No bucket" in run_in_process("results", "show", "x", env=env).err
    doctor = run_in_process("doctor", "--json", env=env)
    assert doctor.code == 0
    found = {each["check"]: each for each in doctor.objects}
    assert "No bucket taskiq_results" in found["results"]["detail"]


def test_results_without_permission_are_unknown_not_absent(env: dict[str, str]) -> None:
    config = """
    authorization { users = [
        { user: blind, password: blind, permissions: { publish: { deny: ["$JS.API.>"] } } }
    ] }
    """
    with NatsServer(config=config) as server:
        env["PULSE_SERVER"] = f"nats://blind:blind@{server.address}"
        output = run_in_process("status", env=env).out
        assert "results: unknown: these credentials may not" in output
        assert "none in" not in output
        results = run_in_process("status", "--json", env=env).object["results"]
        assert results.pop("bucket") == RESULT_BUCKET
        assert list(results) == ["count", "bytes", "ttl_s", "progress_notes"]
        assert set(results.values()) == {None}


# Values and workers of other systems


async def test_any_result_is_printed_as_json(empty: NatsServer, env: dict[str, str]) -> None:
    value = {"b": b"\xff", "s": {1}, "nan": float("nan"), (1, 2): 3, None: 4, "big": 10**30}
    body = {"is_err": False, "log": None, "return_value": value, "execution_time": 0.1}
    client = await _client(empty)
    try:
        store = await client.jetstream().create_object_store(RESULT_BUCKET)
        await store.put("odd", pickle.dumps({**body, "labels": {}, "error": None}, protocol=4))
        await store.put("evil", pickle.dumps(print, protocol=4))
        env["PULSE_SERVER"] = empty.url
        got = (await run_in_thread("results", "show", "odd", "--json", env=env)).object[
            "return_value"
        ]
        assert got["b"] == "/w=="
        assert (got["s"], got["nan"], got["[1,2]"], got["null"]) == ([1], None, 3, 4)
        shown = (await run_in_thread("show", "odd", "--json", env=env)).object
        assert shown["state"] == "succeeded"
        assert shown["result"]["return_value"] == got
        evil = await run_in_thread("results", "show", "evil", "--json", env=env)
        assert (evil.code, evil.out) == (1, "")
        assert "builtins.print" in evil.err
        refused = await run_in_thread("rerun", "odd", env=env)
        assert refused.code == 1
        assert "arguments are unknown" in refused.err
        listed = (await run_in_thread("runs", "--json", env=env)).objects
        assert {run["task_id"]: run["state"] for run in listed} == {
            "odd": "succeeded",
            "evil": "answered",
        }
    finally:
        await client.jetstream().delete_object_store(RESULT_BUCKET)
        await client.close()


async def test_wait_ends_with_a_run_whose_result_is_never_stored(
    bare: NatsServer, env: dict[str, str]
) -> None:
    async with _worker_without_results(bare):
        started_at = time.monotonic()
        result = await run_in_thread(
            "run", "app:add", "--server", bare.url, "--wait", "40", "--json", env=env
        )
    assert result.code == 0, result
    assert result.object["state"] == "succeeded"
    assert result.object["result"] is None
    assert result.object["durable"] is False
    assert time.monotonic() - started_at < 20


async def test_tail_prints_any_payload(bare: NatsServer, env: dict[str, str]) -> None:
    client = await _client(bare)
    payloads = (b'{"type": "a\x7f", "data": {"x": "\\u001b[2J"}}', b"\xff\xfe", b"[1", b"")
    try:
        tails = [
            asyncio.ensure_future(
                asyncio.to_thread(run_command, "tail", "-n", "4", *as_json, env=env)
            )
            for as_json in (("--json", "--server", bare.url), ("--server", bare.url))
        ]
        while not all(tail.done() for tail in tails):
            for payload in payloads:
                await client.publish("websocket.odd", payload)
            await client.flush()
            await asyncio.wait(tails, timeout=0.3)
        machine, human = (tail.result() for tail in tails)
    finally:
        await client.close()
    assert (machine.code, human.code) == (0, 0)
    assert len(machine.objects) == 4
    assert all("data" in each and each["topic"] == "odd" for each in machine.objects)
    assert "\x1b" not in human.out
    assert "\x7f" not in human.out


@contextmanager
def _silent_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield silent.getsockname()[1]


async def _client(server: NatsServer) -> Client:
    login = {"user": server.user, "password": server.password} if server.user else {}
    return await connect(f"nats://{server.address}", allow_reconnect=False, **login)


@asynccontextmanager
async def _worker_without_results(server: NatsServer) -> Any:
    """Run a worker that publishes events and has no result backend."""
    client = await _client(server)

    async def work(message: Msg) -> None:
        task_id = json.loads(message.data)["task_id"]
        for type_ in ("task.started", "task.succeeded"):
            data = {"task_id": task_id, "task_name": "app:add", "worker": "w", "attempt": 1}
            event = {"type": type_, "data": {**data, "run_s": 0.01}}
            await client.publish("websocket.tasks", json.dumps(event).encode())

    try:
        await client.subscribe(TASK_SUBJECT, queue="taskiq", cb=work)
        await client.flush()
        yield
    finally:
        await client.close()


def test_a_command_connects_to_a_websocket(env: dict[str, str], unused_tcp_port: int) -> None:
    """The library for WebSockets is loaded only then."""
    listen = f"websocket {{ port: {unused_tcp_port}, no_tls: true }}"
    with NatsServer(config=listen):
        address = f"ws://127.0.0.1:{unused_tcp_port}"
        result = run_command("status", "--json", "--server", address, env=env)
    assert result.code == 0, result
    assert result.object["connected"] is True


async def test_only_the_latest_results_are_listed_and_the_rest_is_counted(
    env: dict[str, str],
) -> None:
    with NatsServer() as server:
        client = await _client(server)
        bucket = await client.jetstream().create_object_store(RESULT_BUCKET)
        body = b'{"is_err":false,"return_value":1,"execution_time":0.1,"labels":{},"error":null}'
        for number in range(5):
            await bucket.put(f"key-{number}", body)
        await client.close()
        listing = ("results", "list", "--server", server.url)
        listed = await run_in_thread(*listing, "--limit", "2", env=env)
        assert listed.code == 0
        assert [line.split()[0] for line in listed.out.splitlines()] == ["KEY", "key-4", "key-3"]
        assert "3 older results are not shown" in listed.err
        every = await run_in_thread(*listing, "--json", env=env)
        assert [each["key"] for each in every.objects] == [f"key-{n}" for n in (4, 3, 2, 1, 0)]
        assert every.err == ""
