"""A server with stored messages."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator

from nats.aio.client import Client

from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until


@contextlib.contextmanager
def filled_server(fill: Callable[[Client], Awaitable[None]]) -> Iterator[NatsServer]:
    """Yield a server of its own, in which a client has stored messages.

    Args:
        fill: stores them.
    """

    async def connect_and_fill() -> None:
        client = await connect(server.url, allow_reconnect=False)
        await fill(client)
        await client.close()

    with NatsServer() as server:
        asyncio.run(connect_and_fill())
        yield server


async def wait_until_stored(client: Client, stream: str, count: int) -> None:
    """Wait until all that a client has published is stored.

    Args:
        client: has published.
        stream: the stream's name.
        count: of all messages that the stream has stored then, since it was made.
    """
    await client.flush()
    js = client.jetstream()

    async def is_stored() -> bool:
        return (await js.stream_info(stream)).state.last_seq == count

    await wait_until(is_stored, message=f"{count} messages are stored in {stream}")
