"""Measure a long history: what commands cost on it, and how fast a session reads it back.

A real nats-server holds a stream with many events. Each command runs in its own process; processor
time counts, because the machine may be shared. With `--other` the same commands of another checkout
are measured alternately. The rate of reading back is compared with that of an ordered consumer of
nats-py whose callback only decodes each event, in the same run.
"""

import argparse
import asyncio
import contextlib
import gc
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any, Final

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg

from benchmarks.publisher import Publisher
from benchmarks.server import Server
from pulse_desktop.cli.connection import GC_THRESHOLD
from pulse_desktop.profiles.profile import server_profile
from pulse_desktop.protocol.topics import EVENT_STREAM, EVENT_STREAM_SUBJECT
from pulse_desktop.session.session import Session
from pulse_desktop.session.session_config import SessionConfig

RATIO: Final = 0.5
"""Minimum rate of reading back, relative to the bare consumer, by time and by processor time."""
RUNS_S: Final = 1.0
"""Most seconds of processor time of `runs`."""
_CHUNK: Final = 4_000
"""Events in flight while the stream is filled: a stream drops what arrives much faster."""


def main() -> int:
    """Measure, print a table, and return 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--other", type=Path, help="another checkout to compare with")
    parser.add_argument(
        "--other-python", default=sys.executable, help="interpreter for it (default: this one)"
    )
    arguments = parser.parse_args()
    with Server() as server, tempfile.TemporaryDirectory() as cache:
        ids = asyncio.run(_fill(server.url, arguments.events))
        load = os.getloadavg()[0]
        print(f"{arguments.events:,} events in a stream, load average {load:.1f}")
        commands = (
            ("runs",),
            ("runs", "--since", "10s"),
            ("runs", "--limit", "100000"),
            ("show", ids[-1]),
            ("show", ids[0]),
            ("status",),
        )
        own = _Checkout(Path(__file__).parents[1], sys.executable, server.url, cache)
        other = None
        if arguments.other is not None:
            other = _Checkout(arguments.other, arguments.other_python, server.url, cache)
        met = _measure_commands(commands, own, other, arguments.rounds)
        return 0 if _measure_reading(server.url, arguments.rounds) and met else 1


async def _fill(url: str, count: int) -> list[str]:
    """Store events, and return the ids of the first and the last run that was queued."""
    client = Client()
    await client.connect(url)
    js = client.jetstream()
    await js.add_stream(name=EVENT_STREAM, subjects=[EVENT_STREAM_SUBJECT])
    publisher = Publisher(url)
    while publisher.sent < count:
        publisher.send(min(_CHUNK, count - publisher.sent))
        stored = -1
        while stored < publisher.sent:
            stored = (await js.stream_info(EVENT_STREAM)).state.last_seq
    publisher.finish()
    ids = [await _queued(js, sequence, step) for sequence, step in ((1, 1), (count, -1))]
    await client.close()
    return ids


async def _queued(js: Any, sequence: int, step: int) -> str:
    """Return the id of the run of the first `task.queued` from a sequence on."""
    while True:
        event = msgspec.json.decode((await js.get_msg(EVENT_STREAM, sequence)).data)
        if event["type"] == "task.queued":
            return str(event["data"]["task_id"])
        sequence += step


class _Checkout:
    """A version of the program."""

    def __init__(self, root: Path, python: str, url: str, cache: str) -> None:
        self._command = [python, "-m", "pulse_desktop"]
        self._root = root
        self._environment = {
            **{key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"},
            "PYTHONPATH": os.pathsep.join((str(root), str(root / "workers"))),
            "PYTHONPYCACHEPREFIX": f"{cache}/{root.name}",  # an installed program is compiled
            "PULSE_SERVER": url,
        }

    def run(self, command: tuple[str, ...]) -> tuple[float, float, int]:
        """Run a command; return processor time and time in seconds, and lines of output."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.perf_counter()
        done = subprocess.run(
            [*self._command, *command],
            cwd=self._root,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        wall = time.perf_counter() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return cpu, wall, done.stdout.count(b"\n")


def _measure_commands(
    commands: tuple[tuple[str, ...], ...], own: _Checkout, other: _Checkout | None, rounds: int
) -> bool:
    """Print a line per command; return whether `runs` met its target."""
    print(f"{'command':26} {'CPU':>7} {'time':>8} {'lines':>8}   {'other: CPU, time, lines':>24}")
    met = True
    for command in commands:
        figures = [
            (own.run(command), other.run(command) if other is not None else None)
            for _round in range(rounds + 1)  # the first one compiles
        ]
        mine = [each for each, _theirs in figures[1:]]
        theirs = [each for _mine, each in figures[1:] if each is not None]
        line = f"{' '.join(command)[:26]:26} {_figures(mine)}"
        print(f"{line}   {_figures(theirs)}" if theirs else line)
        if command == ("runs",):
            met = median(cpu for cpu, _wall, _lines in mine) <= RUNS_S
    print(f"{'met   ' if met else 'MISSED'}  runs: at most {RUNS_S:g} s of processor time")
    return met


def _figures(rounds: list[tuple[float, float, int]]) -> str:
    cpu, wall, lines = (median(each) for each in zip(*rounds, strict=True))
    return f"{cpu:5.2f} s {wall:6.2f} s {lines:8,.0f}"


def _measure_reading(url: str, rounds: int) -> bool:
    """Print the rates of reading back and of the bare consumer; return whether it is enough."""
    by_time, by_cpu = [], []
    print(f"{'reading':26} {'per second':>12} {'per CPU second':>15}")
    for _round in range(rounds):
        bare = asyncio.run(_measured(_read_bare(url)))
        back = asyncio.run(_measured(_read_back(url)))
        for name, (per_s, per_cpu_s) in (("bare ordered consumer", bare), ("read back", back)):
            print(f"{name:26} {per_s:12,.0f} {per_cpu_s:15,.0f}")
        by_time.append(back[0] / bare[0])
        by_cpu.append(back[1] / bare[1])
    ratio, per_cpu = median(by_time), median(by_cpu)
    met = min(ratio, per_cpu) >= RATIO
    print(
        f"{'met   ' if met else 'MISSED'}  reading back: {ratio:.2f} of the bare consumer's, "
        f"{per_cpu:.2f} per CPU second; each at least {RATIO:g}"
    )
    return met


async def _measured(work: Any) -> tuple[float, float]:
    """Return the messages per second and per second of processor time, from the first one on."""
    count, start, cpu = await work
    return count / (time.perf_counter() - start), count / (time.process_time() - cpu)


async def _read_bare(url: str) -> tuple[int, float, float]:
    """Read and decode a stream with nats-py's ordered consumer."""
    client = Client()
    await client.connect(url)
    js = client.jetstream()
    total = (await js.stream_info(EVENT_STREAM)).state.messages
    decode, done, count = msgspec.json.Decoder().decode, asyncio.Event(), 0

    async def on_message(msg: Msg) -> None:
        nonlocal count
        decode(msg.data)
        count += 1
        if count == total:
            done.set()

    start, cpu = time.perf_counter(), time.process_time()
    await js.subscribe(
        EVENT_STREAM_SUBJECT, stream=EVENT_STREAM, ordered_consumer=True, cb=on_message
    )
    await done.wait()
    figures = count, start, cpu
    with contextlib.suppress(Exception):
        await asyncio.wait_for(client.close(), 1)
    return figures


async def _read_back(url: str) -> tuple[int, float, float]:
    """Let a session read and fold what is older than the newest part."""
    gc.freeze()  # as the commands do
    gc.set_threshold(GC_THRESHOLD)
    session = Session(SessionConfig(server_profile(url), reads_back=False))
    try:
        await session.connection.open()
        session.start_connection()
        session.start_feeds()
        session.start_pump()
        await session.wait_history(60)
        read = session.history_extent.read
        start, cpu = time.perf_counter(), time.process_time()
        while await session.backfill.widen(50_000):
            pass
        return session.history_extent.read - read, start, cpu
    finally:
        await session.close()


if __name__ == "__main__":
    sys.exit(main())
