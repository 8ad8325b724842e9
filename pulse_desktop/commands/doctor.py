"""`pulse-desktop doctor`: each thing a newcomer trips over, checked, with what to do about it."""

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, dataclass
from typing import Final, Literal

from pulse_desktop.bus.errors import CannotConnectError, UserFacingError
from pulse_desktop.commands.session import (
    CANNOT_CONNECT,
    FAILED,
    OK,
    chosen_server,
    connected_monitor,
    write_json,
    write_text,
)
from pulse_desktop.local.nats_server import find_nats_server
from pulse_desktop.local.paths import data_folder
from pulse_desktop.monitor import Monitor
from pulse_desktop.protocol.addresses import mask_address
from pulse_desktop.protocol.topics import EVENT_STREAM, TOPICS

_ENOUGH_DISK: Final = 1 << 30
_SIGNS: Final = {"ok": "✔", "note": "!", "bad": "✖"}


@dataclass(frozen=True)
class Finding:
    """One thing that was checked.

    Attributes:
        check: what.
        status: "ok", "note" (works, but you should know) or "bad".
        detail: what was found.
        advice: what to do, empty when nothing is needed.
    """

    check: str
    status: Literal["ok", "note", "bad"]
    detail: str
    advice: str = ""


async def doctor(arguments: Namespace) -> int:
    """Check the machine, then the server."""
    worst = OK
    for finding in _of_machine():
        worst = max(worst, _tell(finding, arguments))
    try:
        async for finding in _of_server(arguments):
            worst = max(worst, _tell(finding, arguments))
    except CannotConnectError as error:
        _tell(Finding("server", "bad", f"{error.title}. {error.detail}", error.advice), arguments)
        return CANNOT_CONNECT
    return worst


def _tell(finding: Finding, arguments: Namespace) -> int:
    if arguments.json:
        write_json(asdict(finding))
    else:
        write_text(f"{_SIGNS[finding.status]} {finding.check}: {finding.detail}")
        if finding.advice:
            write_text(f"    {finding.advice}")
    return FAILED if finding.status == "bad" else OK


def _of_machine() -> Iterator[Finding]:
    yield Finding("Python", "ok", ".".join(map(str, sys.version_info[:3])))
    yield _qt()
    yield _display()
    try:
        yield Finding("nats-server", "ok", f"found: {find_nats_server().name}")
    except UserFacingError as error:
        yield Finding("nats-server", "note", error.detail, error.advice)
    yield _disk()


def _qt() -> Finding:
    """Load Qt in a process of its own: a missing library must not end the examination."""
    code = "import PySide6.QtWidgets, PySide6.QtNetwork; print(PySide6.__version__)"
    result = subprocess.run(  # noqa: S603 - our own interpreter, our own words
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    if result.returncode == 0:
        return Finding("Qt", "ok", f"PySide6 {result.stdout.strip()}")
    last = (result.stderr.strip().splitlines() or ["it does not start"])[-1]
    advice = "Run `make setup`, which installs what Qt needs, or see docs/install-from-source.md."
    if "No module named 'PySide6'" in last:
        return Finding("Qt", "note", "not installed: commands work, the window does not", advice)
    return Finding("Qt", "bad", last, advice)


def _display() -> Finding:
    if not sys.platform.startswith("linux"):
        return Finding("display", "ok", "the desktop's own")
    name = os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY")
    if name:
        return Finding("display", "ok", name)
    return Finding(
        "display",
        "note",
        "none: the window cannot be shown here",
        "Every command works without one; `pulse-desktop screenshot` draws pages into files.",
    )


def _disk() -> Finding:
    folder = data_folder().root
    place = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(place).free
    if not os.access(place, os.W_OK):
        return Finding(
            "data folder",
            "bad",
            f"{folder} cannot be written",
            "Give yourself the right to write there, or name another with PULSE_DATA_DIR.",
        )
    if free < _ENOUGH_DISK:
        return Finding(
            "data folder",
            "note",
            f"{folder}: {free >> 20} MiB free",
            "The embedded server may need 1 GiB: make room, or set PULSE_DATA_DIR.",
        )
    return Finding("data folder", "ok", f"{folder}: {free >> 30} GiB free")


async def _of_server(arguments: Namespace) -> AsyncIterator[Finding]:
    server, _ = chosen_server(arguments)
    async with connected_monitor(arguments) as monitor:
        status = monitor.connection.status
        yield Finding("server", "ok", f"{mask_address(server)}, NATS {status.server_version}")
        if not status.jetstream:
            yield Finding(
                "JetStream",
                "bad" if status.jetstream is False else "note",
                "off for this account: no history, no stored results, no durable queue",
                "Start nats-server with -js, or enable JetStream for this account.",
            )
        else:
            yield Finding("JetStream", "ok", "on")
        await monitor.caught_up(10.0)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(3.0):
                await monitor.until(lambda: monitor.queue_status is not None)
        yield _queue(monitor)
        yield await _results(monitor)
        yield _history(monitor)
        yield _topics(monitor)
        for problem in monitor.connection.permission_problems:
            yield Finding(
                "permissions",
                "bad",
                problem,
                "Ask whoever runs the server to allow it for this user.",
            )


def _queue(monitor: Monitor) -> Finding:
    queue = monitor.queue_status
    if queue is None or queue.mode == "unknown":
        reason = queue.problem if queue and queue.problem else "the queue could not be examined"
        return Finding("task queue", "note", reason)
    workers = monitor.state.workers.alive(time.time())
    if queue.listening is False and not workers:
        lost = "tasks wait in the stream" if queue.durable else "a task enqueued now would be lost"
        return Finding(
            "task queue",
            "note",
            f"{queue.mode}, nobody listens: {lost}",
            "Start a worker: `pulse-worker run`, or your own `taskiq worker …`.",
        )
    listening = f"{len(workers)} workers alive" if workers else "somebody listens"
    pending = "" if queue.pending is None else f", {queue.pending} pending"
    return Finding("task queue", "ok", f"{queue.mode}, {listening}{pending}")


async def _results(monitor: Monitor) -> Finding:
    try:
        bucket = await monitor.results.status()
    except UserFacingError as error:
        return Finding("results", "note", error.detail or error.title, error.advice)
    if bucket.ttl_s is None and bucket.max_bytes is None:
        return Finding(
            "results",
            "note",
            f"{bucket.objects} objects in {bucket.name}, without expiry or size limit",
            "It grows for ever: give the bucket a TTL, before the workers create it.",
        )
    return Finding("results", "ok", f"{bucket.objects} objects in {bucket.name}")


def _history(monitor: Monitor) -> Finding:
    feed = monitor.event_feed.status
    if feed.mode == "history":
        return Finding("history", "ok", f"stream {feed.stream}, {feed.replayed} events replayed")
    return Finding(
        "history",
        "note",
        f"no stream over websocket.>: events are seen only while you watch. {feed.problem}".strip(),
        f"`pulse-worker provision` creates one ({EVENT_STREAM}) with limits.",
    )


def _topics(monitor: Monitor) -> Finding:
    silent = [name for name in TOPICS if monitor.state.topics.by_name[name].received == 0]
    if not silent:
        return Finding("topics", "ok", "all seven have been heard of")
    if len(silent) == len(TOPICS):
        return Finding(
            "topics",
            "note",
            "no events at all",
            "Runs and results are shown all the same; events need workers that publish them.",
        )
    return Finding("topics", "note", f"silent so far: {', '.join(silent)}")
