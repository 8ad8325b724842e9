"""Baseline of the ingest benchmark: a bare nats-py subscriber that only decodes."""

import argparse
import asyncio
import json
import sys
from pathlib import Path

import msgspec
import nats
from nats.aio.msg import Msg

from benchmarks.load import Load, Receipt
from benchmarks.publisher import Counter


async def measure(server: str, counter: Counter, load: Load, seconds: float) -> dict[str, float]:
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
    receipt = Receipt(lambda: seen)
    counting = asyncio.create_task(_count(receipt))
    try:
        report = await load.publish(seconds=seconds)
        await receipt.settle(report["sent"])
    finally:
        counting.cancel()
        await client.close()
    return {
        "sent": report["sent"],
        "received": receipt.received,
        "per_second": receipt.per_second,
        "cpu": receipt.cpu,
    }


async def _count(receipt: Receipt) -> None:
    while True:
        receipt.update()
        await asyncio.sleep(0.01)


def main() -> int:
    """Measure once and print the figures as one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("server")
    parser.add_argument("counter", type=Path)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--no-headers", action="store_true")
    arguments = parser.parse_args()
    load = Load(arguments.server, arguments.counter, headers=not arguments.no_headers)
    counter = Counter(arguments.counter)
    figures = asyncio.run(measure(arguments.server, counter, load, arguments.seconds))
    sys.stdout.write(json.dumps(figures) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
