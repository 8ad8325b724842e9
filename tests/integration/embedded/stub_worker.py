"""Stub of a worker and a feeder: sends heartbeats, exits on SIGTERM or at the end of stdin.

It implements the few commands of the NATS protocol that a heartbeat needs, so it starts fast.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
from urllib.parse import urlsplit

SUBJECT = "websocket.monitoring"


def log(text: str) -> None:
    """Write a line of the log."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


async def send_heartbeats(server: str, name: str) -> None:
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


async def run(server: str, name: str) -> None:
    """Send heartbeats, reconnecting forever."""
    while True:
        with contextlib.suppress(OSError):
            await send_heartbeats(server, name)
        await asyncio.sleep(0.05)


async def main() -> None:
    """Run until a signal or the end of stdin."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    loop.add_reader(0, lambda: None if os.read(0, 1) else stopped.set())
    server = os.environ["PULSE_SERVER"]
    log(f"connecting to {server}")
    name = sys.argv[sys.argv.index("--name") + 1] if "--name" in sys.argv else "feeder"
    running = asyncio.create_task(run(server, name))
    await stopped.wait()
    loop.remove_reader(0)
    running.cancel()
    await asyncio.wait([running])
    log("stopped gracefully")


if __name__ == "__main__":
    asyncio.run(main())
