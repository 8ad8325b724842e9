"""A worker and feeder that does nothing but live as one: for what real ones would make slow."""

import asyncio
import os
import signal
import sys
import time

import nats

from pulse_desktop.protocol.event import encode_event


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


async def main() -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    loop.add_reader(0, lambda: ended.set() if not os.read(0, 1) else None)
    server = os.environ["PULSE_SERVER"]
    say(f"connecting to {server}")
    client = await nats.connect(server, max_reconnect_attempts=-1)
    name = sys.argv[sys.argv.index("--name") + 1] if "--name" in sys.argv else "feeder"
    beat = {"worker": f"{name}@here:{os.getpid()}"}
    while not ended.is_set():
        if client.is_connected:
            _, event = encode_event(
                "monitoring", "worker.heartbeat", beat, source=name, now=time.time()
            )
            await client.publish("websocket.monitoring", event)
        try:
            await asyncio.wait_for(ended.wait(), 0.2)
        except TimeoutError:
            continue
    loop.remove_reader(0)
    await client.close()
    say("ended in order")


asyncio.run(main())
