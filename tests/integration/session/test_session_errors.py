"""Errors of a session: missing permissions, and problems of the connection."""

import asyncio
from pathlib import Path

import pytest

from pulse_desktop.model.connection_options import ConnectionOptions
from pulse_desktop.model.errors import (
    CannotConnectError,
    NotConnectedError,
    NotPermittedError,
    UserFacingError,
)
from pulse_desktop.model.run_state import RunState
from pulse_desktop.protocol.task_message import encode_task
from pulse_desktop.protocol.topics import (
    RESULT_BUCKET,
    TASK_SUBJECT,
)
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer
from tests.kit.result_bucket import result_body
from tests.kit.sessions import open_session, wait_for_run
from tests.kit.waiting import wait_until

PERMISSIONS = """
authorization {
  users = [
    { user: all, password: all-secret }
    { user: observer, password: look-secret, permissions: {
        publish: { deny: ["taskiq_tasks", "$JS.API.>", "websocket.>"] } } }
    { user: blind, password: blind-secret, permissions: {
        publish: { deny: ["$JS.API.>"] }, subscribe: { deny: ["websocket.>"] } } }
  ]
}
"""


async def test_denied_permissions_are_limitations() -> None:
    with NatsServer(config=PERMISSIONS) as server:
        publisher = await connect(f"nats://all:all-secret@{server.address}")
        observer = f"nats://observer:look-secret@{server.address}"
        async with open_session(server, url=observer) as session:
            await wait_until(lambda: session.task_feed.status.mode == "live")
            await wait_until(lambda: session.results.watch_status.problem)
            payload, headers = encode_task("a" * 32, "m:f")
            await publisher.publish(TASK_SUBJECT, payload, headers=headers)
            run = await wait_for_run(session, "a" * 32)
            with pytest.raises(UserFacingError) as caught:
                await session.tasks.rerun([run], force=True)
            assert isinstance(caught.value, NotPermittedError)
            limitations = "\n".join(session.limitations)
            assert "results: these credentials may not publish to $JS.API" in limitations
            assert "events: history cannot be read" in limitations
        blind = f"nats://blind:blind-secret@{server.address}"
        async with open_session(server, url=blind) as session:
            await wait_until(lambda: session.task_feed.status.mode == "live")
            await wait_until(
                lambda: any(
                    "events: these credentials may not subscribe to websocket.*" in each
                    for each in session.limitations
                )
            )
            await publisher.publish(TASK_SUBJECT, payload, headers=headers)
            await wait_for_run(session, "a" * 32)
        await publisher.close()


DENIALS = """
authorization {
  users = [
    { user: all, password: all-secret }
    { user: viewer, password: view-secret, permissions: { publish: { deny: [%s] } } }
  ]
}
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("denied", "named"),
    [
        ('"$JS.API.CONSUMER.CREATE.>"', "$JS.API.CONSUMER.CREATE.OBJ_taskiq_results.>"),
        ('"$JS.API.STREAM.INFO.>"', "$JS.API.STREAM.INFO.OBJ_taskiq_results"),
        (
            '"$JS.API.DIRECT.GET.>", "$JS.API.STREAM.MSG.GET.>"',
            "$JS.API.STREAM.MSG.GET.OBJ_taskiq_results",
        ),
    ],
)
async def test_results_appear_once_they_may_be_read(denied: str, named: str) -> None:
    with NatsServer(user="all", password="all-secret", config=DENIALS % denied) as server:
        client = await connect(server.url)
        bucket = await client.jetstream().create_object_store(RESULT_BUCKET)
        await bucket.put("a" * 32, result_body())
        viewer = f"nats://viewer:view-secret@{server.address}"
        async with open_session(server, url=viewer) as session:
            assert await session.wait_caught_up(3)
            assert session.unreadable["results"].endswith(f" {named}")
            assert session.background_errors == []
            server.config = DENIALS % '"x"'
            server.reload()
            await wait_for_run(session, "a" * 32, RunState.SUCCEEDED)
            assert session.unreadable == {}
        await client.close()


async def test_connection_problems_are_reported_without_secrets(
    unused_tcp_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    with NatsServer(user="me", password="right") as server:
        wrong = f"nats://me:wr0ng-s3cret@{server.address}"
        async with open_session(server, url=wrong) as session:
            status = await wait_until(
                lambda: session.connection.status.problem and session.connection.status
            )
            assert status.state == "connecting"
            assert "password" in status.problem or "credentials" in status.problem
            with pytest.raises(CannotConnectError) as caught:
                await session.connection.open(2.0)
        nowhere = f"nats://me:wr0ng-s3cret@127.0.0.1:{unused_tcp_port}"
        async with open_session(server, url=nowhere) as session:
            await wait_until(lambda: session.connection.status.problem)
            assert str(unused_tcp_port) in session.connection.status.problem
            with pytest.raises(NotConnectedError):
                await session.tasks.enqueue("m:f")
    for text in (repr(status), str(caught.value), caplog.text):
        assert "s3cret" not in text


async def test_the_login_of_the_options_is_used(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("right\n")
    options = ConnectionOptions(user="me", password_file=str(secret))
    with NatsServer(user="me", password="right") as server:
        address = f"nats://{server.address}"
        async with open_session(server, url=address, options=options) as session:
            await wait_until(lambda: session.connection.connected)
        async with open_session(server, url=address) as session:
            await wait_until(lambda: session.connection_status.problem)
            assert not session.connection.connected


async def test_closing_a_session_leaves_no_task(nats_server: NatsServer) -> None:
    before = asyncio.all_tasks()
    async with open_session(nats_server) as session:
        await wait_until(lambda: session.connection.connected)
        assert asyncio.all_tasks() > before
    assert asyncio.all_tasks() == before
