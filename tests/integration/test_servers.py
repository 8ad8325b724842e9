"""The nats-server fixture of the tests."""

from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer


async def test_a_server_keeps_its_port_and_its_data_across_a_kill(nats_server: NatsServer) -> None:
    client = await connect(nats_server.url)
    await client.jetstream().add_stream(name="KEEP", subjects=["keep"])
    await client.jetstream().publish("keep", b"1")
    await client.close()
    port = nats_server.port

    nats_server.kill()
    nats_server.start()

    assert nats_server.port == port
    client = await connect(nats_server.url)
    assert (await client.jetstream().stream_info("KEEP")).state.messages == 1
    await client.close()


async def test_the_url_contains_the_credentials() -> None:
    for server in (NatsServer(token="s3cret"), NatsServer(user="ann", password="s3cret")):
        with server:
            client = await connect(server.url, allow_reconnect=False)
            assert client.is_connected
            await client.close()
