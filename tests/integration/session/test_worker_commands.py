"""Commands to workers, cancelling, and removing queued tasks where no worker accepts commands."""

import json
import pickle
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import api

from pulse_desktop.model.errors import NotConnectedError, NotPermittedError
from pulse_desktop.model.outcomes import CancelStatus, CommandStatus
from pulse_desktop.model.run_state import RunState
from pulse_desktop.protocol.control import CONTROL_ALL
from pulse_desktop.protocol.task_message import encode_task, new_task_id
from pulse_desktop.protocol.topics import (
    RESULT_BUCKET,
    TASK_CONSUMER,
    TASK_STREAM,
    TASK_SUBJECT,
)
from pulse_desktop.text.outcome_text import cancel_label, command_label
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.worker_control import WorkerControlClient
from tests.kit.fake_worker import fake_worker
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer
from tests.kit.sessions import open_session, wait_for_run
from tests.kit.waiting import wait_until

NO_CONTROL = """
authorization {
  users = [
    { user: all, password: all-secret }
    { user: observer, password: look-secret, permissions: {
        publish: { deny: ["pulse.control.>", "$JS.API.STREAM.MSG.DELETE.>"] } } }
  ]
}
"""


@pytest.fixture
async def other(nats_server: NatsServer) -> AsyncIterator[Client]:
    """Another client of the same server."""
    client = await connect(nats_server.url, allow_reconnect=False)
    yield client
    await client.close()


@pytest.fixture
async def control(nats_server: NatsServer) -> AsyncIterator[WorkerControlClient]:
    connection = Connection(nats_server.url)
    await connection.open()
    yield WorkerControlClient(connection, "me@here")
    await connection.close()


async def put(client: Client, *, name: str = "m:f", task_id: str = "") -> str:
    task_id = task_id or new_task_id()
    payload, _ = encode_task(task_id, name)
    await client.jetstream().publish(TASK_SUBJECT, payload)
    return task_id


async def create_foreign_stream(client: Client, **more: Any) -> None:
    """Create a stream and a consumer as an unmodified TaskIQ broker does."""
    js = client.jetstream()
    await js.add_stream(name=TASK_STREAM, subjects=[TASK_SUBJECT], **more)
    await js.add_consumer(
        TASK_STREAM,
        config=api.ConsumerConfig(
            durable_name=TASK_CONSUMER, ack_policy=api.AckPolicy.EXPLICIT, ack_wait=30
        ),
    )


# Requests


async def test_a_request_without_responders_returns_at_once(
    control: WorkerControlClient,
) -> None:
    answers = await control.ping({"worker-1@here:1"})
    assert answers.no_responders
    assert answers.timed_out == ("worker-1@here:1",)


async def test_replies_are_collected_until_all_known_workers_have_replied(
    nats_server: NatsServer, control: WorkerControlClient
) -> None:
    def alive(_: object) -> tuple[str, bool, str]:
        return "alive", True, ""

    async with (
        fake_worker(nats_server.url, alive) as one,
        fake_worker(nats_server.url, alive, "worker-2@here:2") as two,
    ):
        begin = time.perf_counter()
        answers = await control.ping({one.worker, two.worker})
        assert {answer.worker for answer in answers.received} == {one.worker, two.worker}
        assert answers.timed_out == ()
        assert time.perf_counter() - begin < 1


async def test_workers_that_do_not_reply_are_listed(
    nats_server: NatsServer, control: WorkerControlClient
) -> None:
    async with (
        fake_worker(nats_server.url, lambda _: ("alive", True, "")) as one,
        fake_worker(nats_server.url, lambda _: None, "worker-2@here:2") as two,
    ):
        answers = await control.ping({one.worker, two.worker}, timeout_s=0.3)
        assert [answer.worker for answer in answers.received] == [one.worker]
        assert answers.timed_out == (two.worker,)


async def test_a_malformed_reply_is_ignored(control: WorkerControlClient, other: Client) -> None:
    async def send_garbage(message: Msg) -> None:
        for body in (b"[]", b"\xff", b"{}", json.dumps({"id": "x", "worker": "w"}).encode()):
            await message.respond(body)

    await other.subscribe(CONTROL_ALL, cb=send_garbage)
    await other.flush()
    assert (await control.ping(timeout_s=0.2)).received == ()


async def test_without_a_connection_nothing_is_requested(nats_server: NatsServer) -> None:
    connection = Connection(nats_server.url)
    with pytest.raises(NotConnectedError):
        await WorkerControlClient(connection, "me").ping()
    await connection.close()


async def test_a_command_that_the_server_denies_raises_not_permitted() -> None:
    with NatsServer(config=NO_CONTROL, user="observer", password="look-secret") as server:
        connection = Connection(server.url)
        await connection.open()
        with pytest.raises(NotPermittedError) as caught:
            await WorkerControlClient(connection, "me").command("pause", "w@h:1")
        assert "pulse.control" in str(caught.value)
        await connection.close()


# Cancelling with workers that accept commands


async def test_a_running_task_is_cancelled_by_the_worker_that_has_it(
    nats_server: NatsServer, other: Client
) -> None:
    task_id = new_task_id()

    def cancelled_by_this_worker(request: Any) -> tuple[str, bool, str]:
        return ("cancelled", True, "") if request.task_id == task_id else ("not_here", True, "")

    async with (
        fake_worker(nats_server.url, cancelled_by_this_worker),
        fake_worker(nats_server.url, lambda _: ("not_here", True, ""), "worker-2@here:2"),
        open_session(nats_server) as session,
    ):
        await session.connection.wait_connected()
        (outcome,) = await session.tasks.cancel([task_id], "no more use")
        assert (outcome.status, outcome.done) == ("cancelled", True)
        assert cancel_label(outcome) == "cancelled on worker-1"


async def test_a_sync_task_is_requested_to_stop(nats_server: NatsServer) -> None:
    def ask(_: object) -> tuple[str, bool, str]:
        return "asked_to_stop", True, "its thread goes on"

    async with fake_worker(nats_server.url, ask), open_session(nats_server) as session:
        await session.connection.wait_connected()
        (outcome,) = await session.tasks.cancel(["x"])
        assert outcome.done
        assert outcome.status is CancelStatus.CANCEL_REQUESTED
        assert outcome.detail == "its thread goes on"


async def test_a_queued_task_is_removed_by_a_worker_that_gets_its_sequence(
    nats_server: NatsServer, other: Client
) -> None:
    await create_foreign_stream(other)
    await put(other)
    task_id = await put(other)
    hints: list[int | None] = []

    def remove(request: Any) -> tuple[str, bool, str]:
        if request.command == "cancel":
            return "not_here", True, ""
        hints.append(request.sequence)
        return "removed", True, ""

    async with fake_worker(nats_server.url, remove) as worker, open_session(nats_server) as session:
        await wait_for_run(session, task_id)
        (outcome,) = await session.tasks.cancel([task_id])
        assert outcome.status == "removed"
        assert worker.commands == [("cancel", task_id), ("remove", task_id)]
        assert hints == [2]


async def test_a_task_that_no_worker_has_is_not_cancelled(
    nats_server: NatsServer,
) -> None:
    def nothing(request: Any) -> tuple[str, bool, str]:
        return ("not_here" if request.command == "cancel" else "not_queued"), False, ""

    async with (
        fake_worker(nats_server.url, nothing) as worker,
        open_session(nats_server) as session,
    ):
        await session.connection.wait_connected()
        (outcome,) = await session.tasks.cancel(["x"])
        assert (outcome.status, outcome.done) == ("not_found", False)
        assert [command for command, _ in worker.commands] == ["cancel", "remove", "cancel"]


async def test_a_run_that_has_ended_is_not_cancelled(
    nats_server: NatsServer, other: Client
) -> None:
    async with (
        fake_worker(nats_server.url, lambda _: ("cancelled", True, "")) as worker,
        open_session(nats_server) as session,
    ):
        await session.connection.wait_connected()
        await wait_until(lambda: session.event_feed.status.mode != "off")
        event = {"type": "task.succeeded", "data": {"task_id": "x"}}
        await other.publish("websocket.tasks", json.dumps(event).encode())
        await wait_for_run(session, "x", RunState.SUCCEEDED)
        (outcome,) = await session.tasks.cancel(["x"])
        assert (outcome.status, outcome.detail) == ("ended", "Its state is succeeded.")
        assert worker.commands == []


# Cancelling with workers that accept no commands


@pytest.mark.parametrize("retention", [api.RetentionPolicy.LIMITS, api.RetentionPolicy.WORK_QUEUE])
async def test_a_foreign_queued_task_is_removed_from_the_stream(
    nats_server: NatsServer, other: Client, retention: api.RetentionPolicy
) -> None:
    await create_foreign_stream(other, retention=retention)
    published: list[dict[str, Any]] = []

    async def record(message: Any) -> None:
        published.append(json.loads(message.data))

    await other.subscribe("websocket.*", cb=record)
    async with open_session(nats_server) as session:
        await session.connection.wait_connected()
        await wait_until(lambda: session.task_feed.status.mode != "off")
        kept, task_id = await put(other), await put(other)
        await wait_for_run(session, task_id)
        (outcome,) = await session.tasks.cancel([task_id], "a mistake")
        assert outcome.status == "removed", outcome
        run = await wait_for_run(session, task_id, RunState.CANCELLED)
        assert run.cancelled_at is not None
        await wait_until(lambda: len(published) == 2)
        assert [event["type"] for event in published] == ["task.cancelled", "audit"]
        assert published[0]["data"]["reason"] == "a mistake"
        assert published[1]["data"]["action"] == "remove"
        assert published[1]["data"]["target"] == task_id
        pull = await other.jetstream().pull_subscribe_bind(TASK_CONSUMER, TASK_STREAM)
        (message,) = await pull.fetch(10, timeout=1)
        assert json.loads(message.data)["task_id"] == kept


async def test_a_foreign_running_task_is_not_reported_as_cancelled(
    nats_server: NatsServer, other: Client
) -> None:
    await create_foreign_stream(other)
    task_id = await put(other)
    pull = await other.jetstream().pull_subscribe_bind(TASK_CONSUMER, TASK_STREAM)
    await pull.fetch(1, timeout=2)
    async with open_session(nats_server) as session:
        await wait_for_run(session, task_id)
        (outcome,) = await session.tasks.cancel([task_id])
        assert (outcome.status, outcome.done) == ("in_work", False)
        info = await other.jetstream().stream_info(TASK_STREAM)
        assert info.state.messages == 1, "what was handed out is left alone"


async def test_many_foreign_tasks_are_found_without_their_sequences(
    nats_server: NatsServer, other: Client
) -> None:
    await create_foreign_stream(other)
    ids = [await put(other) for _ in range(60)]
    async with open_session(nats_server) as session:
        await wait_for_run(session, ids[-1])
        outcomes = await session.tasks.cancel(ids[10:50])
        assert {outcome.status for outcome in outcomes} == {"removed"}
        info = await other.jetstream().stream_info(TASK_STREAM)
        assert info.state.messages == 20


async def test_a_search_ends_when_tasks_are_removed_during_it(
    nats_server: NatsServer, other: Client
) -> None:
    await create_foreign_stream(other)
    ids = [await put(other) for _ in range(30)]
    async with open_session(nats_server) as session:
        await wait_for_run(session, ids[-1])
        begin = time.perf_counter()
        unknown = [new_task_id() for _ in range(10)]
        mixed = [each for pair in zip(ids, unknown * 3, strict=True) for each in pair]
        outcomes = await session.tasks.cancel(mixed)
        ends = {outcome.task_id: outcome.status for outcome in outcomes}
        assert {ends[task_id] for task_id in ids} == {"removed"}
        assert {ends[task_id] for task_id in unknown} == {"not_found"}
        assert time.perf_counter() - begin < 8


async def test_a_core_task_cannot_be_removed(nats_server: NatsServer, other: Client) -> None:
    async with open_session(nats_server) as session:
        await session.connection.wait_connected()
        (outcome,) = await session.tasks.cancel(["x"])
        assert (outcome.status, outcome.done) == ("not_kept", False)


async def test_cancelling_without_permission_is_refused() -> None:
    with NatsServer(config=NO_CONTROL, user="observer", password="look-secret") as server:
        async with open_session(server) as session:
            await session.connection.wait_connected()
            (outcome,) = await session.tasks.cancel(["x"])
            assert outcome.status == "refused"
            assert "pulse.control.workers" in outcome.detail


# Commands


async def test_a_command_to_one_worker_does_not_reach_others(nats_server: NatsServer) -> None:
    def acknowledge(_: object) -> tuple[str, bool, str]:
        return "paused", True, ""

    async with (
        fake_worker(nats_server.url, acknowledge) as one,
        fake_worker(nats_server.url, acknowledge, "worker-2@here:2") as two,
        open_session(nats_server) as session,
    ):
        await session.connection.wait_connected()
        (outcome,) = await session.workers.command("pause", one.worker)
        assert (outcome.worker, outcome.done) == (one.worker, True)
        assert command_label(outcome).startswith("paused")
        assert one.commands == [("pause", "")]
        assert two.commands == []
        await session.workers.command("log_level", two.worker, "DEBUG")
        assert two.commands == [("log_level", "DEBUG")]


async def test_a_command_to_all_workers_lists_those_without_a_reply(
    nats_server: NatsServer,
) -> None:
    async with (
        fake_worker(nats_server.url, lambda _: ("draining", True, "")) as one,
        fake_worker(nats_server.url, lambda _: None, "worker-2@here:2") as two,
        open_session(nats_server) as session,
    ):
        await session.connection.wait_connected()
        await wait_until(lambda: session.event_feed.status.mode != "off")
        await one.send_heartbeat(time.time())
        await two.send_heartbeat(time.time())
        await session.waiter.wait_for(
            lambda: len(session.state.workers.accepting_commands(time.time())) == 2
        )
        outcomes = await session.workers.command("drain")
        assert [(outcome.worker, outcome.status) for outcome in outcomes] == [
            (one.worker, "done"),
            (two.worker, "silent"),
        ]


async def test_a_worker_without_control_gets_no_command(
    nats_server: NatsServer,
) -> None:
    async with (
        fake_worker(nats_server.url, lambda _: ("paused", True, "")) as worker,
        open_session(nats_server) as session,
    ):
        await session.connection.wait_connected()
        await wait_until(lambda: session.event_feed.status.mode != "off")
        await worker.send_heartbeat(time.time(), control=None)
        await session.waiter.wait_for(lambda: session.state.workers.get(worker.worker) is not None)
        (outcome,) = await session.workers.command("pause", worker.worker)
        assert outcome.status is CommandStatus.NO_CONTROL
        assert worker.commands == []


async def test_an_offline_worker_has_no_responders(nats_server: NatsServer) -> None:
    async with open_session(nats_server) as session:
        await session.connection.wait_connected()
        (outcome,) = await session.workers.command("resume", "worker-9@nowhere:1")
        assert (outcome.status, outcome.done) == ("nobody", False)
        (outcome,) = await session.workers.command("resume")
        assert (outcome.worker, outcome.status) == ("", "nobody")


# Progress of foreign workers


async def test_pickled_progress_of_a_foreign_worker_is_shown(
    nats_server: NatsServer, other: Client
) -> None:
    bucket = await other.jetstream().create_object_store(RESULT_BUCKET)
    async with open_session(nats_server) as session:
        await session.connection.wait_connected()
        await wait_until(lambda: session.task_feed.status.mode != "off")
        task_id = new_task_id()
        await other.publish(TASK_SUBJECT, encode_task(task_id, "m:f")[0])
        await wait_for_run(session, task_id, RunState.QUEUED)
        stored = {"state": "STARTED", "meta": {"current": 3, "total": 12}}
        await bucket.put(f"progress:{task_id}", pickle.dumps(stored))

        def progress() -> object:
            run = session.state.runs.get(task_id)
            return run is not None and run.progress

        await wait_until(progress)
        run = session.state.runs.get(task_id)
        assert run is not None
        assert run.progress is not None
        assert (run.progress.fraction, run.progress.message) == (0.25, "STARTED")
