"""A bare nats-py subscriber that decodes every event; the least that watching can cost in Python.

Part of the watching benchmark. It receives what the window receives: events, tasks, and the
metadata of results.
"""

import asyncio
import signal
import sys

import msgspec
import nats
from nats.aio.msg import Msg

from pulse_desktop.protocol.topics import EVENT_SUBJECT, RESULT_BUCKET, TASK_SUBJECT


async def watch(server: str) -> None:
    """Receive until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    decode = msgspec.json.Decoder().decode

    async def on_message(msg: Msg) -> None:
        decode(msg.data)

    client = await nats.connect(server)
    for subject in (EVENT_SUBJECT, TASK_SUBJECT, f"$O.{RESULT_BUCKET}.M.>"):
        await client.subscribe(subject, cb=on_message)
    await stop.wait()
    await client.close()


if __name__ == "__main__":
    asyncio.run(watch(sys.argv[1]))
