"""Measure how a Telegram export is read: CPU time for each message and memory, by file size.

docs/performance.md quotes the output. Each file is written first and read in a process of its own,
so that the memory is that of the reader alone. No NATS.
"""

import argparse
import asyncio
import json
import multiprocessing
import random
import resource
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from pulse_workers.chat.sources.allowed_folders import AllowedFolders
from pulse_workers.chat.sources.telegram_export import read_batches

MESSAGES: Final = (10_000, 100_000, 1_000_000)
BATCH_SIZE: Final = 256
_WORDS: Final = ("payment", "queue", "fails", "after", "release", "deploy", "timeout", "черга")


def write_export(path: Path, count: int) -> None:
    """Write a chat whose messages have the shapes and the sizes that Telegram Desktop writes."""
    shapes = random.Random(4)
    with path.open("w", encoding="utf-8") as file:
        file.write('{\n "name": "Ops",\n "type": "private_supergroup",\n "id": 4200001,\n')
        file.write(' "messages": [\n')
        for number in range(1, count + 1):
            text = json.dumps(_message(shapes, number), ensure_ascii=False, indent=1)
            file.write(text + ("" if number == count else ",\n"))
        file.write("\n ]\n}\n")


def _message(shapes: random.Random, number: int) -> dict[str, Any]:
    words = " ".join(shapes.choices(_WORDS, k=shapes.randint(1, 30)))
    shape = shapes.random()
    text: Any = words
    entities: list[dict[str, str]] = [{"type": "plain", "text": words}]
    if shape < 0.2:
        entities = [
            {"type": "plain", "text": words},
            {"type": "link", "text": "https://example.org/runbook"},
        ]
        text = [words, entities[1]]
    message: dict[str, Any] = {
        "id": number,
        "type": "message",
        "date": "2026-09-21T14:13:20",
        "date_unixtime": str(1_700_000_000 + number),
        "from": f"Author {number % 17}",
        "from_id": f"user{number % 17}",
        "text": text,
        "text_entities": entities,
    }
    if number % 4 == 0:
        message["reply_to_message_id"] = number - 1
    if number % 50 == 0:
        message["reactions"] = [{"type": "emoji", "count": 2, "emoji": "👍"}]
    return message


def measure(path: str) -> dict[str, float]:
    """Read an export and return messages, CPU seconds and the process's memory in MiB."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    cpu, wall = time.process_time(), time.perf_counter()
    count = asyncio.run(_count(Path(path)))
    return {
        "messages": count,
        "cpu_s": time.process_time() - cpu,
        "wall_s": time.perf_counter() - wall,
        "rss_before": before,
        "rss_peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


async def _count(path: Path) -> int:
    folders = AllowedFolders([path.parent])
    return sum(
        [len(batch.messages) async for batch in read_batches(str(path), BATCH_SIZE, folders)]
    )


def main() -> int:
    """Measure each size and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, nargs="*", default=MESSAGES, help="sizes")
    options = parser.parse_args()
    print("| messages | file MB | CPU µs a message | wall s | RSS MiB before | RSS MiB at most |")
    print("|--:|--:|--:|--:|--:|--:|")
    spawn = multiprocessing.get_context("spawn")
    for count in options.messages:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "result.json"
            write_export(path, count)
            size = path.stat().st_size / 1e6
            with spawn.Pool(1) as pool:
                found = pool.apply(measure, (str(path),))
        if found["messages"] != count:
            print(f"{found['messages']:.0f} of {count} messages were read")
            return 1
        print(
            f"| {count:,} | {size:.1f} | {found['cpu_s'] / count * 1e6:.0f} | "
            f"{found['wall_s']:.1f} | {found['rss_before']:.0f} | {found['rss_peak']:.0f} |"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
