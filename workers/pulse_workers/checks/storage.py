"""Checks of streams, buckets and the task consumer: there, bounded, and as the settings say."""

from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

from pulse_desktop.model.check_result import CheckResult
from pulse_desktop.protocol.topics import (
    EVENT_STREAM,
    RESULT_BUCKET,
    TASK_CONSUMER,
    TASK_STREAM,
    TASK_SUBJECT,
)
from pulse_workers.checks.backlog import check_backlog, check_discard
from pulse_workers.checks.probe import Probe
from pulse_workers.config.settings import MIB, Settings
from pulse_workers.runtime.connection import OUTAGE_ERRORS

_NEARLY_FULL: Final = 0.9
_NANO: Final = 1e9
_BACK: Final = "Bring the servers back; one that is back catches up by itself."
_NOT_FOUND: Final = frozenset({10059, 10014})

Info = dict[str, Any]


async def read_streams(probe: Probe, names: tuple[str, ...]) -> dict[str, Info | None]:
    """Return what is known of each stream: None when it is not there, `why` when not known."""
    found: dict[str, Info | None] = {}
    for name in names:
        try:
            answer = await probe.ask(f"STREAM.INFO.{name}")
        except OUTAGE_ERRORS:
            found[name] = {"why": "nobody answers for it", "advice": _BACK}
            continue
        if answer is None:
            allow = f"Allow publishing on $JS.API.STREAM.INFO.{name} to this user."
            found[name] = {"why": "this user may not look at it", "advice": allow}
        elif "error" in answer:
            missing = answer["error"].get("err_code") in _NOT_FOUND
            why = str(answer["error"].get("description", "refused"))
            found[name] = None if missing else {"why": why, "advice": _BACK}
        else:
            found[name] = answer
    return found


def check_streams(streams: dict[str, Info | None], settings: Settings) -> Iterator[CheckResult]:
    """Look at streams that are there; say which ones are not."""
    missing = [name for name, info in streams.items() if info is None]
    if missing:
        yield CheckResult(
            "streams",
            "ok",
            f"not there yet: {', '.join(missing)}",
            "`pulse-worker run` makes them, as does `pulse-worker provision`.",
        )
    for name, info in streams.items():
        if info and "why" in info:
            yield CheckResult(name, "problem", info["why"], info["advice"])
        elif info:
            yield from _examine(name, info, settings)


def _examine(name: str, info: Info, settings: Settings) -> Iterator[CheckResult]:
    config, state = info["config"], info["state"]
    held = int(state.get("bytes", 0))
    limit = int(config.get("max_bytes", -1))
    shown = f"{state.get('messages', 0)} messages, {held / MIB:.1f} MiB"
    before = _complaints(name, info, settings)
    told = list(before)
    full = limit > 0 and held > limit * _NEARLY_FULL and config.get("discard") == "new"
    if full and name != TASK_STREAM:  # workers make room in that one; see `check_backlog`
        yield CheckResult(
            name,
            "problem",
            f"{shown} of {limit / MIB:.0f} MiB: soon nothing more can be written",
            "Raise max_bytes of the stream, or remove what is old.",
        )
    elif not told:
        yield CheckResult(name, "ok", f"{shown}, limits are set")
    yield from told


def _complaints(name: str, info: Info, settings: Settings) -> Iterator[CheckResult]:
    config = info["config"]
    if name == TASK_STREAM:
        subjects = config.get("subjects") or []
        if TASK_SUBJECT not in subjects and ">" not in subjects:
            yield CheckResult(
                name,
                "problem",
                f"it holds {', '.join(subjects)}, and not {TASK_SUBJECT}",
                f"Add the subject {TASK_SUBJECT} to the stream.",
            )
        yield from check_discard(config)
    keeps_for_ever = not config.get("max_age") and int(config.get("max_bytes", -1)) <= 0
    if keeps_for_ever and config.get("retention") != "workqueue":
        yield CheckResult(
            name,
            "warning",
            "it has neither max_age nor max_bytes: it grows until the disk is full",
            "Give it limits. `pulse-worker` leaves a stream as it is that somebody else made.",
        )
    copies = int(config.get("num_replicas", 1))
    if copies < settings.replicas:
        yield CheckResult(
            name,
            "warning",
            f"{copies} copies, the settings say {settings.replicas}",
            f"nats stream edit {name} --replicas {settings.replicas}",
        )
    cluster = info.get("cluster") or {}
    away = [one["name"] for one in cluster.get("replicas") or () if not one.get("current")]
    if cluster and not cluster.get("leader"):
        yield CheckResult(name, "problem", "it has no leader", "Bring back most of the cluster.")
    elif away:
        yield CheckResult(name, "warning", f"copies are away or behind: {', '.join(away)}", _BACK)


async def check_consumer(
    probe: Probe, settings: Settings, stream: Info | None
) -> AsyncIterator[CheckResult]:
    """Compare the task consumer with the settings: they count only while it is made.

    Args:
        probe: asks.
        settings: of the worker.
        stream: what is known of the task stream, as of `read_streams`.
    """
    try:
        info = await probe.ask(f"CONSUMER.INFO.{TASK_STREAM}.{TASK_CONSUMER}")
    except OUTAGE_ERRORS:
        return
    if not info or "error" in info:
        return  # not there yet, or told by the permissions
    config = info["config"]
    if stream and "config" in stream:
        for finding in check_backlog(stream, info):
            yield finding
    told = list(_consumer_complaints(config, settings))
    for finding in told:
        yield finding
    if not told:
        waiting, taken = info.get("num_pending", 0), info.get("num_ack_pending", 0)
        yield CheckResult(TASK_CONSUMER, "ok", f"{waiting} tasks wait, {taken} are worked on")


def _consumer_complaints(config: Info, settings: Settings) -> Iterator[CheckResult]:
    again = f"To change it: nats consumer edit {TASK_STREAM} {TASK_CONSUMER}"
    if config.get("deliver_subject") or config.get("ack_policy") != "explicit":
        yield CheckResult(
            TASK_CONSUMER,
            "problem",
            "it is not a pull consumer with explicit acknowledgement",
            "Remove it while no worker runs; `pulse-worker provision` makes a right one.",
        )
    wait = float(config.get("ack_wait", 0)) / _NANO
    if wait and wait != settings.ack_wait:
        yield CheckResult(
            TASK_CONSUMER,
            "warning",
            f"its ack_wait is {wait:g} s and counts; PULSE_ACK_WAIT={settings.ack_wait:g} does not",
            f"{again} --wait {settings.ack_wait:g}s",
        )
    if int(config.get("max_deliver", -1)) > 0:
        yield CheckResult(
            TASK_CONSUMER,
            "problem",
            f"max_deliver is {config['max_deliver']}: after that a task vanishes without a word",
            f"{again} --max-deliver=-1. PULSE_MAX_DELIVERIES does it with a stored result.",
        )
    room = int(config.get("max_ack_pending", 0))
    if 0 < room < settings.slots:
        yield CheckResult(
            TASK_CONSUMER,
            "warning",
            f"max_ack_pending is {room}: all workers together run no more tasks than that",
            f"{again} --max-pending 20000",
        )


def named_history(streams: dict[str, Info | None]) -> str:
    """Return the stream to ask for the time: any that is there."""
    for name in (TASK_STREAM, EVENT_STREAM, f"OBJ_{RESULT_BUCKET}"):
        if "config" in (streams.get(name) or ()):
            return name
    return next((name for name, info in streams.items() if info and "config" in info), "")
