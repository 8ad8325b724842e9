"""The six statistics of the overview, computed from the state."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pulse_desktop.model.queue_status import QueueStatus
from pulse_desktop.model.run_state import RunState
from pulse_desktop.state.attention import AttentionItem, AttentionKind, quiet_failures
from pulse_desktop.state.system import SystemState
from pulse_desktop.text import formats
from pulse_desktop.text.attention_text import quiet_text
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _, ngettext
from pulse_desktop.ui.charts.run_series import RunColumns, quantiles_of

HOUR: Final = 3600.0
_GOOD_RATE: Final = 0.95
_POOR_RATE: Final = 0.80
_ENDED: Final = (
    RunState.SUCCEEDED,
    RunState.FAILED,
    RunState.SOFT_FAILED,
    RunState.CANCELLED,
)
_NONE_WAITS: Final = _("no task waits")


@dataclass(frozen=True, slots=True)
class Stat:
    """The content of a card.

    Attributes:
        value: with its unit, empty when unknown.
        detail: a few words more, or why the value is unknown.
        color: of the value.
        state: of the runs that are counted, None if they are in several.
    """

    value: str
    detail: str
    color: SemanticColor = SemanticColor.TEXT
    state: RunState | None = None


def success_rate(state: SystemState, now: float, seconds: float = HOUR) -> Stat:
    """Return the fraction of successful runs among those that ended in the last seconds."""
    counts = _ended(state, now, seconds)
    succeeded, ended = counts[RunState.SUCCEEDED], sum(counts.values())
    if not ended:
        return Stat("", _none_ended(seconds))
    rate = succeeded / ended
    color = SemanticColor.BAD
    if rate >= _POOR_RATE:
        color = SemanticColor.GOOD if rate >= _GOOD_RATE else SemanticColor.WARNING
    detail = ngettext("{count} of {total} run", "{count} of {total} runs", ended).format(
        count=formats.count(succeeded), total=formats.count(ended)
    )
    return Stat(formats.percent(rate), detail, color)


def failures(
    state: SystemState, now: float, items: Sequence[AttentionItem], seconds: float = HOUR
) -> Stat:
    """Return the number of failed runs in the last seconds, and their most common cause.

    Those of muted and resolved groups are counted, since the runs did fail, and named. Soft
    failures are told only when no run failed: then the figure leads to them.
    """
    counts = _ended(state, now, seconds)
    failed, soft = counts[RunState.FAILED], counts[RunState.SOFT_FAILED]
    if not sum(counts.values()):
        return Stat("", _none_ended(seconds))
    if not failed and not soft:
        return Stat("0", _("none"), SemanticColor.GOOD, RunState.FAILED)
    quiet = quiet_failures(state, now - seconds, now, soft=not failed)
    noted = quiet_text(quiet, failed or soft)
    all_quiet = sum(quiet) >= (failed or soft)
    if not failed:
        detail = ngettext("{count} soft failure", "{count} soft failures", soft)
        detail = ", ".join(filter(None, (detail.format(count=formats.count(soft)), noted)))
        color = SemanticColor.TEXT if all_quiet else SemanticColor.WARNING
        return Stat("0", detail, color, RunState.SOFT_FAILED)
    if all_quiet:
        return Stat(formats.count(failed), noted, state=RunState.FAILED)
    causes: Counter[str] = Counter()
    for item in items:
        if item.kind is AttentionKind.FAILED and not item.is_rest:
            causes[item.cause or _("unknown error")] += item.count
    has_rest = any(item.is_rest and item.kind is AttentionKind.FAILED for item in items)
    detail = " · ".join(
        filter(None, (noted, _causes_text(causes, failed - sum(quiet), has_rest=has_rest)))
    )
    return Stat(formats.count(failed), detail, SemanticColor.BAD, RunState.FAILED)


def _ended(state: SystemState, now: float, seconds: float) -> dict[RunState, int]:
    """Return the number of runs that ended in the last seconds, by state.

    Runs that are not kept any more are counted in buckets of some seconds, for a day.
    """
    counts = RunColumns(state.runs.timings).counts(now - seconds, now, _ENDED)
    if state.runs.rows.evicted:
        for each, series in state.runs.ended.items():
            if each in counts:
                counts[each] = max(counts[each], int(series.total(now, seconds)))
    return counts


def _none_ended(seconds: float) -> str:
    return _("none ended in {duration}").format(duration=formats.age(seconds))


def _causes_text(causes: Counter[str], failed: int, *, has_rest: bool) -> str:
    """Return the most common of the causes, and how much of the failures it explains.

    Args:
        causes: number of failures by cause.
        failed: number of failures.
        has_rest: whether there are more causes than these.
    """
    if not causes:
        return ""
    cause, count = causes.most_common(1)[0]
    total = max(failed, causes.total())
    others = len(causes) - 1
    if count == total:
        text = _("all {cause}")
    elif count * 2 > total:
        text = _("mostly {cause}")
    elif others and not has_rest:
        text = ngettext("{cause} and {count} other", "{cause} and {count} others", others)
    else:
        text = _("{cause} and others")
    return text.format(cause=cause, count=formats.count(others))


def queue_depth(state: SystemState, now: float, queue: QueueStatus | None = None) -> Stat:
    """Return how many tasks wait for a worker, and the age of the oldest.

    Args:
        state: the runs, for servers without a queue that can be inspected.
        now: Unix seconds.
        queue: the queue as of the latest poll, None when it cannot be inspected.
    """
    if queue is not None and not queue.connected and queue.pending is None:
        return Stat("", queue.problem)
    if queue is not None and queue.pending is not None:
        return _polled_depth(queue, queue.pending, now)
    counts = state.runs.counts
    retrying = ""
    if counts[RunState.RETRYING]:
        retrying = _("{count} to be retried").format(count=formats.count(counts[RunState.RETRYING]))
    if not counts[RunState.QUEUED]:
        if not state.runs.rows:
            return Stat("", retrying or _("no run seen yet"))
        return Stat("0", retrying or _NONE_WAITS)
    oldest = min(
        (
            run.queued_at
            for run in state.runs.rows
            if run.state is RunState.QUEUED and run.queued_at
        ),
        default=None,
    )
    parts = (_oldest_text(oldest, now), retrying)
    return Stat(formats.count(counts[RunState.QUEUED]), " · ".join(filter(None, parts)))


def _polled_depth(queue: QueueStatus, pending: int, now: float) -> Stat:
    if queue.consumers == 0:
        color = SemanticColor.BAD if pending else SemanticColor.WARNING
        return Stat(formats.count(pending), _("no consumers"), color)
    progress = ""
    if queue.ack_pending:
        progress = _("{count} in progress").format(count=formats.count(queue.ack_pending))
    parts = (
        _("workers paused") if queue.all_paused else "",
        _oldest_text(queue.oldest_at, now) if pending else "",
        progress,
    )
    color = SemanticColor.WARNING if pending and queue.all_paused else SemanticColor.TEXT
    return Stat(formats.count(pending), " · ".join(filter(None, parts)) or _NONE_WAITS, color)


def _oldest_text(oldest: float | None, now: float) -> str:
    if oldest is None:
        return ""
    return _("oldest {age}").format(age=formats.age(now - oldest))


def run_times(state: SystemState, now: float, seconds: float = HOUR) -> Stat:
    """Return the median and the 95th percentile of run times, and the slowest task."""
    recent, slowest = RunColumns(state.runs.timings).run_times(now - seconds, now)
    if not recent.size:
        return Stat("", _none_ended(seconds))
    median, p95 = (formats.duration(each, brief=True) for each in quantiles_of(recent, (0.5, 0.95)))
    return Stat(
        f"{median} / {p95}", _("slowest: {task}").format(task=state.runs.names.label(slowest))
    )


def workers(state: SystemState, now: float) -> Stat:
    """Return the number of online workers, and how many of their slots are busy."""
    online = state.workers.online(now)
    offline = len(state.workers.offline(now))
    if not online and not offline:
        return Stat("", _("no heartbeat yet"))
    slots = sum(worker.slots or 0 for worker in online)
    busy = sum(worker.busy or 0 for worker in online)
    paused = sum(not worker.takes_tasks for worker in online)
    parts = (
        _("{count} paused").format(count=formats.count(paused)) if paused else "",
        _("{count} offline").format(count=formats.count(offline)) if offline else "",
        _("{busy} of {slots} slots busy").format(busy=busy, slots=slots) if slots else "",
    )
    is_warning = offline or paused == len(online)
    color = SemanticColor.WARNING if is_warning else SemanticColor.TEXT
    return Stat(
        _("{count} online").format(count=formats.count(len(online))),
        " · ".join(filter(None, parts)),
        color if online else SemanticColor.BAD,
    )


def noise(state: SystemState) -> Stat:
    """Return the fraction of chat messages that are noise."""
    metric = state.metrics.get("noiseRatio")
    if metric is None or metric.value is None:
        return Stat("", _("not measured yet") if metric is None else _("unknown yet"))
    size = metric.sample_size
    detail = ""
    if size is not None:
        detail = ngettext("of {count} scored message", "of {count} scored messages", size)
        detail = detail.format(count=formats.count(size))
    return Stat(formats.percent(metric.value), detail)
