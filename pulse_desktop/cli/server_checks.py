"""The second half of `doctor`: what a server has, and who works there."""

import asyncio
import contextlib
import time
from argparse import Namespace
from collections.abc import AsyncIterator
from typing import Final

from pulse_desktop.cli.connect import CATCH_UP_S, connected_session
from pulse_desktop.model.check_result import CheckResult
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.protocol.topics import EVENT_STREAM, TASK_SUBJECT, TOPICS
from pulse_desktop.session.session import Session
from pulse_desktop.text import formats

_SKEW_S: Final = 2.0


async def check_server(arguments: Namespace) -> AsyncIterator[CheckResult]:
    """Check what the chosen server has, and who works there.

    Raises:
        CannotConnectError: with the reason.
    """
    async with connected_session(arguments, stored_results=200) as monitor:
        status = monitor.connection.status
        yield CheckResult("server", "ok", f"{status.server}, NATS {status.server_version}")
        yield _jetstream(monitor)
        await monitor.caught_up(CATCH_UP_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(3.0):
                await monitor.until(lambda: monitor.queue_status is not None)
        yield _queue(monitor)
        yield await _results(monitor)
        yield _history(monitor)
        yield _topics(monitor)
        yield _clocks(monitor)
        for problem in monitor.connection.permission_problems:
            advice = "Ask whoever runs the server to allow it for this user."
            yield CheckResult("permissions", "problem", problem, advice)


def _jetstream(monitor: Session) -> CheckResult:
    on = monitor.connection.status.jetstream
    if on:
        return CheckResult("JetStream", "ok", "on")
    if on is None:
        return CheckResult(
            "JetStream",
            "warning",
            "it did not answer: history, stored results and the queue cannot be seen",
            "Allow $JS.API.> to this user; or it is starting: try again.",
        )
    return CheckResult(
        "JetStream",
        "problem",
        "off for this account: no history, no stored results, no durable queue",
        "Start nats-server with -js, or enable JetStream for this account.",
    )


def _queue(monitor: Session) -> CheckResult:
    queue = monitor.queue_status
    if queue is None or queue.mode == "unknown":
        reason = queue.problem if queue and queue.problem else "it did not answer"
        return CheckResult(
            "task queue", "warning", reason, f"Allow this user to look at {TASK_SUBJECT}."
        )
    alive = monitor.state.workers.online(time.time())
    pending = "" if queue.pending is None else f", {formats.count(queue.pending)} pending"
    if queue.listening is None and not alive:
        return CheckResult(
            "task queue",
            "warning",
            f"{queue.mode}; whether a worker listens is not known{pending}",
            "The server's monitoring port would tell: start nats-server with -m 8222.",
        )
    if not queue.listening and not alive:
        lost = "tasks wait in the stream" if queue.durable else "a task enqueued now would be lost"
        return CheckResult(
            "task queue",
            "warning",
            f"{queue.mode}, nobody listens: {lost}{pending}",
            "Start a worker: `pulse-worker run`, or your own `taskiq worker …`.",
        )
    who = f"{formats.plural(len(alive), 'worker')} alive" if alive else "a worker listens"
    if queue.mode == "core":
        return CheckResult(
            "task queue",
            "warning",
            f"core, {who}: tasks enqueued while none listens are lost",
            "A JetStream broker (PullBasedJetStreamBroker) keeps them.",
        )
    return CheckResult("task queue", "ok", f"{queue.mode}, {who}{pending}")


async def _results(monitor: Session) -> CheckResult:
    try:
        bucket = await monitor.results.status()
    except UserFacingError as error:
        return CheckResult("results", "warning", f"{error.title}: {error.detail}", error.advice)
    found = f"{formats.plural(bucket.objects, 'result')} in {bucket.name}"
    if bucket.ttl_s is None and bucket.max_bytes is None:
        return CheckResult(
            "results",
            "warning",
            f"{found}, without expiry or size limit: it grows for ever",
            "Create the bucket with a TTL before the workers do, or set max_age on its stream "
            f"OBJ_{bucket.name}.",
        )
    if any(row.format == "pickle" for row in monitor.state.results.rows):
        return CheckResult(
            "results",
            "warning",
            f"{found}, pickled: who may write there can run code in whatever unpickles them",
            "Pulse Desktop never does. Give the result backend serializer=JSONSerializer().",
        )
    return CheckResult("results", "ok", found)


def _history(monitor: Session) -> CheckResult:
    feed = monitor.event_feed.status
    if feed.mode == "history":
        kept = f"stream {feed.stream}, {formats.plural(feed.replayed, 'event')} of the last day"
        return CheckResult("history", "ok", kept)
    why = f" ({feed.problem})" if feed.problem else ""
    return CheckResult(
        "history",
        "warning",
        f"events are seen only while you watch: no stream keeps them{why}",
        f"`pulse-worker provision` creates one ({EVENT_STREAM}), limited in age and size.",
    )


def _topics(monitor: Session) -> CheckResult:
    silent = [name for name in TOPICS if monitor.state.topics.by_name[name].received == 0]
    if not silent:
        return CheckResult("topics", "ok", "all seven have been heard of")
    if len(silent) == len(TOPICS):
        return CheckResult(
            "topics",
            "warning",
            "no events at all",
            "Runs and results are shown all the same; events need workers that publish them.",
        )
    return CheckResult("topics", "ok", f"heard of all but {', '.join(silent)}")


def _clocks(monitor: Session) -> CheckResult:
    """Compare workers' clocks with the server's, as far as stored events show both."""
    ahead = 0.0
    for event in monitor.state.log.newest_first():
        if event.time_source != "event" or event.topic not in TOPICS:
            continue
        # An event cannot be stored before it happened; late it may be for any reason.
        ahead = max(ahead, event.timestamp - event.received_at)
    if ahead > _SKEW_S:
        return CheckResult(
            "clocks",
            "warning",
            f"a worker's clock is {formats.duration(ahead)} ahead of the server's",
            "Let a time service set the clocks (timedatectl set-ntp true).",
        )
    return CheckResult("clocks", "ok", "no worker is ahead of the server")
