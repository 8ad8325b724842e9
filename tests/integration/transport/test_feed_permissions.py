"""A feed without permissions: it says what is missing and recovers once it is granted."""

import pytest

from tests.kit.nats_servers import NatsServer
from tests.kit.running_feed import (
    RunningFeed,
    create_stream,
    publish,
)
from tests.kit.waiting import wait_until

PERMISSIONS = """
authorization {
  users = [
    { user: admin, password: p },
    { user: op, password: p, permissions: { publish: [%s], subscribe: [%s] } }
  ]
}
"""


async def test_without_permission_for_history_it_subscribes() -> None:
    config = PERMISSIONS % ('"nothing"', '"websocket.*", "_INBOX.>"')
    with NatsServer(user="op", password="p", config=config) as server:
        async with RunningFeed(server) as running:
            await running.in_mode("live")
            assert "history cannot be read" in running.status.problem
            server.user = "admin"
            await publish(server, [1])
            await wait_until(lambda: running.payloads() == [1])


async def test_without_permission_to_subscribe_it_is_off_and_reports_it() -> None:
    config = PERMISSIONS % ('"nothing"', '"_INBOX.>"')
    with NatsServer(user="op", password="p", config=config) as server:
        async with RunningFeed(server) as running:
            await wait_until(lambda: "may not subscribe" in running.status.problem)
            assert running.status.mode == "off"
            problem = "these credentials may not subscribe to websocket.*"
            assert running.status.problem == problem


DENIALS = """
authorization {
  users = [
    { user: admin, password: p },
    { user: op, password: p, permissions: { publish: { deny: [%s] }, subscribe: { deny: [%s] } } }
  ]
}
"""


@pytest.mark.parametrize(
    ("publish_denied", "subscribe_denied", "named"),
    [
        ("$JS.API.CONSUMER.CREATE.>", "", "$JS.API.CONSUMER.CREATE.PULSE_EVENTS.>"),
        pytest.param(
            *("$JS.API.CONSUMER.MSG.NEXT.>", "", "$JS.API.CONSUMER.MSG.NEXT.PULSE_EVENTS.>"),
            marks=pytest.mark.slow,
        ),
        pytest.param(*("$JS.API.STREAM.NAMES", "", "$JS.API.STREAM.NAMES"), marks=pytest.mark.slow),
        pytest.param("", "_INBOX.>", "_INBOX.>", marks=pytest.mark.slow),
    ],
)
async def test_refused_history_is_read_once_it_is_permitted(
    publish_denied: str, subscribe_denied: str, named: str
) -> None:
    denied = DENIALS % (f'"{publish_denied or "x"}"', f'"{subscribe_denied or "x"}"')
    with NatsServer(user="admin", password="p", config=denied) as server:
        await create_stream(server)
        await publish(server, range(5))
        server.user = "op"
        async with RunningFeed(server) as running:
            await running.in_mode("live")
            assert await running.feed.wait_caught_up(1)
            assert running.status.unreadable
            assert f" {named};" in f"{running.status.problem};"
            server.user = "admin"
            await publish(server, range(5, 10))
            await wait_until(lambda: running.payloads() == list(range(5, 10)))
            server.config = DENIALS % ('"x"', '"x"')
            server.reload()
            await running.in_mode("history")
            await wait_until(lambda: not running.status.unreadable)
            await wait_until(lambda: sorted(running.payloads()) == list(range(10)))
            await wait_until(lambda: running.connection.violations.problems == [])
            server.config = denied
            server.reload()
            if subscribe_denied:  # the others are noticed with the next consumer or request
                await running.in_mode("live")
            await publish(server, range(10, 12))
            server.config = DENIALS % ('"x"', '"x"')
            server.reload()
            await wait_until(lambda: sorted(running.payloads()) == list(range(12)))


async def test_a_refused_subscription_is_tried_again() -> None:
    with NatsServer(user="op", password="p", config=DENIALS % ('"x"', '"websocket.>"')) as server:
        async with RunningFeed(server) as running:
            await wait_until(lambda: "may not subscribe" in running.status.problem)
            assert await running.feed.wait_caught_up(1)
            server.config = DENIALS % ('"x"', '"x"')
            server.reload()
            await running.in_mode("live")
            assert running.connection.violations.problems == []
            server.user = "admin"
            await publish(server, [1])
            await wait_until(lambda: running.payloads() == [1])
