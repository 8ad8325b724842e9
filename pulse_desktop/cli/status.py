"""`pulse-desktop status`: topics, queue, workers and results of the server, once."""

import contextlib
from argparse import Namespace
from typing import TYPE_CHECKING, Any, Final

from pulse_desktop.cli.connection import DAY_S, catch_up, connected_session, note_missing
from pulse_desktop.cli.exit_codes import FAILED, OK
from pulse_desktop.cli.history_notes import looked_at
from pulse_desktop.cli.output import write_json, write_note, write_text
from pulse_desktop.cli.parser import Subparsers, add_command
from pulse_desktop.cli.topic_counts import TopicCounts, read_topics
from pulse_desktop.cli.worker_discovery import read_heartbeats
from pulse_desktop.model.errors import NoJetStreamError, NotFoundError, UserFacingError
from pulse_desktop.model.history_extent import NEWEST_MESSAGES
from pulse_desktop.protocol.timestamps import format_timestamp
from pulse_desktop.protocol.topics import TOPICS
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _, ngettext

if TYPE_CHECKING:
    from pulse_desktop.session.session import Session

QUEUE_TIMEOUT_S: Final = 3.0
_UNKNOWN_FIGURES: Final = dict.fromkeys(("count", "bytes", "ttl_s", "progress_notes"))


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    add_command(
        subparsers,
        "status",
        run,
        summary=_("show the server's topics, queue, workers and results"),
        description=_(
            "Show once: the events of the last day per topic (as far as they are retained), "
            "the task queue, the workers that are online, and the stored results."
        ),
        examples=(
            ("pulse-desktop status", ""),
            ("pulse-desktop status --json | jq .queue.pending", ""),
        ),
    )


async def run(arguments: Namespace) -> int:
    """Show the status of the server."""
    import asyncio

    from pulse_desktop.text.profile_text import named_with_environment

    async with connected_session(
        arguments, history_s=DAY_S, newest=NEWEST_MESSAGES, stored_results=0
    ) as session:
        missing = await catch_up(session)
        await read_heartbeats(session)
        topics = await read_topics(session, DAY_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(QUEUE_TIMEOUT_S):
                await session.waiter.wait_for(lambda: session.tasks.queue_status is not None)
        status = _status(session, topics)
        status["results"], results_problem = await _results(session)
        queue_problem = (
            session.tasks.queue_status.problem if session.tasks.queue_status else _("no reply")
        )
        if queue_problem:
            missing.append(_("queue: {problem}").format(problem=queue_problem))
        if results_problem and not session.results.watch_status.unreadable:
            missing.append(_("results: {problem}").format(problem=results_problem))
        status["problems"] = missing
        is_known = not session.event_feed.status.unreadable
        looked = looked_at(session)
    problem = _problem_of_embedded_server(session)
    if arguments.json:
        write_json({**status, "embedded_server": {"problem": problem}} if problem else status)
        return FAILED if missing else OK
    version = session.connection.status.server_version
    profile = session.config.profile
    if profile.name and not profile.is_embedded:
        write_text(_("connection: {name}").format(name=named_with_environment(profile)))
    write_text(
        _("connected to {server}, NATS {version}").format(server=status["server"], version=version)
    )
    if problem:
        write_text(_("embedded server not healthy: {problem}").format(problem=problem))
    write_text(_("events of the last {span}, as far as retained:").format(span=formats.age(DAY_S)))
    for line in _topic_lines(topics, session.now(), is_known=is_known):
        write_text(line)
    if looked and not topics.are_complete:
        text = _("Of some topics the events were counted only as far as they were read. {looked}")
        write_note(text.format(looked=looked))
    write_text(_queue_line(status["queue"], queue_problem))
    write_text(_workers_line(status["workers"], is_known=is_known))
    write_text(_results_line(status["results"], results_problem))
    return note_missing(missing)


def _problem_of_embedded_server(session: "Session") -> str:
    """Return why the embedded server is not healthy; empty if it is, or is not the one shown."""
    from pulse_desktop.embedded.stack import running_stack

    stack = running_stack()
    if stack is None or session.config.profile.monitor_url != stack.monitor:
        return ""
    return f"{stack.problem} {stack.advice}".strip()


def _status(session: "Session", topics: TopicCounts) -> dict[str, Any]:
    from pulse_desktop.state.serialize import utc_text

    now = session.now()
    queue = session.tasks.queue_status
    online = session.state.workers.online(now)
    return {
        "connected": session.connection.connected,
        "server": session.connection.status.server,
        "topics": {
            name: {"received": topic.received, "last": utc_text(topic.last_at)}
            for name, topic in topics.by_name.items()
            if name in TOPICS or topic.received
        },
        **({} if topics.are_complete else {"topics_are_complete": False}),
        "queue": {
            "mode": queue.mode if queue else "unknown",
            "pending": queue.pending if queue else None,
            "ack_pending": queue.ack_pending if queue else None,
            "listeners": queue.consumers if queue else len(online) or None,
            **({"paused": queue.paused} if queue and queue.paused else {}),
        },
        "workers": [
            {
                "worker": worker.id,
                "health": str(worker.health(now)),
                "slots": worker.slots,
                "busy": worker.busy,
                "seen_at": format_timestamp(worker.last_seen),
            }
            for worker in online
        ],
    }


async def _results(session: "Session") -> tuple[dict[str, Any], str]:
    """Return the figures of the result bucket. They are None if unknown; then also the reason."""
    results: dict[str, Any] = {"bucket": session.results.bucket}
    try:
        bucket = await session.results.store.status()
    except NotFoundError:
        return {**results, "count": 0, "bytes": 0, "ttl_s": None, "progress_notes": 0}, ""
    except NoJetStreamError as error:  # the normal state of a system that stores nothing
        return {**results, **_UNKNOWN_FIGURES, "problem": f"{error.detail} {error.advice}"}, ""
    except UserFacingError as error:
        return {**results, **_UNKNOWN_FIGURES}, error.detail or error.title
    figures = {"count": bucket.objects, "bytes": bucket.bytes, "ttl_s": bucket.ttl_s}
    results |= {**figures, "progress_notes": bucket.notes}
    return (results if bucket.exact else {**results, "count_is_exact": False}), ""


def _topic_lines(topics: TopicCounts, now: float, *, is_known: bool) -> list[str]:
    """Return a line per topic; `is_known` is whether all stored events were read."""
    lines = []
    for name, topic in topics.by_name.items():
        count = formats.count(topic.received) if is_known or topic.received else "-"
        if topic.last_at is not None:
            last = _("last {time}").format(time=formats.ago(topic.last_at, now))
        else:
            last = _("never") if is_known else _("unknown")
        lines.append(f"  {name:<12} {count:>9}  {last}")
    return lines


def _queue_line(queue: dict[str, Any], problem: str) -> str:
    text = _(
        "queue:   {mode}, {pending} pending, {running} in progress, workers listening: {listeners}"
    )
    line = text.format(
        mode=queue["mode"],
        pending=_count(queue["pending"]),
        running=_count(queue["ack_pending"]),
        listeners=_count(queue["listeners"]),
    )
    if paused := queue.get("paused"):
        line = _("{status}, {count} of them paused").format(
            status=line, count=formats.count(paused)
        )
    return f"{line} ({problem})" if problem else line


def _workers_line(workers: list[dict[str, Any]], *, is_known: bool) -> str:
    if not workers:
        return _("workers: none known") if is_known else _("workers: unknown")
    listed = ", ".join(
        _("{worker} ({busy}/{slots} busy)").format(
            worker=each["worker"], busy=each["busy"], slots=each["slots"]
        )
        for each in workers
    )
    return _("workers: {workers}").format(workers=listed)


def _results_line(results: dict[str, Any], problem: str) -> str:
    if problem := problem or results.get("problem", ""):
        return _("results: unknown: {reason}").format(reason=problem)
    if not (results["count"] or results["bytes"]):
        return _("results: none in {bucket}").format(bucket=results["bucket"])
    text = (
        _("{count} in {bucket}")
        if results.get("count_is_exact", True)
        else _("up to {count} in {bucket}")
    )
    parts = [text.format(count=formats.count(results["count"]), bucket=results["bucket"])]
    if objects := results["progress_notes"]:
        text = ngettext("{count} progress object", "{count} progress objects", objects)
        parts.append(text.format(count=formats.count(objects)))
    parts.append(formats.size(results["bytes"]))
    if results["ttl_s"] is None:
        parts.append(_("never expire"))
    else:
        parts.append(_("expire after {span}").format(span=formats.age(results["ttl_s"])))
    return _("results: {figures}").format(figures=", ".join(parts))


def _count(value: int | None) -> str:
    return _("unknown") if value is None else formats.count(value)
