"""A worker and feeder that only lives and dies like one, for tests that are about nothing else.

It speaks the few words of the NATS protocol that a heartbeat takes, so that it starts at once.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
from urllib.parse import urlsplit

SUBJECT = "websocket.monitoring"


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


async def beat(server: str, name: str) -> None:
    """Send heartbeats until the connection breaks."""
    address = urlsplit(server)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        await reader.readline()  # INFO
        login = json.dumps({"verbose": False, "auth_token": address.username})
        writer.write(f"CONNECT {login}\r\n".encode())
        event = json.dumps(
            {"type": "worker.heartbeat", "data": {"worker": f"{name}@here:{os.getpid()}"}}
        )
        while not reader.at_eof():
            writer.write(f"PUB {SUBJECT} {len(event)}\r\n{event}\r\n".encode())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(reader.read(4096), 0.1)
    finally:
        writer.close()


async def live(server: str, name: str) -> None:
    while True:
        with contextlib.suppress(OSError):
            await beat(server, name)
        await asyncio.sleep(0.05)


async def main() -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    loop.add_reader(0, lambda: ended.set() if not os.read(0, 1) else None)
    server = os.environ["PULSE_SERVER"]
    say(f"connecting to {server}")
    name = sys.argv[sys.argv.index("--name") + 1] if "--name" in sys.argv else "feeder"
    living = asyncio.create_task(live(server, name))
    await ended.wait()
    loop.remove_reader(0)
    living.cancel()
    await asyncio.wait([living])
    say("ended in order")


asyncio.run(main())
