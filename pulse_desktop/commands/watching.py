"""Commands that look: status, tail, runs, show."""

import asyncio
import contextlib
import time
from argparse import Namespace
from typing import Any

from pulse_desktop.bus.errors import NotFoundError, UserFacingError
from pulse_desktop.commands.session import (
    FAILED,
    OK,
    complain,
    connected_monitor,
    write_json,
    write_table,
    write_text,
)
from pulse_desktop.monitor import Monitor
from pulse_desktop.protocol.timestamps import format_timestamp
from pulse_desktop.protocol.topics import TOPICS
from pulse_desktop.state.descriptions import describe_event, describe_run
from pulse_desktop.state.run import RunState, TaskRun
from pulse_desktop.state.system import TASK_TOPIC

CATCH_UP_S = 15.0
LOOK_S = 3.0


async def status(arguments: Namespace) -> int:
    """Say how the system is, once."""
    async with connected_monitor(arguments) as monitor:
        await monitor.caught_up(CATCH_UP_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                await monitor.until(lambda: monitor.queue_status is not None)
        told = await _status(monitor)
    if arguments.json:
        write_json(told)
        return OK
    queue, results = told["queue"], told["results"]
    write_text(f"connected to {told['server']}")
    for name, topic in told["topics"].items():
        write_text(f"  {name:<12} {topic['received']:>8}  last {topic['last'] or 'never'}")
    write_text(
        f"queue: {queue['mode']}, {_or_unknown(queue['pending'])} pending, "
        f"{_or_unknown(queue['ack_pending'])} being worked on, "
        f"{_or_unknown(queue['listeners'])} listening"
    )
    workers = told["workers"]
    write_text(f"workers: {', '.join(w['worker'] for w in workers) or 'none heard of'}")
    write_text(
        f"results: {results['count']} in {results['bucket']}, {results['bytes']} bytes, "
        + ("no expiry" if results["ttl_s"] is None else f"kept {results['ttl_s']:g} s")
        if results
        else "results: no bucket"
    )
    return OK


async def _status(monitor: Monitor) -> dict[str, Any]:
    now = time.time()
    state = monitor.state
    queue = monitor.queue_status
    try:
        bucket = await monitor.results.status()
    except UserFacingError:
        bucket = None
    alive = state.workers.alive(now)
    return {
        "connected": monitor.connection.connected,
        "server": monitor.connection.status.server,
        "topics": {
            name: {
                "received": state.topics.by_name[name].received,
                "last": _time(state.topics.by_name[name].last_at),
            }
            for name in TOPICS
        },
        "queue": {
            "mode": queue.mode if queue else "unknown",
            "pending": queue.pending if queue else None,
            "ack_pending": queue.ack_pending if queue else None,
            "listeners": max(queue.listeners or 0, len(alive))
            if queue and (queue.listeners is not None or alive)
            else None,
        },
        "workers": [
            {
                "worker": worker.worker,
                "health": str(worker.health(now)),
                "slots": worker.slots,
                "busy": worker.busy,
                "seen_at": format_timestamp(worker.seen_at),
            }
            for worker in alive
        ],
        "results": None
        if bucket is None
        else {
            "bucket": bucket.name,
            "count": bucket.objects,
            "bytes": bucket.bytes,
            "ttl_s": bucket.ttl_s,
        },
    }


async def tail(arguments: Namespace) -> int:
    """Print events as they come, after those of the given time span."""
    begin = time.time()
    history_s = arguments.since or 0.0
    backlog = None if arguments.since else 0
    wanted = frozenset(arguments.topics)
    written = 0
    async with connected_monitor(arguments, history_s=history_s, backlog=backlog) as monitor:
        log = monitor.state.log
        position = log.first
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(arguments.for_s):
                while arguments.count is None or written < arguments.count:
                    await monitor.until(lambda: log.end > position)  # noqa: B023 - read at once
                    for event in log.span(position, log.end):
                        if event.received_at < begin - history_s or (
                            event.topic not in wanted if wanted else event.topic == TASK_TOPIC
                        ):
                            continue
                        described = describe_event(event)
                        if arguments.json:
                            write_json(described)
                        else:
                            what = described["type"] or f"unreadable: {event.problem}"
                            write_text(f"{described['timestamp']}  {event.topic:<11} {what}")
                        written += 1
                        if written == arguments.count:
                            break
                    position = log.end
    # With a number asked for, less than that is not what was asked for.
    return OK if arguments.count is None or written >= arguments.count else FAILED


async def runs(arguments: Namespace) -> int:
    """List task runs, the latest first."""
    async with connected_monitor(arguments, history_s=arguments.since) as monitor:
        await monitor.caught_up(CATCH_UP_S)
        now = time.time()
        monitor.state.sweep(now)
        found = [
            run
            for run in monitor.state.runs.rows
            if (not arguments.state or run.state in arguments.state)
            and _moment(run) >= now - arguments.since
        ]
    found.sort(key=_moment, reverse=True)
    found = found[: arguments.limit]
    if arguments.json:
        for run in found:
            write_json(describe_run(run))
    else:
        write_table([_cells(run) for run in found], ("STATE", "TASK", "QUEUED", "RAN", "ID"))
    return OK


async def show(arguments: Namespace) -> int:
    """Tell all that is known of one run."""
    async with connected_monitor(arguments) as monitor:
        await monitor.caught_up(CATCH_UP_S)
        run = monitor.state.runs.get(arguments.task_id)
        if run is None:
            complain(
                NotFoundError(
                    "No such run",
                    f"Nothing is known of task id {arguments.task_id}.",
                    "`pulse-desktop runs` lists the runs that are known.",
                )
            )
            return FAILED
        described = {**describe_run(run), "result": await described_result(monitor, run)}
        events = [describe_event(event) for event in monitor.state.events_of(run.task_id)]
    if arguments.json:
        write_json({**described, "events": events})
        return OK
    for name, value in described.items():
        if value is not None:
            write_text(f"{name:<12} {value}")
    for event in events:
        write_text(f"  {event['timestamp']}  {event['topic']:<11} {event['type'] or 'unreadable'}")
    return OK


async def described_result(monitor: Monitor, run: TaskRun) -> dict[str, Any] | None:
    """Return what a run's stored result says, None when there is none."""
    if run.answer is None:
        return None
    try:
        _, result = await monitor.read_result(run.task_id)
    except UserFacingError as error:
        return {"problem": error.detail or error.title}
    if isinstance(result, str):
        return {"problem": result}
    return {
        "return_value": result.return_value,
        "is_err": result.is_err,
        "outcome": result.outcome,
        "format": result.format,
        "execution_time": result.execution_time,
    }


def _moment(run: TaskRun) -> float:
    return run.queued_at or run.started_at or run.heard_at


def _cells(run: TaskRun) -> tuple[str, ...]:
    seconds = run.run_s
    return (
        str(run.state),
        run.name or "unknown task",
        _time(run.queued_at) or "-",
        "-" if seconds is None else f"{seconds:.2f} s",
        run.task_id,
    )


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else format_timestamp(seconds)


def _or_unknown(value: int | None) -> str:
    return "unknown" if value is None else str(value)


STATES = tuple(str(state) for state in RunState)
