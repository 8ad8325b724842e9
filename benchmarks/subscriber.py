"""Baseline of the ingest benchmark: a bare nats-py subscriber that only decodes."""

import argparse
import asyncio
import json
import sys
from pathlib import Path

import msgspec
import nats
from nats.aio.msg import Msg

from benchmarks.publisher import SharedCounter
from benchmarks.publisher_process import PublisherProcess, Throughput


async def measure(
    server: str, counter: SharedCounter, publisher: PublisherProcess, seconds: float
) -> dict[str, float]:
    """Return the figures of a subscriber under a saturating publisher."""
    decode = msgspec.json.Decoder().decode
    seen = 0

    async def on_message(msg: Msg) -> None:
        nonlocal seen
        decode(msg.data)
        seen += 1
        if not seen & 63:
            counter.value = seen

    client = await nats.connect(server)
    await client.subscribe("websocket.*", cb=on_message)
    await client.flush()
    throughput = Throughput(lambda: seen)
    counting = asyncio.create_task(_update_regularly(throughput))
    try:
        report = await publisher.publish(seconds=seconds)
        await throughput.wait_until_received(report["sent"])
    finally:
        counting.cancel()
        await client.close()
    return {
        "sent": report["sent"],
        "received": throughput.received,
        "per_second": throughput.per_second,
        "cpu": throughput.cpu,
    }


async def _update_regularly(throughput: Throughput) -> None:
    while True:
        throughput.update()
        await asyncio.sleep(0.01)


def main() -> int:
    """Measure once and print the figures as one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("server")
    parser.add_argument("counter", type=Path)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--no-headers", action="store_true")
    arguments = parser.parse_args()
    publisher = PublisherProcess(
        arguments.server, arguments.counter, headers=not arguments.no_headers
    )
    counter = SharedCounter(arguments.counter)
    figures = asyncio.run(measure(arguments.server, counter, publisher, arguments.seconds))
    sys.stdout.write(json.dumps(figures) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
