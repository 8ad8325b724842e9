"""Deletion of a message that is gone already: the errors of a real server."""

import pytest
from nats.js.errors import APIError

from pulse_desktop.transport.queued_task_remover import is_message_gone
from tests.kit.nats_servers import NatsServer
from tests.kit.running_feed import STREAM, create_stream, publisher, store


async def test_a_message_that_is_gone_is_told_from_other_errors(nats_server: NatsServer) -> None:
    await create_stream(nats_server)
    await store(nats_server, range(4))
    async with publisher(nats_server) as client:
        js = client.jetstream()

        async def is_gone(stream: str, sequence: int) -> bool:
            with pytest.raises(APIError) as caught:
                await js.delete_msg(stream, sequence)
            return is_message_gone(caught.value)

        await js.delete_msg(STREAM, 2)
        assert await is_gone(STREAM, 2)
        await js.purge_stream(STREAM, seq=4)
        assert await is_gone(STREAM, 1)
        await js.purge_stream(STREAM)
        assert await is_gone(STREAM, 4)
        assert not await is_gone("OTHER", 1)
