"""Send control commands to real workers, as the desktop does."""

from typing import Any

import msgspec
import nats

from pulse_desktop.protocol.control import (
    CONTROL_ALL,
    CONTROL_QUEUE,
    ControlReply,
    ControlRequest,
    control_subject,
    decode_reply,
    encode_request,
)
from pulse_desktop.protocol.task_message import new_task_id
from tests.kit.worker_processes import Worker, WorkerHarness

ACTOR = "olena@desk"


async def send_command(
    harness: WorkerHarness, subject: str, command: str, **fields: Any
) -> ControlReply:
    """Send a command and return the first reply."""
    request = ControlRequest(new_task_id(), command, ACTOR, **fields)
    message = await harness.client.request(subject, encode_request(request), timeout=10)
    reply = decode_reply(message.data)
    assert reply is not None, message.data
    assert reply.id == request.id
    return reply


async def command_any(harness: WorkerHarness, command: str, **fields: Any) -> ControlReply:
    """Send a command to all workers, of which there is one."""
    return await send_command(harness, CONTROL_ALL, command, **fields)


async def command_worker(
    harness: WorkerHarness, worker: Worker, command: str, **fields: Any
) -> ControlReply:
    return await send_command(
        harness, control_subject(identity(harness, worker)), command, **fields
    )


async def command_queue(harness: WorkerHarness, command: str, **fields: Any) -> ControlReply:
    return await send_command(harness, CONTROL_QUEUE, command, **fields)


async def command_all(
    harness: WorkerHarness, count: int, command: str, **fields: Any
) -> list[ControlReply]:
    """Send a command to all workers and return `count` replies."""
    inbox = harness.client.new_inbox()
    subscription = await harness.client.subscribe(inbox)
    request = ControlRequest(new_task_id(), command, ACTOR, **fields)
    await harness.client.publish(CONTROL_ALL, encode_request(request), reply=inbox)
    replies = [await subscription.next_msg(timeout=10) for _ in range(count)]
    await subscription.unsubscribe()
    return [msgspec.json.decode(reply.data, type=ControlReply) for reply in replies]


def identity(harness: WorkerHarness, worker: Worker) -> str:
    source: str = next(
        e["source"] for e in harness.events if e["source"].endswith(f":{worker.pid}")
    )
    return source


async def audit_event(harness: WorkerHarness, action: str) -> dict[str, Any]:
    event = await harness.wait_for_event(
        lambda e: e["type"] == "audit" and e["data"]["action"] == action
    )
    data: dict[str, Any] = event["data"]
    return data


def heartbeats(harness: WorkerHarness) -> list[dict[str, Any]]:
    return [e["data"] for e in harness.events if e["type"] == "worker.heartbeat"]


async def has_no_subscriber(harness: WorkerHarness, subject: str) -> bool:
    try:
        await harness.client.request(subject, b"{}", timeout=5)
    except nats.errors.NoRespondersError:
        return True
    return False
