"""Checks of the server for `doctor`: JetStream, task queue, workers, results and history."""

import asyncio
import contextlib
import shlex
from argparse import Namespace
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Final

from pulse_desktop.cli.connection import CATCH_UP_TIMEOUT_S, DAY_S, connected_session
from pulse_desktop.cli.topic_counts import TopicCounts, read_topics
from pulse_desktop.cli.worker_discovery import read_heartbeats
from pulse_desktop.model.check_result import CheckResult
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.model.history_extent import NEWEST_MESSAGES
from pulse_desktop.model.history_plan import HistoryKind
from pulse_desktop.model.queue_status import QueueStatus
from pulse_desktop.protocol.history_stream_names import history_stream
from pulse_desktop.protocol.task_formats import FORMAT_NAMES
from pulse_desktop.protocol.taskiq_names import TaskiqNames
from pulse_desktop.protocol.topics import TOPICS
from pulse_desktop.session.session import Session
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _, ngettext
from pulse_desktop.text.worker_text import clock_advice, clock_offset, own_clock_text
from pulse_desktop.transport.discovery import unmonitored
from pulse_desktop.transport.jetstream_check import check_jetstream, grant_advice

_LISTED_CLOCKS: Final = 5
_QUEUE_TIMEOUT_S: Final = 3.0
_STORED_RESULTS: Final = 200
"""Results that are read to learn how they are serialized."""


async def check_server(arguments: Namespace) -> AsyncIterator[CheckResult]:
    """Check the chosen server and its workers.

    Raises:
        CannotConnectError: with the reason.
    """
    async with connected_session(
        arguments, newest=NEWEST_MESSAGES, stored_results=_STORED_RESULTS
    ) as session:
        status = session.connection.status
        yield CheckResult(
            "server",
            "ok",
            _("{server}, NATS {version}").format(
                server=status.server, version=status.server_version
            ),
        )
        connection = session.connection
        yield check_jetstream(
            status.jetstream, connection.jetstream_error, connection.violations.problems
        )
        await session.wait_caught_up(CATCH_UP_TIMEOUT_S)
        await read_heartbeats(session)
        topics = await read_topics(session, DAY_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_QUEUE_TIMEOUT_S):
                await session.waiter.wait_for(lambda: session.tasks.queue_status is not None)
        online = len(session.state.workers.online(session.now()))
        yield _check_queue(session.tasks.queue_status, online)
        if (result := await _check_names(session)) is not None:
            yield result
        if (result := _check_task_messages(session)) is not None:
            yield result
        yield await _check_results(session)
        yield _check_history(session)
        yield _check_topics(topics)
        yield _check_clocks(session)
        for problem in session.connection.violations.problems:
            yield CheckResult(
                "permissions",
                "problem",
                problem,
                grant_advice(),
            )


def _check_queue(queue: QueueStatus | None, online: int) -> CheckResult:
    """Check the task queue.

    Args:
        queue: its latest status, None before the first.
        online: number of workers known by their heartbeats.
    """
    if queue is None or queue.mode == "unknown":
        reason = queue.problem.rstrip(".") if queue and queue.problem else _("no reply")
        return CheckResult("task queue", "warning", reason)
    if queue.has_consumers is None and not online:
        return CheckResult(
            "task queue",
            "warning",
            _with_pending(
                _("{mode}; unknown whether a worker is listening").format(mode=queue.mode), queue
            ),
            _("Enable the monitoring port of the server: start nats-server with -m 8222."),
        )
    if not queue.has_consumers and not online:
        if queue.durable:
            detail = _("{mode}, no worker is listening: tasks are stored in the stream")
        else:
            detail = _("{mode}, no worker is listening: a task enqueued now would be lost")
        return CheckResult(
            "task queue",
            "warning",
            _with_pending(detail.format(mode=queue.mode), queue),
            _("Start a worker: `pulse-worker run`, or your own `taskiq worker …`."),
        )
    if online:
        text = ngettext("{mode}, {count} worker online", "{mode}, {count} workers online", online)
        detail = text.format(mode=queue.mode, count=formats.count(online))
    else:
        detail = _("{mode}, a worker is listening").format(mode=queue.mode)
    if queue.all_paused:
        return CheckResult(
            "task queue",
            "warning",
            _with_pending(_("{status}, all paused or draining").format(status=detail), queue),
            _("Resume them on the Monitoring page."),
        )
    if queue.mode == "core":
        return CheckResult(
            "task queue",
            "warning",
            _("{status}: tasks enqueued while no worker is listening are lost").format(
                status=detail
            ),
            _("A JetStream broker (PullBasedJetStreamBroker) stores them."),
        )
    return CheckResult("task queue", "ok", _with_pending(detail, queue))


async def _check_names(session: Session) -> CheckResult | None:
    """Look for tasks and results under other names, if there are none under the chosen ones."""
    try:
        found = await session.finder.search()
    except UserFacingError:
        return None  # another check reports that
    names = session.names
    queues, buckets = unmonitored(found, names)
    parts = [
        _("tasks on {subject} in the stream {stream}, consumer {consumer}").format(
            subject=queue.subject, stream=queue.stream, consumer=queue.consumer or _("none")
        )
        for queue in queues
    ] + [_("results in the bucket {bucket}").format(bucket=bucket) for bucket in buckets]
    if not parts:
        return None
    detail = _("under other names: {found}").format(found="; ".join(parts))
    better = session.other_names
    if better is None:
        return CheckResult("names", "ok", detail)
    advice = _("Add {options} to see them.").format(options=name_options(better, names))
    return CheckResult("names", "warning", detail, advice)


def name_options(names: TaskiqNames, instead_of: TaskiqNames) -> str:
    """Return the options that choose these names, quoted for a shell."""
    return " ".join(
        f"--{option.replace('_', '-')} {shlex.quote(value)}"
        for option, value in asdict(names).items()
        if value != getattr(instead_of, option)
    )


def _with_pending(detail: str, queue: QueueStatus) -> str:
    if queue.pending is None:
        return detail
    return _("{status}, {count} pending").format(status=detail, count=formats.count(queue.pending))


def _check_task_messages(session: Session) -> CheckResult | None:
    """Name the formats of the task messages seen, None without any."""
    state = session.state
    names = ", ".join(FORMAT_NAMES.get(name, name) for name in sorted(state.task_formats))
    if state.task_problem:
        return CheckResult(
            "task messages",
            "warning",
            _("{formats}; some cannot be read: {reason}").format(
                formats=names or _("unknown format"), reason=state.task_problem
            ),
            _("`pulse-desktop tail taskiq` shows them."),
        )
    if "pickle" in state.task_formats:
        return CheckResult(
            "task messages",
            "warning",
            _("{formats}: a sender can execute code in workers that unpickle tasks").format(
                formats=names
            ),
            _("Pulse Desktop never unpickles. Set another serializer on the broker."),
        )
    return CheckResult("task messages", "ok", names) if names else None


async def _check_results(session: Session) -> CheckResult:
    try:
        bucket = await session.results.store.status()
    except UserFacingError as error:
        return CheckResult("results", "warning", f"{error.title}: {error.detail}", error.advice)
    objects = bucket.objects or 0
    if bucket.exact:
        stored = ngettext("{count} result in {bucket}", "{count} results in {bucket}", objects)
    else:
        stored = ngettext(
            "up to {count} result in {bucket}", "up to {count} results in {bucket}", objects
        )
    stored = stored.format(count=formats.count(objects), bucket=bucket.name)
    kinds = {row.format for row in session.state.results.rows} & FORMAT_NAMES.keys()
    if kinds - {"json"}:
        stored = _("{status} ({formats})").format(
            status=stored, formats=", ".join(FORMAT_NAMES[kind] for kind in sorted(kinds))
        )
    if bucket.ttl_s is None and bucket.max_bytes is None:
        return CheckResult(
            "results",
            "warning",
            _("{status}, without expiry or size limit: the bucket grows without bound").format(
                status=stored
            ),
            _(
                "Create the bucket with a TTL before the workers do, or set max_age on its stream "
                "OBJ_{bucket}."
            ).format(bucket=bucket.name),
        )
    if any(row.format == "pickle" for row in session.state.results.rows):
        return CheckResult(
            "results",
            "warning",
            _(
                "{status}, pickled: a writer of the bucket can execute code in programs that "
                "unpickle them"
            ).format(status=stored),
            _(
                "Pulse Desktop never unpickles. Set serializer=JSONSerializer() on the result "
                "backend."
            ),
        )
    return CheckResult("results", "ok", stored)


def _check_history(session: Session) -> CheckResult:
    feed, tasks = session.event_feed.status, session.task_feed.status
    if feed.mode == "history" and tasks.missing and not feed.replayed:
        text = _("stream {stream} stores events, and no stream stores tasks")
        return CheckResult(
            "history",
            "warning",
            text.format(stream=feed.stream),
            _("`pulse-desktop provision` makes one ({stream}), limited in age and size.").format(
                stream=history_stream(HistoryKind.TASKS, session.names).name
            ),
        )
    if feed.mode == "history":
        text = ngettext(
            "stream {stream}, {count} event of the last day",
            "stream {stream}, {count} events of the last day",
            feed.replayed,
        )
        detail = text.format(stream=feed.stream, count=formats.count(feed.replayed))
        return CheckResult("history", "ok", detail)
    if feed.unreadable:
        return CheckResult("history", "warning", feed.problem)
    detail = _("no stream stores events: only new ones are shown")
    if feed.problem and session.connection.jetstream_error is None:  # another check reports that
        detail = f"{detail} ({feed.problem})"
    if session.connection.jetstream_error is not None:
        advice = _("With JetStream, `pulse-desktop provision` makes one.")
        return CheckResult("history", "warning", detail, advice)
    if not session.history_streams.are_missing:
        return CheckResult("history", "warning", detail)
    return CheckResult(
        "history",
        "warning",
        detail,
        _("`pulse-desktop provision` makes one ({stream}), limited in age and size.").format(
            stream=history_stream(HistoryKind.EVENTS, session.names).name
        ),
    )


def _check_topics(topics: TopicCounts) -> CheckResult:
    silent = [name for name in TOPICS if topics.by_name[name].received == 0]
    if not silent:
        return CheckResult("topics", "ok", _("events in all seven topics"))
    if len(silent) == len(TOPICS):
        return CheckResult(
            "topics",
            "warning",
            _("no events"),
            _("Runs and results are shown anyway; events need workers that publish them."),
        )
    if topics.are_complete:
        detail = _("no events in {topics}")
    else:
        detail = _("no events in {topics}, as far as they were read")
    detail = detail.format(topics=", ".join(silent))
    return CheckResult("topics", "ok", detail)


def _check_clocks(session: Session) -> CheckResult:
    """Compare the clocks of this machine and of the workers with the server's.

    Without JetStream the server does not say its time: then this machine's clock counts.
    """
    advice = clock_advice()
    own = session.connection.clock_offset_s
    workers = session.state.workers.online(session.now())
    off = [worker for worker in workers if worker.clock_is_off]
    details = []
    if own:
        details.append(own_clock_text(own))
    if off:
        text = ngettext(
            "the clock of {count} worker is off: {workers}",
            "the clocks of {count} workers are off: {workers}",
            len(off),
        )
        listed = (f"{worker.id}: {clock_offset(worker)}" for worker in off[:_LISTED_CLOCKS])
        details.append(text.format(count=len(off), workers=", ".join(listed)))
    if details:
        if own is None and len(off) > 1 and len(off) > len(workers) / 2:
            advice = _(
                "Most workers disagree: check the clock of this machine first, then synchronize "
                "(timedatectl set-ntp true)."
            )
        elif not own and len(off) > 1 and len(off) > len(workers) / 2:
            advice = _(
                "Most workers disagree: check the clock of the server first, then synchronize "
                "(timedatectl set-ntp true)."
            )
        return CheckResult("clocks", "warning", "; ".join(details), advice)
    if own is not None and workers:
        return CheckResult("clocks", "ok", _("this machine, the server and the workers agree"))
    if own is not None:
        detail = _("this machine and the server agree; no heartbeat of a worker has arrived")
        return CheckResult("clocks", "ok", detail)
    if workers:
        detail = _("this machine and the workers agree; the server does not say its time")
        return CheckResult("clocks", "ok", detail)
    return CheckResult("clocks", "ok", _("not compared: no heartbeat of a worker has arrived"))
