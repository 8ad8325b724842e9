"""A foreign system gets history: missing streams are made, and nothing else changes."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.api import ConsumerConfig
from nats.js.errors import BadRequestError
from taskiq import AsyncBroker

from pulse_desktop.model.errors import (
    ConfirmationRequiredError,
    NoConsumersError,
    NoJetStreamError,
    ReadOnlyError,
    UserFacingError,
)
from pulse_desktop.model.history_plan import MIB, HistoryKind, HistoryLimits, HistoryState
from pulse_desktop.model.outcomes import CancelStatus
from pulse_desktop.model.run_state import RunState
from pulse_desktop.profiles.profile import server_profile
from pulse_desktop.protocol.event import encode_event
from pulse_desktop.protocol.history_stream_names import history_stream
from pulse_desktop.protocol.task_message import encode_task
from pulse_desktop.protocol.taskiq_names import TaskiqNames
from pulse_desktop.protocol.topics import (
    ADVISORY_STREAM,
    ADVISORY_TOPIC,
    EVENT_STREAM,
    EVENT_STREAM_SUBJECT,
    TASK_CONSUMER,
    TASK_STREAM,
    TASK_SUBJECT,
)
from pulse_desktop.session.session import Session
from pulse_desktop.session.session_config import SessionConfig
from pulse_desktop.text.event_text import event_summary
from tests.integration.foreign_app import ForeignWorker, make_broker
from tests.kit.cluster import Cluster
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import TESTER, NatsServer
from tests.kit.sessions import open_session, wait_for_run
from tests.kit.waiting import wait_until

APP = "tests.integration.foreign_app"
TASKS = "PULSE_TASKS"
EVENTS_STREAM = history_stream(HistoryKind.EVENTS, TaskiqNames())
TASKS_STREAM = history_stream(HistoryKind.TASKS, TaskiqNames())
StartWorker = Callable[..., ForeignWorker]


@pytest.fixture
def start_worker(tmp_path: Path) -> Iterator[StartWorker]:
    workers: list[ForeignWorker] = []

    def start(kind: str, server: NatsServer) -> ForeignWorker:
        workers.append(ForeignWorker(kind, server.url, tmp_path / f"foreign-{len(workers)}.log"))
        return workers[-1]

    yield start
    for worker in workers:
        worker.kill()


@asynccontextmanager
async def foreign_broker(kind: str, server: NatsServer) -> AsyncIterator[AsyncBroker]:
    broker = make_broker(kind, server.url)
    await broker.startup()
    try:
        yield broker
    finally:
        await broker.shutdown()


async def enqueue(broker: AsyncBroker, function: str, *args: Any) -> str:
    task = broker.find_task(f"{APP}:{function}")
    assert task is not None
    return (await task.kiq(*args)).task_id


async def wait_for_consumers(session: Session, *, are_there: bool) -> None:
    async def as_expected() -> bool:
        return (await session.queue.status()).has_consumers is are_there

    await wait_until(as_expected, 20, f"has consumers: {are_there}")


@asynccontextmanager
async def connected_session(server: NatsServer, **more: Any) -> AsyncIterator[Session]:
    async with open_session(server, **more) as session:
        await wait_until(lambda: session.connection.connected)
        yield session


async def make_all(session: Session) -> list[str]:
    """Make every stream that is missing; return the names of those that were made."""
    plan = await session.history_streams.plan()
    outcomes = await session.history_streams.create(plan.missing, confirmed=True)
    assert [outcome.error for outcome in outcomes] == [None] * len(outcomes)
    return [outcome.stream.name for outcome in outcomes if outcome.created]


async def test_a_foreign_core_system_has_history_after_a_restart(
    nats_server: NatsServer, start_worker: StartWorker, tmp_path: Path
) -> None:
    worker = start_worker("core", nats_server)
    lines = tmp_path / "lines"
    async with foreign_broker("core", nats_server) as client:
        async with connected_session(nats_server) as session:
            await wait_for_consumers(session, are_there=True)
            await wait_until(lambda: session.history_streams.are_missing)
            early = await enqueue(client, "append_line", str(lines))
            await wait_for_run(session, early, RunState.SUCCEEDED)
            assert await make_all(session) == [EVENT_STREAM, TASKS]
            await wait_until(lambda: session.task_feed.status.mode == "history")
            await wait_until(lambda: session.event_feed.status.stream == EVENT_STREAM)
            await wait_until(lambda: not session.history_streams.are_missing)
            # It is still the queue of a core broker: the stream delivers nothing to workers.
            status = await session.queue.status()
            assert (status.mode, status.durable, status.pending) == ("core", False, None)
            first = await enqueue(client, "append_line", str(lines))
            run = await wait_for_run(session, first, RunState.SUCCEEDED)
            assert not (await session.tasks.rerun([run])).durable
            (outcome,) = await session.tasks.cancel([first])
            assert outcome.status is not CancelStatus.REMOVED
        unseen = await enqueue(client, "append_line", str(lines))
        await wait_until(lambda: lines.exists() and len(lines.read_text().splitlines()) == 4)
        async with connected_session(nats_server) as session:
            assert await session.wait_caught_up()
            for task_id in (first, unseen):
                run = await wait_for_run(session, task_id, RunState.SUCCEEDED)
                assert run.request is not None
                assert json.loads(run.request.args) == [str(lines)]
            worker.kill()
            await wait_for_consumers(session, are_there=False)
            with pytest.raises(NoConsumersError):
                await session.tasks.rerun([run])
        # Nothing that is stored is run by a worker that starts later.
        start_worker("core", nats_server)
        async with connected_session(nats_server) as session:
            await wait_for_consumers(session, are_there=True)
            last = await enqueue(client, "add", 1, 2)
            await wait_for_run(session, last, RunState.SUCCEEDED)
        assert len(lines.read_text().splitlines()) == 4


async def test_a_jetstream_broker_keeps_its_stream_and_runs_every_task_once(
    nats_server: NatsServer, start_worker: StartWorker, tmp_path: Path
) -> None:
    lines = tmp_path / "lines"
    async with (
        foreign_broker("pull", nats_server) as client,
        connected_session(nats_server) as session,
    ):
        start_worker("pull", nats_server)
        plan = await session.history_streams.plan()
        states = {item.stream.kind: (item.state, item.stream.name) for item in plan.items}
        assert states[HistoryKind.TASKS] == (HistoryState.KEPT, "taskiq_jetstream")
        before = await session.connection.js.stream_info("taskiq_jetstream")
        assert await make_all(session) == [EVENT_STREAM]
        # Also when it is asked for nevertheless.
        (refused,) = await session.history_streams.create([TASKS_STREAM], confirmed=True)
        assert not refused.created
        assert refused.error is not None
        assert "taskiq_jetstream" in refused.error.detail
        for _ in range(3):
            await enqueue(client, "append_line", str(lines))
        last = await enqueue(client, "add", 1, 2)
        await wait_for_run(session, last, RunState.SUCCEEDED)
        await wait_until(lambda: len(lines.read_text().splitlines()) == 3)
        after = await session.connection.js.stream_info("taskiq_jetstream")
        assert (after.config, after.state.messages) == (before.config, 4)


async def test_readers_of_copies_give_up_no_task(nats_server: NatsServer) -> None:
    async with connected_session(nats_server) as session:
        js = session.connection.js
        assert await session.history_streams.create([TASKS_STREAM], confirmed=True)
        await js.add_consumer(TASKS, ConsumerConfig(durable_name="reader", max_deliver=1))
        kinds = [each.stream.kind for each in (await session.history_streams.plan()).items]
        assert kinds == [HistoryKind.EVENTS, HistoryKind.TASKS]


async def test_tasks_that_jetstream_gives_up_are_listed_after_a_restart(
    nats_server: NatsServer,
) -> None:
    async def given_up(session: Session) -> list[str]:
        latest = session.state.log.newest_first(10)
        return [event_summary(each) for each in latest if each.topic == ADVISORY_TOPIC]

    async with connected_session(nats_server) as session:
        js = session.connection.js
        await js.add_stream(name=TASK_STREAM, subjects=[TASK_SUBJECT])
        limited = ConsumerConfig(durable_name=TASK_CONSUMER, ack_wait=0.1, max_deliver=2)
        await js.add_consumer(TASK_STREAM, limited)
        assert not session.advisory_feed.status.stream
        assert await make_all(session) == [EVENT_STREAM, ADVISORY_STREAM]
        await wait_until(lambda: session.advisory_feed.status.mode == "history", 3.0)
        await js.publish(TASK_SUBJECT, b"{}")
        taker = await js.pull_subscribe_bind(TASK_CONSUMER, TASK_STREAM)
        for _ in range(2):
            await taker.fetch(1, timeout=5)
        with pytest.raises(NatsTimeoutError):
            await taker.fetch(1, timeout=0.3)
        await wait_until(lambda: given_up(session))
        assert (await session.history_streams.plan()).missing == ()
    async with connected_session(nats_server) as session:
        assert await session.wait_caught_up()
        assert await given_up(session) == [
            f"JetStream gave up message 1 of {TASK_STREAM} after 2 deliveries to {TASK_CONSUMER}"
        ]


async def test_a_jetstream_broker_does_not_take_the_copies_for_its_queue(
    nats_server: NatsServer,
) -> None:
    async with connected_session(nats_server) as session:
        assert await make_all(session) == [EVENT_STREAM, TASKS]
        broker = make_broker("pull", nats_server.url)
        with pytest.raises(BadRequestError, match="overlap"):
            await broker.startup()
        await broker.shutdown()


async def test_a_request_on_a_stored_subject_is_answered_by_its_own_responder(
    nats_server: NatsServer,
) -> None:
    async with connected_session(nats_server) as session:
        await make_all(session)
    service, client = await connect(nats_server.url), await connect(nats_server.url)
    try:

        async def answer(message: Any) -> None:
            await message.respond(b"the answer")

        await service.subscribe(TASK_SUBJECT, cb=answer)
        await service.flush()
        for _ in range(5):
            assert (await client.request(TASK_SUBJECT, b"{}", timeout=5)).data == b"the answer"
        assert (await client.jetstream().stream_info(TASKS)).state.messages == 5
    finally:
        await service.close()
        await client.close()


async def test_streams_that_exist_are_never_changed(nats_server: NatsServer) -> None:
    async with connected_session(nats_server) as session:
        small = replace(TASKS_STREAM, limits=HistoryLimits(3600.0, MIB))
        (made,) = await session.history_streams.create([small], confirmed=True)
        assert made.created
        before = (await session.connection.js.stream_info(TASKS)).config
        assert (before.max_age, before.max_bytes, before.no_ack) == (3600, MIB, True)
        (again,) = await session.history_streams.create([TASKS_STREAM], confirmed=True)
        assert (again.created, again.error) == (False, None)
        assert (await session.connection.js.stream_info(TASKS)).config == before
        # Two that begin at the same time: both report success, and one stream is there.
        outcomes = await asyncio.gather(
            *(session.history_streams.create([EVENTS_STREAM], confirmed=True) for _ in range(2))
        )
        assert all(outcome.error is None for (outcome,) in outcomes)
        assert (await session.history_streams.plan()).missing == ()


async def test_other_streams_in_the_way_are_named(nats_server: NatsServer) -> None:
    async with connected_session(nats_server) as session:
        js = session.connection.js
        await js.add_stream(name="SHOP", subjects=["websocket.tasks"])
        await js.add_stream(name=TASKS, subjects=["something.else"])
        events, tasks = (await session.history_streams.plan()).items
        assert (events.state, tasks.state) == (HistoryState.IMPOSSIBLE, HistoryState.IMPOSSIBLE)
        assert "SHOP" in events.reason
        assert "something.else" in tasks.reason
        outcomes = await session.history_streams.create(
            [EVENTS_STREAM, TASKS_STREAM], confirmed=True
        )
        overlap, name = (outcome.error for outcome in outcomes)
        assert overlap is not None
        assert "SHOP" in overlap.detail
        assert name is not None
        assert "other subjects" in name.detail
        assert len(await js.streams_info()) == 2


async def test_without_room_the_size_is_named(tmp_path: Path) -> None:
    config = f'jetstream {{ store_dir: "{tmp_path / "js"}", max_file_store: 64MB }}'
    with NatsServer(jetstream=False, config=config) as server:
        async with connected_session(server) as session:
            (outcome,) = await session.history_streams.create([TASKS_STREAM], confirmed=True)
            assert outcome.error is not None
            assert "256 MiB" in outcome.error.detail
            small = replace(TASKS_STREAM, limits=HistoryLimits(max_bytes=16 * MIB))
            (outcome,) = await session.history_streams.create([small], confirmed=True)
            assert outcome.created


async def test_a_missing_permission_is_named_and_the_other_stream_is_made() -> None:
    config = (
        "authorization { users: [ { user: u, password: p, permissions: {"
        f'publish: {{ deny: ["$JS.API.STREAM.CREATE.{TASKS}"] }} }} }} ] }}'
    )
    with NatsServer(user="u", password="p", config=config) as server:
        async with connected_session(server) as session:
            plan = await session.history_streams.plan()
            events, tasks = await session.history_streams.create(plan.missing, confirmed=True)
            assert events.created
            assert tasks.error is not None
            assert f"may not publish to $JS.API.STREAM.CREATE.{TASKS}" in tasks.error.detail


async def test_nothing_is_made_without_jetstream_or_consent(nats_server: NatsServer) -> None:
    with NatsServer(jetstream=False) as bare:
        async with connected_session(bare) as session:
            await wait_until(lambda: session.task_feed.status.mode == "live")
            assert not session.history_streams.are_missing
            with pytest.raises(NoJetStreamError):
                await session.history_streams.plan()
            with pytest.raises(NoJetStreamError):
                await session.history_streams.create([TASKS_STREAM], confirmed=True)
    async with connected_session(nats_server, name="eu", read_only=True) as session:
        with pytest.raises(ReadOnlyError):
            await session.history_streams.create([TASKS_STREAM], confirmed=True)
        session.set_read_only(read_only=False)
        with pytest.raises(ConfirmationRequiredError) as caught:
            await session.history_streams.create([TASKS_STREAM])
        assert caught.value.action == f"Make the stream {TASKS}"
        assert await session.connection.js.streams_info() == []


async def test_names_of_a_system_with_names_of_its_own(nats_server: NatsServer) -> None:
    names = TaskiqNames(subject="shop.tasks", subject_prefix="eu.shop")
    async with connected_session(nats_server, names=names) as session:
        assert await make_all(session) == ["PULSE_EVENTS_eu_shop", "PULSE_TASKS_shop_tasks"]
        await wait_until(lambda: session.event_feed.status.mode == "history")
        await wait_until(lambda: session.task_feed.status.stream == "PULSE_TASKS_shop_tasks")


async def test_more_copies_than_servers_are_refused_with_the_reason(
    nats_server: NatsServer,
) -> None:
    async with connected_session(nats_server) as session:
        three = replace(TASKS_STREAM, limits=HistoryLimits(replicas=3))
        (outcome,) = await session.history_streams.create([three], confirmed=True)
        assert outcome.error is not None
        assert "replicas > 1 not supported" in outcome.error.detail


@pytest.mark.slow
async def test_copies_in_a_cluster_outlive_the_server_of_their_leader(tmp_path: Path) -> None:
    passwords = {"worker": "w", "operator": "o", "viewer": "v"}
    with Cluster(tmp_path, passwords) as cluster:
        await wait_until(lambda: all(node.healthy for node in cluster.nodes), 60)
        session = Session(SessionConfig(server_profile(cluster.url(TESTER[0]))))
        session.start()
        session.start_pump()
        try:
            await wait_until(lambda: session.connection.connected)
            three = replace(TASKS_STREAM, limits=HistoryLimits(replicas=3))
            (outcome,) = await session.history_streams.create([three], confirmed=True)
            assert outcome.error is None
            await wait_until(lambda: session.task_feed.status.mode == "history")
            payload, headers = encode_task("kept", "shop:pay")
            await session.connection.client.publish(TASK_SUBJECT, payload, headers=headers)
            await wait_for_run(session, "kept")
            info = await session.connection.js.stream_info(TASKS)
            assert info.cluster is not None
            next(node for node in cluster.nodes if node.name == info.cluster.leader).kill()

            async def is_kept() -> bool:
                try:
                    state = (await session.connection.js.stream_info(TASKS)).state
                except (UserFacingError, NatsError):
                    return False
                return state.messages == 1

            await wait_until(is_kept, 60)
        finally:
            await session.close()


@pytest.mark.parametrize("newest", [5_000, 50])
async def test_events_and_task_messages_of_history_are_in_one_order_of_time(
    nats_server: NatsServer, newest: int
) -> None:
    client = await connect(nats_server.url)
    js = client.jetstream()
    await js.add_stream(name=EVENT_STREAM, subjects=[EVENT_STREAM_SUBJECT])
    await js.add_stream(name=TASK_STREAM, subjects=[TASK_SUBJECT])
    for number in range(100):
        payload, headers = encode_task(f"{number:032x}", "work")
        await js.publish(TASK_SUBJECT, payload, headers=headers)
        _id, payload = encode_event(
            "tasks", "task.started", {"task_id": f"{number:032x}"}, source="w", now=time.time()
        )
        await js.publish("websocket.tasks", payload)
    await client.close()
    async with open_session(nats_server, newest=newest) as session:
        assert await session.wait_caught_up()
        log = session.state.log
        await wait_until(lambda: log.stop - log.start == 200)
        topics = [log[position].topic for position in range(log.start, log.stop)]
        assert topics == ["taskiq", "tasks"] * 100
