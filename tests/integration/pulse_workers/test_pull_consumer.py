"""Tasks are requested whatever else takes its time."""

import asyncio

from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig
from pulse_workers.brokers.pull_consumer import PullConsumer

from pulse_desktop.nats_client.aio import cancel_and_wait
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until

STREAM, CONSUMER = "queue", "workers"


async def test_tasks_arrive_while_the_restoration_of_the_consumer_hangs(
    nats_server: NatsServer,
) -> None:
    received: list[bytes] = []
    restorations: list[asyncio.Event] = []

    async def on_message(message: Msg) -> None:
        received.append(message.data)
        await message.ack()

    async def never_restore() -> None:
        """Wait as provisioning does while the leader of another stream is missing."""
        restorations.append(asyncio.Event())
        await restorations[-1].wait()

    client = await connect(nats_server.url)
    js = client.jetstream()
    config = ConsumerConfig(durable_name=CONSUMER, ack_policy=AckPolicy.EXPLICIT)
    await js.add_stream(name=STREAM, subjects=[STREAM])
    pull = PullConsumer(
        client,
        STREAM,
        CONSUMER,
        expires=1,
        capacity=lambda: 4,
        on_message=on_message,
        on_error=never_restore,
    )
    pulling = asyncio.create_task(pull.run())
    try:
        await wait_until(lambda: restorations, message="the missing consumer is noticed")
        await js.add_consumer(STREAM, config)
        await js.publish(STREAM, b"task")
        await wait_until(lambda: received == [b"task"], 20)
        assert len(restorations) == 1
    finally:
        await pull.stop()
        await cancel_and_wait(pulling)
        await client.close()
