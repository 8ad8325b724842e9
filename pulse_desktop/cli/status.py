"""Commands that look at the whole: status, tail, runs."""

import asyncio
import contextlib
import re
import shutil
import sys
import time
from argparse import Namespace
from typing import Any, Final

from pulse_desktop.cli.connect import CATCH_UP_S, connected_session
from pulse_desktop.cli.exit_codes import OK
from pulse_desktop.cli.output import (
    to_json,
    write_json,
    write_note,
    write_table,
    write_text,
)
from pulse_desktop.model.errors import NoJetStreamError, NotFoundError, UserFacingError
from pulse_desktop.protocol.event import Event
from pulse_desktop.protocol.timestamps import format_timestamp
from pulse_desktop.protocol.topics import TOPICS
from pulse_desktop.session.server_poller import count_consumers
from pulse_desktop.session.session import HISTORY_S, Session
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.serialize import event_to_dict, run_to_dict
from pulse_desktop.state.system import TASK_TOPIC
from pulse_desktop.text import formats

POLL_S: Final = 3.0
LINE_WIDTH: Final = 160
"""Characters of a line where there is no terminal to ask."""


async def status(arguments: Namespace) -> int:
    """Say how the system is, once."""
    async with connected_session(arguments, stored_results=0) as monitor:
        await monitor.caught_up(CATCH_UP_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(POLL_S):
                await monitor.until(lambda: monitor.queue_status is not None)
        told = _status(monitor)
        told["results"], unknown = await _results(monitor)
        problem = monitor.queue_status.problem if monitor.queue_status else "no answer"
        version = monitor.connection.status.server_version
    if arguments.json:
        write_json(told)
        return OK
    queue, results, now = told["queue"], told["results"], time.time()
    write_text(f"connected to {told['server']}, NATS {version}")
    write_text(f"events, last {formats.age(HISTORY_S)} as far as they are kept:")
    for name, topic in monitor.state.topics.by_name.items():
        last = formats.ago(topic.last_at, now) or "never"
        write_text(f"  {name:<12} {formats.count(topic.received):>9}  last {last}")
    write_text(
        f"queue:   {queue['mode']}, {_or_unknown(queue['pending'])} pending, "
        f"{_or_unknown(queue['ack_pending'])} being worked on, "
        f"{_or_unknown(queue['listeners'])} listening{f' ({problem})' if problem else ''}"
    )
    workers = [f"{w['worker']} ({w['busy']}/{w['slots']} busy)" for w in told["workers"]]
    write_text(f"workers: {', '.join(workers) or 'none heard of'}")
    write_text(f"results: {_results_words(results, unknown)}")
    return OK


def _status(monitor: Session) -> dict[str, Any]:
    now = time.time()
    topics = monitor.state.topics.by_name
    queue = monitor.queue_status
    alive = monitor.state.workers.online(now)
    return {
        "connected": monitor.connection.connected,
        "server": monitor.connection.status.server,
        "topics": {
            name: {"received": topic.received, "last": _time(topic.last_at)}
            for name, topic in topics.items()
            if name in TOPICS or topic.received
        },
        "queue": {
            "mode": queue.mode if queue else "unknown",
            "pending": queue.pending if queue else None,
            "ack_pending": queue.ack_pending if queue else None,
            "listeners": count_consumers(queue, len(alive)),
        },
        "workers": [
            {
                "worker": worker.id,
                "health": str(worker.health(now)),
                "slots": worker.slots,
                "busy": worker.busy,
                "seen_at": format_timestamp(worker.last_seen),
            }
            for worker in alive
        ],
    }


async def _results(monitor: Session) -> tuple[dict[str, Any], str]:
    """Return what the bucket holds, and why that is not known; the figures are None then."""
    told: dict[str, Any] = {"bucket": monitor.results_bucket}
    try:
        bucket = await monitor.results.status()
    except (NotFoundError, NoJetStreamError):
        return {**told, "count": 0, "bytes": 0, "ttl_s": None, "progress_notes": 0}, ""
    except UserFacingError as error:
        unknown = dict.fromkeys(("count", "bytes", "ttl_s", "progress_notes"))
        return {**told, **unknown}, error.detail or error.title
    figures = {"count": bucket.objects, "bytes": bucket.bytes, "ttl_s": bucket.ttl_s}
    return {**told, **figures, "progress_notes": bucket.notes}, ""


def _results_words(results: dict[str, Any], unknown: str) -> str:
    if unknown:
        return f"not known: {unknown}"
    if not (results["count"] or results["bytes"]):
        return f"none in {results['bucket']}"
    kept = "without expiry" if results["ttl_s"] is None else _kept(results["ttl_s"])
    held = f"{formats.count(results['count'])} in {results['bucket']}"
    if results["progress_notes"]:
        held += f", {formats.plural(results['progress_notes'], 'progress note')}"
    return f"{held}, {formats.size(results['bytes'])}, {kept}"


async def tail(arguments: Namespace) -> int:
    """Print events as they come, after those of the given time span."""
    history_s = arguments.since or 0.0
    backlog = {} if arguments.since else {"backlog": 0}
    async with connected_session(
        arguments, history_s=history_s, stored_results=0, **backlog
    ) as monitor:
        printing = asyncio.ensure_future(_print_events(monitor, arguments))
        noting = asyncio.ensure_future(_note_missing_history(monitor, arguments))
        try:
            await asyncio.wait((printing,), timeout=arguments.for_s)
            if not printing.done() and arguments.since:
                # However short the time: what is stored was asked for as well.
                await monitor.caught_up(CATCH_UP_S)
                await noting
                await asyncio.sleep(0)
            if printing.done():
                printing.result()
        finally:
            printing.cancel()
            noting.cancel()
            await asyncio.gather(printing, noting, return_exceptions=True)
    return OK


async def _note_missing_history(monitor: Session, arguments: Namespace) -> None:
    """Say so when events of the past were asked for and nobody keeps any."""
    if not arguments.since:
        return
    wanted = frozenset(arguments.topics)
    feeds = {
        "events": monitor.event_feed if wanted != {TASK_TOPIC} else None,
        "tasks": monitor.task_feed if TASK_TOPIC in wanted else None,
    }
    for what, feed in feeds.items():
        if feed is not None and await feed.caught_up(CATCH_UP_S) and feed.status.mode != "history":
            why = f" ({feed.status.problem})" if feed.status.problem else ""
            write_note(f"No stream keeps {what} here{why}: only new ones are shown.")


async def _print_events(monitor: Session, arguments: Namespace) -> None:
    """Print until as many are printed as were asked for."""
    oldest = time.time() - (arguments.since or 0.0)
    wanted = frozenset(arguments.topics)
    left = arguments.count
    log = monitor.state.log
    position = log.start
    unknown = wanted - {*TOPICS, TASK_TOPIC}
    if unknown:
        write_note(f"Waiting for {', '.join(sorted(unknown))}: none of {', '.join(TOPICS)}.")
    while True:
        await monitor.until(lambda: log.stop > position)  # noqa: B023 - asked at once
        start, position = max(position, log.start), log.stop
        for event in log.span(start, position):
            if event.received_at < oldest or not _is_wanted(event, wanted):
                continue
            if arguments.json:
                write_json(event_to_dict(event))
            else:
                write_text(_line_of(event))
            if left is not None:
                left -= 1
                if not left:
                    return


def _is_wanted(event: Event, wanted: frozenset[str]) -> bool:
    return event.topic in wanted if wanted else event.topic != TASK_TOPIC


def _line_of(event: Event) -> str:
    """Write an event in one line, as much of its data as there is room for."""
    told = event_to_dict(event)
    if event.problem:
        what, rest = "unreadable", f"{event.problem}: {told['raw']}"
    else:
        what, rest = told["type"] or "-", to_json(told["data"])
    when = formats.clock_ms(event.timestamp)
    if time.time() - event.timestamp > 43_200:
        when = formats.absolute(event.timestamp)
    width = LINE_WIDTH
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
    return formats.elided(f"{when}  {event.topic:<11} {what:<28} {rest}", max(width, 80))


async def runs(arguments: Namespace) -> int:
    """List task runs, the latest first."""
    # A run that was queued earlier and ended within the span has its beginning before it.
    history_s = max(arguments.since, HISTORY_S)
    async with connected_session(arguments, history_s=history_s) as monitor:
        complete = await monitor.caught_up(CATCH_UP_S)
        now = time.time()
        monitor.state.tick(now)
        found = [
            run
            for run in monitor.state.runs.rows
            if (not arguments.state or run.state in arguments.state)
            and _latest_moment(run) >= now - arguments.since
        ]
    if not complete:
        write_note(
            f"History took longer than {CATCH_UP_S:g} s to read: some runs may be missing, and "
            "those whose result was not read are shown as answered."
        )
    found.sort(key=_begin, reverse=True)
    more = len(found) - arguments.limit
    found = found[: arguments.limit]
    if arguments.json:
        for run in found:
            write_json(run_to_dict(run))
        return OK
    if not found:
        state = " or ".join(arguments.state or ())
        write_text(f"No {state + ' ' if state else ''}runs in {_span(arguments.since)}.")
        return OK
    headings = ("STATE", "TASK", "QUEUED", "WAITED", "RAN", "ID")
    write_table([_cells(run, now) for run in found], headings)
    if more > 0:
        write_note(f"and {formats.plural(more, 'older run')}: --limit shows more.")
    return OK


def _begin(run: TaskRun) -> float:
    return run.queued_at or run.started_at or run.last_seen


def _latest_moment(run: TaskRun) -> float:
    return max(_begin(run), run.started_at or 0.0, run.finished_at or 0.0)


def _cells(run: TaskRun, now: float) -> tuple[str, ...]:
    return (
        str(run.state),
        run.name or "unknown task",
        formats.clock(run.queued_at, now) or "-",
        formats.duration(run.wait_s) or "-",
        formats.duration(run.run_s) or "-",
        run.task_id,
    )


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else format_timestamp(seconds)


def _or_unknown(value: int | None) -> str:
    return "unknown" if value is None else formats.count(value)


def _span(seconds: float) -> str:
    """Write a span as it was asked for: `1 d`, and not `1 d 0 h`."""
    return f"the last {re.sub(' 0+ [a-z]+$', '', formats.duration(seconds))}"


def _kept(seconds: float) -> str:
    return f"each kept for {formats.age(seconds)}"
