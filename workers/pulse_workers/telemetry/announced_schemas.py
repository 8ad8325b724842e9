"""The schema of a task, as the workers announce it when they are asked."""

import asyncio
import contextlib
import time
from typing import Any, Final

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg

from pulse_desktop.protocol.control import ANNOUNCE, CONTROL_ALL, ControlRequest, encode_request
from pulse_desktop.protocol.event import new_event_id
from pulse_desktop.protocol.task_names import canonical_name
from pulse_desktop.protocol.task_schema import TaskSchema, read_schema
from pulse_desktop.protocol.topics import subject_of

_CATALOGUE: Final = b'"catalogue"'


class _HeartbeatData(msgspec.Struct):
    catalogue: dict[str, Any] | None = None


class _Heartbeat(msgspec.Struct):
    data: _HeartbeatData


_decode = msgspec.json.Decoder(_Heartbeat).decode


async def announced_schema(
    client: Client,
    task_name: str,
    who: str,
    timeout: float,  # noqa: ASYNC109 - no error
) -> TaskSchema | None:
    """Ask all workers for their task schemas, and return that of a task.

    Workers that accept no commands announce theirs once a minute, and are rarely heard in time.

    Args:
        client: connected; a user who may send no commands still hears what is announced.
        task_name: any name of the task.
        who: `user@host`.
        timeout: seconds to wait for a worker that has the task.

    Returns:
        The schema, None if no worker has announced the task in time.
    """
    name = canonical_name(task_name)
    found: asyncio.Future[TaskSchema] = asyncio.get_running_loop().create_future()

    async def on_event(message: Msg) -> None:
        if _CATALOGUE not in message.data or found.done():
            return
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            for announced, entry in (_decode(message.data).data.catalogue or {}).items():
                if canonical_name(announced) == name and isinstance(entry, dict):
                    found.set_result(read_schema(name, entry))
                    return

    subscription = await client.subscribe(subject_of("monitoring"), cb=on_event)
    request = ControlRequest(id=new_event_id(time.time()), command=ANNOUNCE, who=who)
    await client.publish(CONTROL_ALL, encode_request(request))
    try:
        async with asyncio.timeout(timeout):
            return await found
    except TimeoutError:
        return None
    finally:
        await subscription.unsubscribe()
