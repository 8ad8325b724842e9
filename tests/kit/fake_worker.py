"""A fake worker that replies to control commands as a test specifies."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from nats.aio.client import Client
from nats.aio.msg import Msg

from pulse_desktop.protocol.control import (
    CONTROL_ALL,
    CONTROL_GROUP,
    CONTROL_QUEUE,
    ControlReply,
    ControlRequest,
    control_subject,
    decode_request,
    encode_reply,
)
from pulse_desktop.protocol.event import encode_event
from tests.kit.nats_clients import connect

ReplyFunction = Callable[[ControlRequest], tuple[str, bool, str] | None]
"""Returns outcome, ok and detail, or None for no reply."""


class FakeWorker:
    """The control subscriptions of one worker.

    Attributes:
        worker: its identity.
        commands: the received commands, with task id or level.
    """

    def __init__(self, client: Client, worker: str, reply: ReplyFunction) -> None:
        self._client = client
        self.worker = worker
        self._reply = reply
        self.commands: list[tuple[str, str]] = []

    async def subscribe(self, *, removes: bool) -> None:
        subscribe = self._client.subscribe
        await subscribe(CONTROL_ALL, cb=self._on_request)
        await subscribe(control_subject(self.worker), cb=self._on_request)
        if removes:
            await subscribe(CONTROL_QUEUE, queue=CONTROL_GROUP, cb=self._on_request)
        await self._client.flush()

    async def send_heartbeat(self, now: float, **more: object) -> None:
        """Publish a heartbeat that contains the control subject."""
        data = {"worker": self.worker, "host": "here", "pid": 1, "slots": 4, "busy": 0}
        data |= {"control": control_subject(self.worker), **more}
        payload = encode_event("monitoring", "worker.heartbeat", data, source=self.worker, now=now)[
            1
        ]
        await self._client.publish("websocket.monitoring", payload)

    async def _on_request(self, message: Msg) -> None:
        request = decode_request(message.data)
        assert request is not None
        self.commands.append((request.command, request.task_id or request.level or ""))
        reply = self._reply(request)
        if reply is not None:
            outcome, ok, detail = reply
            response = ControlReply(request.id, self.worker, ok, outcome, detail)
            await message.respond(encode_reply(response))


@asynccontextmanager
async def fake_worker(
    url: str, reply: ReplyFunction, worker: str = "worker-1@here:1", *, removes: bool = True
) -> AsyncIterator[FakeWorker]:
    """Yield a worker that is subscribed to commands.

    Args:
        url: of the server.
        reply: what it replies.
        worker: its identity.
        removes: whether it removes tasks from the queue: one of another project cannot.
    """
    client = await connect(url, allow_reconnect=False)
    try:
        fake = FakeWorker(client, worker, reply)
        await fake.subscribe(removes=removes)
        yield fake
    finally:
        await client.close()
