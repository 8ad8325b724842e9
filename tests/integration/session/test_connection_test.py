"""The connection test, against real servers: which step fails, and what is said about it."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from pulse_desktop.model.connection_options import ConnectionOptions
from pulse_desktop.model.connection_step import ConnectionStep, StepKind, StepStatus
from pulse_desktop.profiles.profile import server_profile
from pulse_desktop.protocol.topics import TASK_STREAM, TASK_SUBJECT
from pulse_desktop.session.connection_test import ConnectionTest
from tests.kit.connection_steps import SilentServer, TestedConnection, steps_of, steps_of_profile
from tests.kit.login_servers import free_port
from tests.kit.lying_server import GOOD_INFO, LyingServer
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer

OK, FAILED, SKIPPED = StepStatus.OK, StepStatus.FAILED, StepStatus.SKIPPED
DENIED = {  # user: (what it may not publish to, what it may not subscribe to)
    "nothing": ("none", "none"),
    "replies": ("none", "_INBOX.>"),
    "live events": ("none", "websocket.*"),
    "live tasks": ("none", TASK_SUBJECT),
    "finding streams": ("$JS.API.STREAM.NAMES", "none"),
    "history of events": ("$JS.API.CONSUMER.CREATE.PULSE_EVENTS.>", "none"),
    "history of tasks": ("$JS.API.CONSUMER.MSG.NEXT.taskiq_jetstream.>", "none"),
    "task queue": ("$JS.API.CONSUMER.INFO.>", "none"),
    "results": ("$JS.API.STREAM.INFO.OBJ_taskiq_results", "none"),
    "enqueue and re-run": (TASK_SUBJECT, "none"),
    "commands to workers": ("pulse.control.>", "none"),
    "remove queued tasks": ("$JS.API.STREAM.MSG.DELETE.>", "none"),
    "delete results": ("$O.taskiq_results.M.>", "none"),
}
ACTIONS = {"enqueue and re-run", "commands to workers", "remove queued tasks", "delete results"}


def _user(purpose: str) -> str:
    publish, subscribe = (json.dumps(subject) for subject in DENIED[purpose])
    permissions = f"publish: {{ deny: [{publish}] }}, subscribe: {{ deny: [{subscribe}] }}"
    return f"{{ user: '{purpose}', password: p, permissions: {{ {permissions} }} }}"


@pytest.fixture(scope="module")
def server() -> Iterator[NatsServer]:
    """Run a server with a user for each missing permission."""
    users = ", ".join(map(_user, DENIED))
    config = f"authorization {{ users: [ {users} ] }}"
    with NatsServer(user="nothing", password="p", config=config) as server:
        yield server


def _connections(*ports: int) -> list[Any]:
    """Return the open connections of this process to some ports."""
    return [
        each
        for each in psutil.Process().net_connections("tcp")
        if each.raddr and each.raddr.port in ports and each.status == psutil.CONN_ESTABLISHED
    ]


def _text(test: TestedConnection) -> str:
    return " ".join(f"{each.detail} {each.advice}" for each in test.changes)


async def test_each_step_is_shown_as_it_happens(server: NatsServer) -> None:
    test = await steps_of(server.url)
    assert test.result.is_connected, test.changes
    assert test.result.is_good, test.failed
    kinds = list(dict.fromkeys(each.kind for each in test.changes if each.status is OK))
    first = (StepKind.SETTINGS, StepKind.TCP, StepKind.SERVER, StepKind.LOGIN, StepKind.JETSTREAM)
    assert tuple(kinds) == (*first, StepKind.PERMISSION, StepKind.CLOCK)
    assert test.step(StepKind.LOGIN).detail == "as nothing"
    assert test.step(StepKind.SERVER).detail.startswith("NATS 2.")
    running = [each.kind for each in test.changes if each.status is StepStatus.RUNNING]
    assert running.index(StepKind.TCP) < running.index(StepKind.LOGIN)
    assert test.step(StepKind.TCP).duration_s is not None


@pytest.mark.parametrize(
    "purpose",
    [
        "live events",
        "enqueue and re-run",
        *(
            pytest.param(each, marks=pytest.mark.slow)
            for each in DENIED
            if each not in ("nothing", "live events", "enqueue and re-run")
        ),
    ],
)
async def test_a_missing_permission_fails_its_step_alone(server: NatsServer, purpose: str) -> None:
    options = ConnectionOptions(user=purpose, password="p")
    test = await steps_of(f"nats://{server.address}", user=purpose, password="p")
    step = test.step(StepKind.PERMISSION, purpose)
    assert step.status is (StepStatus.WARNING if purpose in ACTIONS else FAILED), step
    denied = next(each for each in DENIED[purpose] if each != "none").rstrip(">*.")
    assert denied.replace("_taskiq_results.M", "") in step.detail.replace("_taskiq_results.M", "")
    assert step.advice
    others = {each.purpose for each in test.changes if each.status in (FAILED, StepStatus.WARNING)}
    assert others - {""} == {purpose}
    assert test.result.is_good is (purpose in ACTIONS)
    assert options.password not in _text(test).split()


@pytest.mark.parametrize("permitted", ["foo", f"{TASK_SUBJECT}', 'websocket.>', 'pulse.>"])
async def test_a_permission_that_cannot_be_tried_is_not_called_all_right(permitted: str) -> None:
    """The server looks at no subject of a message whose trace it refuses."""
    user = f"{{ user: u, password: p, permissions: {{ publish: ['{permitted}'] }} }}"
    owner = "{ user: o, password: p }"
    received: list[str] = []

    async def record(message: Any) -> None:
        received.append(message.subject)

    config = f"authorization {{ users: [ {user}, {owner} ] }}"
    with NatsServer(user="o", password="p", config=config) as restricted:
        client = await connect(restricted.url)
        for subject in (TASK_SUBJECT, "websocket.>", "pulse.>", "$O.>"):
            await client.subscribe(subject, cb=record)
        await client.flush()
        test = await steps_of(f"nats://u:p@{restricted.address}")
        await client.flush()
        await client.close()
    for purpose in ("enqueue and re-run", "commands to workers"):
        step = test.step(StepKind.PERMISSION, purpose)
        assert step.status is SKIPPED
        assert step.detail.startswith("not tried, because"), step
        assert "$JS.API.INFO" in step.detail
    assert test.step(StepKind.PERMISSION, "live tasks").status is OK
    assert received == []


async def test_nothing_is_sent_to_anybody(server: NatsServer) -> None:
    """A worker would take a task, a stream would store it, a worker would obey a command."""
    client = await connect(server.url)
    js = client.jetstream()
    received: list[str] = []

    async def record(message: Any) -> None:
        received.append(message.subject)

    await js.add_stream(name=TASK_STREAM, subjects=[TASK_SUBJECT, "websocket.>"])
    for subject in (TASK_SUBJECT, "websocket.>", "pulse.>", "$O.>"):
        await client.subscribe(subject, cb=record)
    await client.flush()
    try:
        before = await js.stream_info(TASK_STREAM)
        test = await steps_of(server.url)
        assert test.result.is_good, test.failed
        await client.flush()
        after = await js.stream_info(TASK_STREAM)
        assert received == []
        assert (after.state.messages, after.state.consumer_count) == (
            before.state.messages,
            before.state.consumer_count,
        )
        assert [each.config.name for each in await js.streams_info()] == [TASK_STREAM]
    finally:
        await js.delete_stream(TASK_STREAM)
        await client.close()


async def test_each_server_of_a_list_is_tested(server: NatsServer) -> None:
    closed = f"127.0.0.1:{free_port()}"
    test = await steps_of(f"{server.url},nats://{closed}")
    assert test.result.is_connected
    assert not test.result.is_good
    (failed,) = test.failed
    assert (failed.server, failed.kind) == (closed, StepKind.TCP)
    assert failed.detail == f"nothing listens at {closed}"
    assert test.step(StepKind.LOGIN, server=server.address).status is OK
    assert test.step(StepKind.LOGIN, server=closed).status is SKIPPED
    assert test.step(StepKind.PERMISSION, "replies").status is OK


async def test_a_wrong_password_fails_the_login_and_is_not_repeated(server: NatsServer) -> None:
    test = await steps_of(f"nats://{server.address}", user="nothing", password="wr0ng-7d")
    (failed,) = test.failed
    assert failed.kind is StepKind.LOGIN
    assert "refused these credentials" in failed.detail
    assert not test.result.is_connected
    assert test.step(StepKind.TCP).status is OK
    assert test.step(StepKind.JETSTREAM).status is SKIPPED
    assert "wr0ng-7d" not in repr(test.changes)


async def test_a_test_that_is_cancelled_leaves_no_socket(server: NatsServer) -> None:
    async with SilentServer() as silent:
        reached = asyncio.Event()
        profile = server_profile(f"{server.url},nats://127.0.0.1:{silent.port}")

        def on_step(step: Any) -> None:
            is_silent = step.server.endswith(str(silent.port))
            if is_silent and (step.kind, step.status) == (StepKind.SERVER, StepStatus.RUNNING):
                reached.set()

        task = asyncio.ensure_future(ConnectionTest(profile, on_step).run())
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert _connections(server.port, silent.port) == []


@pytest.mark.slow
@pytest.mark.parametrize("turns", range(0, 60, 3))
async def test_a_test_may_be_cancelled_at_any_moment(server: NatsServer, turns: int) -> None:
    task = asyncio.ensure_future(ConnectionTest(server_profile(server.url), lambda _: None).run())
    for _turn in range(turns * 5):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    assert _connections(server.port) == []


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("", "it is empty"),
        ("nats://host:99999", "its port is not a number"),
        ("http://host", "NATS does not support http://"),
    ],
)
async def test_an_address_that_is_none_fails_the_settings(address: str, text: str) -> None:
    test = await steps_of(address)
    (failed,) = test.failed
    assert failed.kind is StepKind.SETTINGS
    assert text in failed.detail


async def test_a_read_only_profile_needs_no_permission_to_act(server: NatsServer) -> None:
    options = ConnectionOptions(user="enqueue and re-run", password="p")
    profile = server_profile(f"nats://{server.address}", options=options, read_only=True)
    test = await steps_of_profile(profile)
    step = test.step(StepKind.PERMISSION, "enqueue and re-run")
    assert (step.status, step.detail) == (SKIPPED, "not needed: read-only")
    assert test.result.is_good


@pytest.mark.parametrize(
    "info",
    [
        *("[1]", "5", "null", '{"a":' + "[" * 5000),
        *('{"version": {"a": 1}}', '{"connect_urls": 5}', '{"max_payload": "x"}'),
    ],
)
async def test_a_server_whose_first_line_is_unreadable_fails_its_step(info: str) -> None:
    async with LyingServer(info) as lying:
        test = await steps_of(f"nats://127.0.0.1:{lying.port}")
    assert [each.kind for each in test.failed] == [StepKind.SERVER]
    assert "is not a NATS server" in test.failed[0].detail


@pytest.mark.parametrize(
    "reply",
    [
        b"null",
        b"[]",
        b"\xff{",
        b"[" * 50_000,
        b'{"error": {"code": "x", "err_code": [], "description": 5}}',
        b'{"error": 5}',
        b'{"limits": {}}',
        b'{"data": {"user": 5}, "server": {"time": 5}}',
    ],
    ids=lambda reply: reply[:20].decode(errors="replace"),
)
async def test_an_unreadable_reply_is_a_failed_step(reply: bytes) -> None:
    async with LyingServer(reply=reply) as lying:
        test = await steps_of(f"nats://127.0.0.1:{lying.port}")
    assert not test.result.is_connected
    assert [each.kind for each in test.failed] == [StepKind.JETSTREAM]
    assert "is not JetStream's" in test.failed[0].detail


async def test_addresses_that_a_server_names_may_be_unreadable() -> None:
    info = json.dumps({**json.loads(GOOD_INFO), "connect_urls": ["[::1", "x:99999", "\x1b[31m"]})
    async with LyingServer(info) as lying:
        test = await steps_of(f"nats://127.0.0.1:{lying.port}")
    assert test.step(StepKind.SERVER).status is OK


async def test_text_of_a_server_is_one_line_of_limited_length() -> None:
    name = "n\n\N{HEAVY CHECK MARK} Login: all right" + "x" * 5000
    info = json.dumps({**json.loads(GOOD_INFO), "server_name": name})
    async with LyingServer(info) as lying:
        test = await steps_of(f"nats://127.0.0.1:{lying.port}")
    detail = test.step(StepKind.SERVER).detail
    assert detail.startswith("NATS 2.11.0, n \N{HEAVY CHECK MARK} Login: all right")
    assert len(detail) < 1000


async def test_a_connection_that_is_lost_is_said_once() -> None:
    with NatsServer() as ending:
        changes: list[ConnectionStep] = []

        def take(step: ConnectionStep) -> None:
            changes.append(step)
            if step.kind is StepKind.PERMISSION and step.status is OK and ending.running:
                ending.kill()

        await ConnectionTest(server_profile(ending.url), take).run()
    last = {each.key: each for each in changes}.values()
    assert len([each for each in last if each.status is FAILED]) == 1
    assert all(each.status.is_final for each in last)
