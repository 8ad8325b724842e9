"""Checks of the task queue's room: do unanswered tasks fit, and what becomes of the others?"""

from collections.abc import Iterator
from typing import Any, Final

from pulse_desktop.model.check_result import CheckResult
from pulse_desktop.protocol.topics import TASK_STREAM

_NEARLY_FULL: Final = 0.8

Info = dict[str, Any]


def check_discard(config: Info) -> Iterator[CheckResult]:
    """Look whether the task stream refuses what has no room, or drops what was stored before."""
    if _limits(config) and config.get("discard", "old") == "old":
        yield CheckResult(
            TASK_STREAM,
            "warning",
            "when it is full, the oldest tasks go without a word, also those nobody has answered",
            f"nats stream edit {TASK_STREAM} --discard new. Then a sender gets an error, and "
            "`pulse-worker` removes answered tasks in time.",
        )


def check_backlog(stream: Info, consumer: Info) -> Iterator[CheckResult]:
    """Compare what cannot be removed yet with the stream's limits.

    Args:
        stream: what the server says of the task stream.
        consumer: what it says of the task consumer.
    """
    state = stream["state"]
    first, last = int(state.get("first_seq", 0)), int(state.get("last_seq", 0))
    floor = int((consumer.get("ack_floor") or {}).get("stream_seq", 0))
    if last < first or not state.get("messages"):
        return
    kept = (last - max(floor, first - 1)) / (last - first + 1)
    share = kept * _fullness(stream)
    if share <= _NEARLY_FULL:
        return
    unanswered = int(consumer.get("num_pending", 0)) + int(consumer.get("num_ack_pending", 0))
    shown = (
        f"{share:.0%} of its room is taken by {unanswered} tasks that are not answered, and what "
        "came after the first of them"
    )
    more = "Start more workers, or raise max_bytes of the stream."
    if stream["config"].get("discard", "old") == "old":
        yield CheckResult(TASK_STREAM, "problem", f"{shown}: when it is full, tasks are lost", more)
    else:
        yield CheckResult(
            TASK_STREAM, "warning", f"{shown}: when it is full, it takes no more", more
        )


def _limits(config: Info) -> dict[str, int]:
    """Return the limits that are set, by what they limit."""
    given = {"bytes": config.get("max_bytes", -1), "messages": config.get("max_msgs", -1)}
    return {what: int(limit) for what, limit in given.items() if int(limit) > 0}


def _fullness(stream: Info) -> float:
    limits = _limits(stream["config"])
    return max((int(stream["state"].get(what, 0)) / limits[what] for what in limits), default=0.0)
