"""Measure the commands that list: time to the first line, total time, CPU time and memory.

A real nats-server holds a bucket with many results. Each command runs in its own process, from the
start of the interpreter on; the first line is on stderr where a command says there why it waits.
"""

import argparse
import asyncio
import base64
import hashlib
import json
import os
import selectors
import subprocess
import sys
import time
from typing import Any, Final

from nats.aio.client import Client

from benchmarks.server import Server

BUCKET: Final = "taskiq_results"
BODY: Final = json.dumps(
    {
        "is_err": False,
        "log": None,
        "return_value": 42,
        "execution_time": 0.01,
        "labels": {"task_name": "score_message_task"},
        "error": None,
    }
).encode()
_FLUSH_EVERY: Final = 500
_FLUSH_TIMEOUT_S: Final = 60


def main() -> int:
    """Measure and print one line per command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    every = str(arguments.results)
    commands = (
        ("results", "list"),
        ("results", "list", "--limit", every),
        ("results", "list", "--limit", every, "--json"),
        ("runs",),
        ("runs", "--limit", every),
        ("workers",),
        ("status",),
        ("show", f"{0:032x}"),
    )
    with Server() as server:
        asyncio.run(_fill(server.url, arguments.results))
        print(f"{arguments.results:,} results, load average {os.getloadavg()[0]:.1f}")
        print(f"{'command':40} first line  all lines  CPU    peak RSS  lines")
        for command in commands:
            rounds = [_measure(command, server.url) for _ in range(arguments.rounds)]
            best = min(rounds, key=lambda each: float(each["first_s"]))
            print(
                f"{' '.join(command)[:40]:40} {best['first_s']:8.2f} s {best['all_s']:8.2f} s "
                f"{best['cpu_s']:5.2f} s {best['rss_mib']:5.0f} MiB {best['lines']:7,}"
            )
    return 0


async def _fill(url: str, count: int) -> None:
    """Store results as fast as the server takes them."""
    client = Client()
    await client.connect(url)
    await client.jetstream().create_object_store(BUCKET)
    digest = "SHA-256=" + base64.urlsafe_b64encode(hashlib.sha256(BODY).digest()).decode()
    for number in range(count):
        key, nuid = f"{number:032x}", f"BODY{number:018d}"
        meta = {"name": key, "bucket": BUCKET, "nuid": nuid, "size": len(BODY), "chunks": 1}
        subject = f"$O.{BUCKET}.M.{base64.urlsafe_b64encode(key.encode()).decode()}"
        await client.publish(f"$O.{BUCKET}.C.{nuid}", BODY)
        await client.publish(subject, json.dumps({**meta, "digest": digest}).encode())
        if number % _FLUSH_EVERY == 0:
            await client.flush(_FLUSH_TIMEOUT_S)
    await client.jetstream().stream_info(f"OBJ_{BUCKET}")
    await client.close()


def _measure(command: tuple[str, ...], url: str) -> dict[str, Any]:
    environment = {**os.environ, "PULSE_SERVER": url}
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "pulse_desktop", *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    first_s, lines = 0.0, 0
    with process, selectors.DefaultSelector() as selector:
        for stream in (process.stdout, process.stderr):
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map():
            for key, _events in selector.select():
                chunk = os.read(key.fd, 1 << 16)
                if not chunk:
                    selector.unregister(key.fileobj)
                first_s = first_s or time.perf_counter() - start
                lines += chunk.count(b"\n") if key.fileobj is process.stdout else 0
        _pid, _status, usage = os.wait4(process.pid, 0)
        process.returncode = 0
    return {
        "first_s": first_s,
        "all_s": time.perf_counter() - start,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "rss_mib": usage.ru_maxrss / 1024,
        "lines": lines,
    }


if __name__ == "__main__":
    sys.exit(main())
