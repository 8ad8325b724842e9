"""The tests' own servers leave no connection behind, whatever it is doing when they end."""

import asyncio
import gc
import socket
import warnings

import pytest

from tests.kit.loopback_server import LoopbackServer


class SilentServer(LoopbackServer):
    async def _serve(self, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()


@pytest.mark.parametrize("turns", range(6))
def test_a_connection_that_is_being_accepted_is_closed(turns: int) -> None:
    async def connect() -> None:
        async with SilentServer() as server:
            client = socket.create_connection(("127.0.0.1", server.port))
            for _turn in range(turns):
                await asyncio.sleep(0)
        client.close()

    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always", ResourceWarning)
        asyncio.run(connect())
        gc.collect()
    assert [each for each in found if issubclass(each.category, ResourceWarning)] == []
