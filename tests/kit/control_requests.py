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
from tests.kit.worker_processes import Bench, Worker

WHO = "olena@desk"


async def send_command(bench: Bench, subject: str, command: str, **fields: Any) -> ControlReply:
    """Send a command and return the first reply."""
    request = ControlRequest(new_task_id(), command, WHO, **fields)
    message = await bench.client.request(subject, encode_request(request), timeout=10)
    answer = decode_reply(message.data)
    assert answer is not None, message.data
    assert answer.id == request.id
    return answer


async def command_any(bench: Bench, command: str, **fields: Any) -> ControlReply:
    """Send a command to all workers, of which there is one."""
    return await send_command(bench, CONTROL_ALL, command, **fields)


async def command_worker(bench: Bench, worker: Worker, command: str, **fields: Any) -> ControlReply:
    return await send_command(bench, control_subject(identity(bench, worker)), command, **fields)


async def command_queue(bench: Bench, command: str, **fields: Any) -> ControlReply:
    return await send_command(bench, CONTROL_QUEUE, command, **fields)


async def command_all(bench: Bench, count: int, command: str, **fields: Any) -> list[ControlReply]:
    """Send a command to all workers and return `count` replies."""
    inbox = bench.client.new_inbox()
    subscription = await bench.client.subscribe(inbox)
    request = ControlRequest(new_task_id(), command, WHO, **fields)
    await bench.client.publish(CONTROL_ALL, encode_request(request), reply=inbox)
    answers = [await subscription.next_msg(timeout=10) for _ in range(count)]
    await subscription.unsubscribe()
    return [msgspec.json.decode(answer.data, type=ControlReply) for answer in answers]


def identity(bench: Bench, worker: Worker) -> str:
    source: str = next(e["source"] for e in bench.events if e["source"].endswith(f":{worker.pid}"))
    return source


async def audit_event(bench: Bench, action: str) -> dict[str, Any]:
    event = await bench.wait_for_event(
        lambda e: e["type"] == "audit" and e["data"]["action"] == action
    )
    data: dict[str, Any] = event["data"]
    return data


def heartbeats(bench: Bench) -> list[dict[str, Any]]:
    return [e["data"] for e in bench.events if e["type"] == "worker.heartbeat"]


async def has_no_subscriber(bench: Bench, subject: str) -> bool:
    try:
        await bench.client.request(subject, b"{}", timeout=5)
    except nats.errors.NoRespondersError:
        return True
    return False
