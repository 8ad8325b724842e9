"""The six figures of the overview, worked out from the state."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pulse_desktop.model.queue_status import QueueStatus
from pulse_desktop.model.run_state import RunState
from pulse_desktop.state.attention import AttentionItem, AttentionKind
from pulse_desktop.state.series import percentile
from pulse_desktop.state.system import SystemState
from pulse_desktop.text import formats
from pulse_desktop.text.run_text import short_name
from pulse_desktop.text.semantic_color import SemanticColor

HOUR: Final = 3600.0
_GOOD_RATE: Final = 0.95
_POOR_RATE: Final = 0.80
_NO_END: Final = "no run within 1 h"


@dataclass(frozen=True, slots=True)
class Figure:
    """What a stat card shows; an empty value is one that is not known."""

    value: str
    detail: str
    color: SemanticColor = SemanticColor.TEXT


def success_rate(state: SystemState, now: float) -> Figure:
    """Return how many of the runs that ended within the hour ended well."""
    good, ended = state.runs.success_rate(now, HOUR)
    if not ended:
        return Figure("", _NO_END)
    share = good / ended
    color = (
        SemanticColor.GOOD
        if share >= _GOOD_RATE
        else SemanticColor.WARNING
        if share >= _POOR_RATE
        else SemanticColor.BAD
    )
    detail = f"{formats.count(good)} of {formats.plural(ended, 'run')}"
    return Figure(formats.percent(share), detail, color)


def failures(state: SystemState, now: float, concerns: Sequence[AttentionItem]) -> Figure:
    """Return how many runs failed within the hour, and whether they are one problem or many."""
    finished = state.runs.finished
    failed, soft = (
        int(finished[kind].total(now, HOUR)) if kind in finished else 0
        for kind in (RunState.FAILED, RunState.SOFT_FAILED)
    )
    if not state.runs.success_rate(now, HOUR)[1]:
        return Figure("", _NO_END)
    if not failed:
        detail = formats.plural(soft, "soft failure") if soft else "none"
        return Figure("0", detail, SemanticColor.WARNING if soft else SemanticColor.GOOD)
    causes: Counter[str] = Counter()
    for item in concerns:
        if item.kind is AttentionKind.FAILED:
            causes[item.cause] += len(item.task_ids)
    named = causes.most_common(1)
    much = "all" if len(causes) == 1 else "mostly"
    return Figure(
        formats.count(failed), f"{much} {named[0][0]}" if named else "", SemanticColor.BAD
    )


def queue_depth(state: SystemState, now: float, queue: QueueStatus | None = None) -> Figure:
    """Return how many tasks wait for a worker, and how long the oldest has.

    Args:
        state: what is known of runs, for servers that keep no queue one could look into.
        now: Unix seconds.
        queue: the queue itself as of the latest look, None when it cannot be looked into.
    """
    if queue is not None and queue.pending is not None:
        return _looked_into(queue, queue.pending, now)
    counts = state.runs.counts
    waiting = counts[RunState.QUEUED]
    retrying = counts[RunState.RETRYING]
    again = f"{formats.count(retrying)} to be retried" if retrying else ""
    if not waiting:
        known = bool(state.runs.rows)
        return Figure("0" if known else "", again or ("nothing waits" if known else "no run seen"))
    oldest = min(
        (
            run.queued_at
            for run in state.runs.rows
            if run.state is RunState.QUEUED and run.queued_at
        ),
        default=None,
    )
    age = "" if oldest is None else f"oldest {formats.age(now - oldest)}"
    return Figure(formats.count(waiting), " · ".join(filter(None, (age, again))))


def _looked_into(queue: QueueStatus, pending: int, now: float) -> Figure:
    if queue.consumers == 0:
        color = SemanticColor.BAD if pending else SemanticColor.WARNING
        return Figure(formats.count(pending), "no worker listens", color)
    age = formats.age(now - queue.oldest_at) if pending and queue.oldest_at is not None else ""
    parts = (
        f"oldest {age}" if age else "",
        f"{formats.count(queue.ack_pending)} in work" if queue.ack_pending else "",
    )
    return Figure(formats.count(pending), " · ".join(filter(None, parts)) or "nothing waits")


def run_times(state: SystemState, now: float) -> Figure:
    """Return the median and the 95th percentile of run times, and the slowest task."""
    recent = state.runs.recent_durations(now, HOUR)
    if not recent:
        return Figure("", _NO_END)
    together = [seconds for values in recent.values() for seconds in values]
    half, most = (
        formats.duration(percentile(together, share), brief=True) for share in (0.5, 0.95)
    )
    # One unit is enough where both have the same.
    if half.rpartition(" ")[2] == most.rpartition(" ")[2] and half.count(" ") == 1:
        half = half.rpartition(" ")[0]
    slowest = max(recent, key=lambda name: percentile(recent[name], 0.95))
    return Figure(f"{half} / {most}", f"slowest: {short_name(slowest)}")


def workers(state: SystemState, now: float) -> Figure:
    """Return how many workers are alive and how many of their slots are busy."""
    alive = state.workers.online(now)
    gone = len(state.workers.offline(now))
    if not alive and not gone:
        return Figure("", "no heartbeat yet")
    slots = sum(worker.slots or 0 for worker in alive)
    busy = sum(worker.busy or 0 for worker in alive)
    parts = (f"{gone} gone" if gone else "", f"{busy} of {slots} slots busy" if slots else "")
    color = (
        SemanticColor.BAD if not alive else SemanticColor.WARNING if gone else SemanticColor.TEXT
    )
    return Figure(f"{formats.count(len(alive))} alive", " · ".join(filter(None, parts)), color)


def noise(state: SystemState, _now: float) -> Figure:
    """Return the share of chat messages that are noise."""
    metric = state.metrics.get("noiseRatio")
    if metric is None or metric.value is None:
        return Figure("", "not measured yet" if metric is None else "not known yet")
    size = metric.sample_size
    detail = "" if size is None else f"of {formats.plural(size, 'message')} scored"
    return Figure(formats.percent(metric.value), detail)
