"""A stock TaskIQ application with its own subject, stream, consumer and bucket."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

from pulse_desktop.model.run_state import RunState
from pulse_desktop.profiles.profile import server_profile
from pulse_desktop.protocol.taskiq_names import TaskiqNames
from pulse_desktop.protocol.topics import RESULT_BUCKET
from pulse_desktop.session.event_publisher import EventPublisher
from pulse_desktop.session.session import Session
from pulse_desktop.session.session_config import SessionConfig
from tests.kit import foreign_app
from tests.kit.cli_process import command_environment, run_command
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer
from tests.kit.sessions import wait_for_run
from tests.kit.waiting import wait_until
from tests.kit.worker_processes import Worker

NAMES = TaskiqNames(foreign_app.SUBJECT, foreign_app.CONSUMER, foreign_app.BUCKET)


@contextlib.asynccontextmanager
async def session_with(server: NatsServer, names: TaskiqNames) -> AsyncIterator[Session]:
    session = Session(SessionConfig(server_profile(server.url, server.monitor_url, names=names)))
    session.start()
    session.start_pump()
    try:
        await session.connection.wait_connected()
        yield session
    finally:
        await session.close()


async def test_a_system_with_names_of_its_own_is_found_shown_and_used(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    async with foreign_app.run(nats_server):
        async with session_with(nats_server, NAMES) as session:
            run = await wait_for_run(session, "shop-good", RunState.SUCCEEDED)
            assert run.request is not None
            assert (run.name, run.request.args) == ("shop:charge", b"[5]")
            await wait_for_run(session, "shop-bad", RunState.FAILED)
            receipt = await session.tasks.rerun([run])
            again = await wait_for_run(session, receipt.task_ids[0], RunState.SUCCEEDED)
            assert again.rerun_of == "shop-good"
            await wait_until(
                lambda: (
                    session.tasks.queue_status is not None
                    and session.tasks.queue_status.consumer == foreign_app.CONSUMER
                )
            )
            await session.finder.search()
            assert session.other_names is None

        async with session_with(nats_server, TaskiqNames()) as session:
            found = await session.finder.search()
            assert [(q.subject, q.stream, q.consumer) for q in found.queues] == [
                (foreign_app.SUBJECT, foreign_app.STREAM, foreign_app.CONSUMER)
            ]
            assert found.buckets == (foreign_app.BUCKET,)
            assert session.other_names == NAMES
            watched, other = await session.results.buckets()
            assert (watched.name, watched.watched, watched.exists) == (RESULT_BUCKET, True, False)
            assert (other.name, other.watched) == (foreign_app.BUCKET, False)
            session.results.watch_bucket(other.name)
            (watched,) = await session.results.buckets()
            assert (watched.name, watched.watched, watched.exists) == (other.name, True, True)

        env = command_environment(tmp_path / "data")
        doctor = await asyncio.to_thread(
            run_command, "doctor", "--server", nats_server.url, "--json", env=env
        )
        (names,) = [each for each in doctor.objects if each["check"] == "names"]
        assert names["status"] == "note"
        options = "--subject shop.tasks --consumer shop_workers --bucket shop_results"
        assert options in names["advice"]
        runs = await asyncio.to_thread(
            run_command, "runs", *options.split(), "--server", nats_server.url, "--json", env=env
        )
        assert {each["task_id"] for each in runs.objects} >= {"shop-good", "shop-bad"}
        assert {each["task_name"] for each in runs.objects} == {"shop:charge"}


async def test_streams_and_buckets_of_other_programs_are_not_offered(
    nats_server: NatsServer,
) -> None:
    async with session_with(nats_server, TaskiqNames()) as session:
        js = session.connection.js
        await js.add_stream(name="ORDERS", subjects=["orders.>"])
        await js.publish("orders.new", b'{"id": 1}')
        await js.add_stream(name="GARBAGE", subjects=["garbage"])
        await js.publish("garbage", b"[" * 100_000)
        bucket = await js.create_object_store("photos")
        await bucket.put("a.png", b"\x89PNG" + bytes(time.time_ns() % 7 + 100))
        found = await session.finder.search()
        assert (found.queues, found.buckets) == ((), ())
        assert session.other_names is None


ACCOUNTS = """accounts {
  APP { jetstream: enabled, users: [ { user: app, password: app } ], exports: [
    { stream: "websocket.>" }, { service: "pulse.control.>", response_type: stream } ] }
  OPS { users: [ { user: ops, password: ops } ], imports: [
    { stream: { account: APP, subject: "websocket.>" }, prefix: "shop" },
    { service: { account: APP, subject: "pulse.control.>" }, to: "shop.pulse.control.>" } ] }
}"""


async def test_events_and_commands_of_an_imported_system_have_a_prefix(tmp_path: Path) -> None:
    with NatsServer(config=ACCOUNTS) as server:
        worker = Worker("run", server=f"nats://app:app@{server.address}", log=tmp_path / "log")
        profile = server_profile(
            f"nats://ops:ops@{server.address}", names=TaskiqNames(subject_prefix="shop")
        )
        session = Session(SessionConfig(profile))
        session.start()
        session.start_pump()
        try:
            await wait_until(lambda: len(session.state.workers.rows) == 1, 20)
            (outcome,) = await session.workers.command("pause")
            assert outcome.done
            assert outcome.worker == session.state.workers.rows[0].id
            other = await connect(f"nats://ops:ops@{server.address}")
            events = await other.subscribe("shop.websocket.audit")
            await other.flush()
            publisher = EventPublisher(session.connection, session.event_feed, session.now, "shop")
            await publisher.publish("audit", "audit", {})
            assert (await events.next_msg(5)).subject == "shop.websocket.audit"
            await wait_until(lambda: "audit" in session.state.topics.by_name)
            await other.close()
        finally:
            await session.close()
            worker.close()


async def test_a_stream_that_is_named_needs_no_permission_to_search() -> None:
    users = (
        "authorization { users: [ { user: all, password: all }, { user: few, password: few, "
        'permissions: { publish: { deny: "$JS.API.STREAM.NAMES" } } } ] }'
    )
    with NatsServer(config=users) as server:
        client = await connect(f"nats://all:all@{server.address}")
        await client.jetstream().add_stream(name="SHOP", subjects=["taskiq_tasks"])
        await client.close()
        for names, mode in (
            (TaskiqNames(stream="SHOP"), "jetstream"),
            (TaskiqNames(), "unknown"),
            (TaskiqNames(stream="GONE"), "unknown"),
        ):
            profile = server_profile(f"nats://few:few@{server.address}", names=names)
            session = Session(SessionConfig(profile))
            session.start()
            try:
                await session.connection.wait_connected()
                status = await session.queue.status()
                assert status.mode == mode
                assert ("there is no stream GONE" in status.problem) is (names.stream == "GONE")
                if mode == "jetstream":
                    await session.task_feed.wait_caught_up(10)
                    assert session.task_feed.status.stream == "SHOP"
            finally:
                await session.close()
