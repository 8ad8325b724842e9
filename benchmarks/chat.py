"""Measure the pipeline from a chat export to knowledge: CPU time per message, memory, and recovery.

A real worker on a real nats-server ingests generated messages, drawn from the bundled sample. It is
killed in the middle and started again; at the end each message must be there exactly once, with
every stage.
"""

import argparse
import asyncio
import dataclasses
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import psutil
from nats.aio.client import Client
from nats.aio.msg import Msg
from pulse_workers.chat.sources.allowed_folders import AllowedFolders
from pulse_workers.chat.sources.telegram_export import read_export

from benchmarks.server import Server
from pulse_desktop.protocol.task_message import encode_task, new_task_id
from pulse_desktop.protocol.topics import TASK_SUBJECT

CHAT_ID: Final = 4200001
TARGET_MS: Final = 6.0
TARGET_RSS_MIB: Final = 300
TARGET_FIRST_EXTRACTION_S: Final = 30.0
_STAGES: Final = ("scored", "embedded", "extracted")
_SAMPLE_INTERVAL_S: Final = 0.2
_TIMEOUT_S: Final = 7_200.0


def write_chat(path: Path, count: int) -> None:
    """Write an export of messages with the texts of the sample, in conversations."""
    texts = [each.content for each in read_export("", AllowedFolders()).messages if each.content]
    choices = random.Random(7)
    with path.open("w", encoding="utf-8") as file:
        file.write(f'{{"name": "Ops", "type": "private_supergroup", "id": {CHAT_ID},\n')
        file.write('"messages": [\n')
        for number in range(1, count + 1):
            author = choices.randrange(17)
            message: dict[str, Any] = {
                "id": number,
                "type": "message",
                "date": "2026-09-21T14:13:20",
                "date_unixtime": str(1_700_000_000 + 30 * number),
                "from": f"Author {author}",
                "from_id": f"user{author}",
                "text": f"{choices.choice(texts)} #{number}",
                "text_entities": [],
            }
            if number > 1 and choices.random() < 0.4:
                message["reply_to_message_id"] = number - choices.randint(1, min(5, number - 1))
            file.write(json.dumps(message, ensure_ascii=False))
            file.write("\n" if number == count else ",\n")
        file.write("]}\n")


@dataclasses.dataclass
class Measured:
    """Figures of all processes of the worker together.

    Attributes:
        cpu_s: CPU time, without the start of the processes.
        peak_rss_mib: largest resident set of a process.
        first_extraction_s: from the start of the ingest to the end of the first extraction.
        wall_s: from the start of the ingest to its result.
    """

    cpu_s: float = 0.0
    peak_rss_mib: float = 0.0
    first_extraction_s: float | None = None
    wall_s: float = 0.0


class Run:
    """One ingest of an export."""

    def __init__(self, client: Client, url: str, export: Path) -> None:
        self._client = client
        self._js = client.jetstream()
        self._url = url
        self._export = export
        self.measured = Measured()
        self.new: dict[str, set[str]] = {}
        self.alive = asyncio.Event()
        self.result: dict[str, Any] | None = None
        self._task_id = new_task_id()
        self._started = 0.0

    async def run(self, count: int, *, kill: bool) -> None:
        """Ingest; kill the worker after half of the messages."""
        await self._client.subscribe("websocket.*", cb=self._on_event, pending_bytes_limit=1 << 30)
        worker = await self._start()
        self._started = time.monotonic()
        arguments = json.dumps([str(self._export)]).encode()
        payload, headers = encode_task(self._task_id, "ingest_messages", args=arguments)
        await self._js.publish(TASK_SUBJECT, payload, headers=headers)
        while self.result is None:
            if time.monotonic() - self._started > _TIMEOUT_S:
                raise RuntimeError("the ingest does not end")
            await worker.measure()
            if kill and await self.stored("pulse_stages", "scored.>") >= count // 2:
                kill = False
                worker.process.kill()
                worker.process.wait()
                self._add(worker)
                worker = await self._start()
            await asyncio.sleep(_SAMPLE_INTERVAL_S)
        self.measured.wall_s = time.monotonic() - self._started
        await worker.measure()
        self._add(worker)
        worker.process.terminate()
        worker.process.wait()

    def _add(self, worker: "Worker") -> None:
        self.measured.cpu_s += worker.cpu_s - worker.cpu_at_start
        self.measured.peak_rss_mib = max(self.measured.peak_rss_mib, worker.peak_rss_mib)

    async def _start(self) -> "Worker":
        self.alive.clear()
        worker = Worker(self._url, self._export.parent)
        async with asyncio.timeout(60):
            await self.alive.wait()
        await worker.measure()
        worker.cpu_at_start = worker.cpu_s
        return worker

    async def _on_event(self, message: Msg) -> None:
        if b'"worker.heartbeat"' in message.data:
            self.alive.set()
            return
        event = json.loads(message.data)
        match event["type"]:
            case "message.new":
                self.new.setdefault(event["data"]["id"], set()).add(event["id"])
            case "knowledge.extraction_completed":
                if self.measured.first_extraction_s is None:
                    self.measured.first_extraction_s = time.monotonic() - self._started
            case "task.succeeded" | "task.failed" if event["data"]["task_id"] == self._task_id:
                if not event["data"].get("will_retry"):
                    self.result = event["data"]
                    if event["type"] == "task.failed":
                        print(f"the ingest failed: {event['data'].get('error')}")

    async def stored(self, bucket: str, keys: str) -> int:
        """Count the keys of a bucket that match."""
        info = await self._js.add_consumer(
            f"KV_{bucket}",
            filter_subject=f"$KV.{bucket}.{keys}",
            ack_policy="none",
            inactive_threshold=5.0,
            mem_storage=True,
        )
        await self._js.delete_consumer(f"KV_{bucket}", info.name)
        return info.num_pending or 0

    async def size_mib(self, bucket: str) -> float:
        """Return the size of a bucket in MiB."""
        info = await self._js.stream_info(f"KV_{bucket}")
        return info.state.bytes / (1 << 20)


class Worker:
    """A worker process, and what it has used so far.

    Attributes:
        process: the process.
        cpu_s: CPU time in all.
        cpu_at_start: CPU time until its first heartbeat.
        peak_rss_mib: largest resident set so far.
    """

    def __init__(self, url: str, folder: Path) -> None:
        environment = {
            **os.environ,
            "PULSE_CONFIG": os.devnull,
            "PULSE_SERVER": url,
            "PULSE_CHAT_FOLDERS": str(folder),
        }
        with (folder / "worker.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pulse_workers", "run"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._process = psutil.Process(self.process.pid)
        self.cpu_s = self.cpu_at_start = self.peak_rss_mib = 0.0

    async def measure(self) -> None:
        """Read CPU time and memory.

        Raises:
            RuntimeError: the worker has ended.
        """
        if self.process.poll() is not None:
            raise RuntimeError("the worker has ended")
        times = self._process.cpu_times()
        self.cpu_s = times.user + times.system
        rss = self._process.memory_info().rss / (1 << 20)
        self.peak_rss_mib = max(self.peak_rss_mib, rss)


async def measure(url: str, export: Path, count: int, *, kill: bool) -> bool:
    """Ingest an export, print the figures, and return whether all targets are met."""
    client = Client()
    await client.connect(url)
    run = Run(client, url, export)
    try:
        await run.run(count, kill=kill)
        measured = run.measured
        stages = {stage: await run.stored("pulse_stages", f"{stage}.>") for stage in _STAGES}
        stored = {
            "messages": await run.stored("pulse_messages", ">"),
            "scores": await run.stored("pulse_scores", ">"),
            **stages,
        }
        doubled = sum(len(ids) > 1 for ids in run.new.values())
        sizes = {
            name: round(await run.size_mib(f"pulse_{name}"))
            for name in ("messages", "scores", "stages", "embeddings", "knowledge")
        }
        topics = await run.stored("pulse_knowledge", "topic.*")
        members = await run.stored("pulse_knowledge", "member.>")
        atoms = await run.stored("pulse_knowledge", "atom.*")
    finally:
        await client.close()
    per_message = measured.cpu_s / count * 1000
    first = measured.first_extraction_s or float("inf")
    print(f"{count:,} messages in {measured.wall_s:.0f} s, load average {os.getloadavg()[0]:.1f}")
    print(f"CPU of the worker {per_message:.2f} ms a message, extraction included")
    print(f"peak RSS {measured.peak_rss_mib:.0f} MiB; first extraction after {first:.1f} s")
    print(f"stored: {stored}; announced as new {len(run.new):,}, of these twice {doubled:,}")
    print(f"topics {topics:,}, members {members:,}, atoms {atoms:,}; MiB of the buckets: {sizes}")
    targets = {
        f"at most {TARGET_MS:g} ms a message": per_message <= TARGET_MS,
        f"peak RSS under {TARGET_RSS_MIB} MiB": measured.peak_rss_mib < TARGET_RSS_MIB,
        f"first extraction within {TARGET_FIRST_EXTRACTION_S:g} s": first
        <= TARGET_FIRST_EXTRACTION_S,
        "nothing lost": set(stored.values()) == {count} and len(run.new) == count,
        "nothing announced twice": not doubled,
    }
    for target, is_met in targets.items():
        print(f"{'met   ' if is_met else 'MISSED'}  {target}")
    return all(targets.values())


def main() -> int:
    """Measure, and return 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--no-kill", action="store_true", help="let the worker run through")
    options = parser.parse_args()
    with Server() as server, tempfile.TemporaryDirectory(prefix="pulse-bench-") as folder:
        export = Path(folder) / "result.json"
        write_chat(export, options.messages)
        is_met = asyncio.run(
            measure(server.url, export, options.messages, kill=not options.no_kill)
        )
        if not is_met:
            print((Path(folder) / "worker.log").read_text(encoding="utf-8")[-4000:])
    return 0 if is_met else 1


if __name__ == "__main__":
    raise SystemExit(main())
