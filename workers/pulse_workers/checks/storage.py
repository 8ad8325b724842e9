"""Checks of streams, buckets and the task consumer: limits, replicas and configuration."""

import dataclasses
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

from pulse_desktop.model.check_result import CheckResult
from pulse_desktop.nats_client.provisioning import SubjectsOverlapError
from pulse_desktop.protocol.topics import (
    EVENT_STREAM,
    RESULT_BUCKET,
    TASK_CONSUMER,
    TASK_STREAM,
    TASK_SUBJECT,
)
from pulse_desktop.text.translation import _, ngettext
from pulse_workers.checks.probe import Probe
from pulse_workers.config.settings import MIB, Settings
from pulse_workers.errors import OUTAGE_ERRORS

_NEARLY_FULL: Final = 0.9
_MAX_BACKLOG: Final = 0.8
"""Share of the task stream's limit that tasks may take before it is worth a warning."""
_NANOSECONDS: Final = 1e9
_NOT_FOUND: Final = frozenset({10059, 10014})
_RESTORE: Final = _("Restore the servers; a restored server catches up by itself.")

Info = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class UnreadableStream:
    """A stream whose information cannot be read."""

    reason: str
    advice: str


Streams = dict[str, Info | UnreadableStream | None]
"""Information about streams by name; None for one that does not exist."""


async def read_streams(probe: Probe, names: tuple[str, ...]) -> Streams:
    """Read the information about streams."""
    return {name: await _read_stream(probe, name) for name in names}


async def _read_stream(probe: Probe, name: str) -> Info | UnreadableStream | None:
    try:
        info = await probe.request(f"STREAM.INFO.{name}")
    except OUTAGE_ERRORS:
        return UnreadableStream(_("it does not respond"), _RESTORE)
    if info is None:
        subject = f"$JS.API.STREAM.INFO.{name}"
        return UnreadableStream(
            _("this user may not read its state"),
            _("Allow this user to publish to {subject}.").format(subject=subject),
        )
    if "error" in info:
        if info["error"].get("err_code") in _NOT_FOUND:
            return None
        reason = str(info["error"].get("description") or _("the request was refused"))
        return UnreadableStream(reason, _RESTORE)
    return info


def any_stream(streams: Streams) -> str:
    """Return the name of a stream that exists, empty if none does."""
    preferred = (TASK_STREAM, EVENT_STREAM, f"OBJ_{RESULT_BUCKET}")
    names = (*preferred, *streams)
    return next((name for name in names if isinstance(streams.get(name), dict)), "")


def check_streams(streams: Streams, settings: Settings) -> Iterator[CheckResult]:
    """Check the streams that exist, and name those that do not."""
    missing = [name for name, info in streams.items() if info is None]
    if missing:
        yield CheckResult(
            "streams",
            "ok",
            _("not created yet: {names}").format(names=", ".join(missing)),
            _("`pulse-worker run` or `pulse-worker provision` creates them."),
        )
    for name, info in streams.items():
        if isinstance(info, UnreadableStream):
            yield CheckResult(name, "problem", info.reason, info.advice)
        elif info:
            yield from _check_stream(name, info, settings)


async def check_overlaps(
    probe: Probe, missing: frozenset[str], subjects: dict[str, list[str]]
) -> AsyncIterator[CheckResult]:
    """Check that the streams that will be created share no subject with streams that exist.

    Args:
        probe: the connection.
        missing: names of the streams that do not exist yet.
        subjects: subjects of each stream, by its name.
    """
    for name in sorted(missing):
        holders: dict[str, str] = {}
        for subject in subjects.get(name, ()):
            try:
                found = await probe.request(
                    "STREAM.NAMES", json.dumps({"subject": subject}).encode()
                )
            except OUTAGE_ERRORS:
                return
            for holder in (found or {}).get("streams") or ():
                holders.setdefault(str(holder), subject)
        for holder, subject in holders.items():
            overlap = SubjectsOverlapError(name, subject, holder)
            yield CheckResult(
                name,
                # Workers run without the history of events.
                "warning" if name == EVENT_STREAM else "problem",
                overlap.detail,
                overlap.advice,
            )


def _check_stream(name: str, info: Info, settings: Settings) -> Iterator[CheckResult]:
    config, state = info["config"], info["state"]
    size, limit = int(state.get("bytes", 0)), int(config.get("max_bytes", -1))
    messages = int(state.get("messages", 0))
    values = {"count": messages, "size": f"{size / MIB:.1f}", "limit": f"{limit / MIB:.0f}"}
    findings = list(_stream_findings(name, info, settings))
    nearly_full = limit > 0 and size > limit * _NEARLY_FULL and config.get("discard") == "new"
    if nearly_full and name != TASK_STREAM:  # workers trim that one; see `_check_backlog`
        text = ngettext(
            "{count} message, {size} MiB of {limit} MiB: writes will soon be rejected",
            "{count} messages, {size} MiB of {limit} MiB: writes will soon be rejected",
            messages,
        )
        advice = _("Raise max_bytes of the stream, or remove old messages.")
        yield CheckResult(name, "problem", text.format(**values), advice)
    elif not findings:
        text = ngettext(
            "{count} message, {size} MiB, with limits",
            "{count} messages, {size} MiB, with limits",
            messages,
        )
        yield CheckResult(name, "ok", text.format(**values))
    yield from findings


def _stream_findings(name: str, info: Info, settings: Settings) -> Iterator[CheckResult]:
    config = info["config"]
    if name == TASK_STREAM:
        yield from _check_task_stream(config)
    unlimited = not config.get("max_age") and int(config.get("max_bytes", -1)) <= 0
    if unlimited and config.get("retention") != "workqueue":
        yield CheckResult(
            name,
            "warning",
            _("it has neither max_age nor max_bytes: it grows until the disk is full"),
            _("Set limits. `pulse-worker` does not change existing streams."),
        )
    replicas = int(config.get("num_replicas", 1))
    if replicas < settings.replicas:
        yield CheckResult(
            name,
            "warning",
            ngettext(
                "it has {count} replica, but PULSE_REPLICAS is {wanted}",
                "it has {count} replicas, but PULSE_REPLICAS is {wanted}",
                replicas,
            ).format(count=replicas, wanted=settings.replicas),
            f"nats stream edit {name} --replicas {settings.replicas}",
        )
    cluster = info.get("cluster") or {}
    behind = [one["name"] for one in cluster.get("replicas") or () if not one.get("current")]
    if cluster and not cluster.get("leader"):
        advice = _("Restore the majority of the cluster.")
        yield CheckResult(name, "problem", _("it has no leader"), advice)
    elif behind:
        detail = _("replicas are offline or behind: {names}").format(names=", ".join(behind))
        yield CheckResult(name, "warning", detail, _RESTORE)


def _check_task_stream(config: Info) -> Iterator[CheckResult]:
    subjects = config.get("subjects") or []
    if TASK_SUBJECT not in subjects and ">" not in subjects:
        yield CheckResult(
            TASK_STREAM,
            "problem",
            _("its subjects are {subjects}, without {missing}").format(
                subjects=", ".join(subjects), missing=TASK_SUBJECT
            ),
            _("Add the subject {missing} to the stream.").format(missing=TASK_SUBJECT),
        )
    if _limits(config) and config.get("discard", "old") == "old":
        yield CheckResult(
            TASK_STREAM,
            "warning",
            _("when it is full, the oldest tasks are dropped silently, even unacknowledged ones"),
            _(
                "Run `nats stream edit {stream} --discard new`: then enqueuing fails with an error "
                "instead, and `pulse-worker` removes acknowledged tasks in time."
            ).format(stream=TASK_STREAM),
        )


async def check_consumer(
    probe: Probe, settings: Settings, stream: Info | UnreadableStream | None
) -> AsyncIterator[CheckResult]:
    """Compare the task consumer with the settings, which apply only when it is created.

    Args:
        probe: the connection.
        settings: settings of the worker.
        stream: information about the task stream.
    """
    try:
        info = await probe.request(f"CONSUMER.INFO.{TASK_STREAM}.{TASK_CONSUMER}")
    except OUTAGE_ERRORS:
        return
    if not info or "error" in info:
        return  # not created yet, or reported by the permission checks
    if isinstance(stream, dict):
        for result in _check_backlog(stream, info):
            yield result
    findings = list(_consumer_findings(info["config"], settings))
    for result in findings:
        yield result
    if not findings:
        detail = _("{pending} pending, {in_progress} in progress").format(
            pending=info.get("num_pending", 0), in_progress=info.get("num_ack_pending", 0)
        )
        yield CheckResult(TASK_CONSUMER, "ok", detail)


def _consumer_findings(config: Info, settings: Settings) -> Iterator[CheckResult]:
    edit = f"nats consumer edit {TASK_STREAM} {TASK_CONSUMER}"
    if config.get("deliver_subject") or config.get("ack_policy") != "explicit":
        yield CheckResult(
            TASK_CONSUMER,
            "problem",
            _("it is not a pull consumer with explicit acknowledgement"),
            _("Stop the workers, remove it, and create it with `pulse-worker provision`."),
        )
    ack_wait = float(config.get("ack_wait", 0)) / _NANOSECONDS
    if ack_wait and ack_wait != settings.ack_wait:
        yield CheckResult(
            TASK_CONSUMER,
            "warning",
            _(
                "its ack_wait is {actual:g} s, which applies instead of PULSE_ACK_WAIT={wanted:g}"
            ).format(actual=ack_wait, wanted=settings.ack_wait),
            _("To change it: {command}").format(command=f"{edit} --wait {settings.ack_wait:g}s"),
        )
    max_deliver = int(config.get("max_deliver", -1))
    if max_deliver > 0:
        yield CheckResult(
            TASK_CONSUMER,
            "problem",
            _("max_deliver is {count}: after that a task is dropped silently").format(
                count=max_deliver
            ),
            _(
                "To change it: {command}. PULSE_MAX_DELIVERIES fails such a task with a stored "
                "result instead."
            ).format(command=f"{edit} --max-deliver=-1"),
        )
    max_ack_pending = int(config.get("max_ack_pending", 0))
    if 0 < max_ack_pending < settings.slots:
        yield CheckResult(
            TASK_CONSUMER,
            "warning",
            _(
                "max_ack_pending is {count}: all workers together run no more tasks than that"
            ).format(count=max_ack_pending),
            _("To change it: {command}").format(command=f"{edit} --max-pending 20000"),
        )


def _check_backlog(stream: Info, consumer: Info) -> Iterator[CheckResult]:
    """Compare what cannot be trimmed yet with the limits of the task stream."""
    state = stream["state"]
    first, last = int(state.get("first_seq", 0)), int(state.get("last_seq", 0))
    ack_floor = int((consumer.get("ack_floor") or {}).get("stream_seq", 0))
    if last < first or not state.get("messages"):
        return
    retained = (last - max(ack_floor, first - 1)) / (last - first + 1)
    share = retained * _fullness(stream)
    if share <= _MAX_BACKLOG:
        return
    pending = int(consumer.get("num_pending", 0)) + int(consumer.get("num_ack_pending", 0))
    drops_old = stream["config"].get("discard", "old") == "old"
    if drops_old:
        text = ngettext(
            "{share:.0%} of the limit is taken by {count} unacknowledged task and the messages "
            "after it: when the stream is full, tasks are lost",
            "{share:.0%} of the limit is taken by {count} unacknowledged tasks and the messages "
            "after the first of them: when the stream is full, tasks are lost",
            pending,
        )
    else:
        text = ngettext(
            "{share:.0%} of the limit is taken by {count} unacknowledged task and the messages "
            "after it: when the stream is full, new tasks are rejected",
            "{share:.0%} of the limit is taken by {count} unacknowledged tasks and the messages "
            "after the first of them: when the stream is full, new tasks are rejected",
            pending,
        )
    yield CheckResult(
        TASK_STREAM,
        "problem" if drops_old else "warning",
        text.format(share=share, count=pending),
        _("Start more workers, or raise max_bytes of the stream."),
    )


def _limits(config: Info) -> dict[str, int]:
    """Return the limits that are set, by the field of the stream state they apply to."""
    limits = {"bytes": config.get("max_bytes", -1), "messages": config.get("max_msgs", -1)}
    return {field: int(limit) for field, limit in limits.items() if int(limit) > 0}


def _fullness(stream: Info) -> float:
    limits, state = _limits(stream["config"]), stream["state"]
    return max((int(state.get(field, 0)) / limits[field] for field in limits), default=0.0)
