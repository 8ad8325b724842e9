"""Text about a task run: its state, arguments, durations and timeline."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import msgspec

from pulse_desktop.model.run_state import OPEN_STATES, RunState
from pulse_desktop.state.run import Attempt, TaskRun
from pulse_desktop.text import formats
from pulse_desktop.text.event_text import call_text
from pulse_desktop.text.semantic_color import SemanticColor


@dataclass(frozen=True)
class TimelineEvent:
    """Something that happened to a run.

    Attributes:
        words: such as "queued 10:49:02.114" or "failed +30.01 s".
        at: Unix seconds, None when unknown: it is then said but not drawn.
        color: of the words and of the stretch of the bar that ends here.
    """

    words: str
    at: float | None
    color: SemanticColor = SemanticColor.MUTED


STATE_LABELS: Final = {
    RunState.SUCCEEDED: ("succeeded", "✔", SemanticColor.GOOD),
    RunState.RUNNING: ("running", "▶", SemanticColor.INFO),
    RunState.QUEUED: ("queued", "◌", SemanticColor.MUTED),
    RunState.FAILED: ("failed", "✖", SemanticColor.BAD),
    RunState.SOFT_FAILED: ("soft failure", "!", SemanticColor.WARNING),
    RunState.RETRYING: ("retrying", "↻", SemanticColor.RETRY),
    RunState.OVERDUE: ("overdue", "?", SemanticColor.WARNING),
    RunState.CANCELLED: ("cancelled", "⊘", SemanticColor.MUTED),
    RunState.RESULT_UNREADABLE: ("answered", "◉", SemanticColor.MUTED),
}
"""Word, glyph and color of each state, in the order in which they are offered."""

STATE_MEANINGS: Final = {
    RunState.SUCCEEDED: "Ended well",
    RunState.RUNNING: "A worker is at it",
    RunState.QUEUED: "Enqueued, not started yet",
    RunState.FAILED: "Raised an error, and is not tried again",
    RunState.SOFT_FAILED: "Ended without an error, but its result says that something failed",
    RunState.RETRYING: "Failed, and waits for its next attempt",
    RunState.OVERDUE: "Seen, and not answered within the limit for this task",
    RunState.CANCELLED: "Stopped before its end",
    RunState.RESULT_UNREADABLE: "A result is stored, and what it says is not known",
}

STATE_RANKS: Final = {state: number for number, state in enumerate(STATE_LABELS)}
_LARGEST_CALL: Final = 64 * 1024


def short_name(task_name: str) -> str:
    """Return a task's name without its module: `ingest_messages`."""
    return task_name.rpartition(":")[2]


def arguments(run: TaskRun) -> str:
    """Return what a run was called with, in one line."""
    request = run.request
    return _call(request.args, request.kwargs) if request is not None else ""


def decoded_call(run: TaskRun) -> dict[str, Any] | None:
    """Return arguments and labels as plain values, None when they were never seen."""
    request = run.request
    if request is None:
        return None
    parts = {"args": request.args, "kwargs": request.kwargs, "labels": request.labels}
    return {name: _decoded(raw) for name, raw in parts.items() if raw not in (b"[]", b"{}", b"")}


def waited(run: TaskRun, now: float) -> str:
    """Return how long a run waited for its first start, or has waited until now."""
    if run.wait_s is not None:
        return formats.duration(run.wait_s)
    if run.state is RunState.QUEUED and run.queued_at is not None:
        return formats.duration(max(0.0, now - run.queued_at))
    return ""


def ran(run: TaskRun, now: float) -> str:
    """Return how long the last attempt took, or has been going on."""
    if run.state is RunState.RUNNING and run.started_at is not None:
        return formats.duration(max(0.0, now - run.started_at))
    return formats.duration(run.run_s)


def attempts(run: TaskRun) -> str:
    """Return `1`, or `2 of 3`."""
    return f"{run.attempt} of {run.max_attempts}" if run.max_attempts else str(run.attempt)


def state_label(run: TaskRun) -> str:
    """Return the state, and of a run that is under way how much of it is done, if it says so."""
    word = STATE_LABELS[run.state][0]
    if run.state is RunState.RUNNING and run.progress is not None:
        share = run.progress.fraction
        if share is not None:
            return f"{word} {share * 100:.0f} %"
    return word


def state_tooltip(run: TaskRun) -> str:
    """Return what the state means for this run, with the reason if there is one."""
    meaning = STATE_MEANINGS[run.state]
    progress = run.progress
    if run.state is RunState.RUNNING and progress is not None and progress.total:
        meaning = f"{progress.done:g} of {progress.total:g} {progress.message}".strip()
    return f"{meaning}\n{run.reason}" if run.reason else meaning


def timeline_events(run: TaskRun, now: float) -> list[TimelineEvent]:
    """Return the story of a run for the timeline: queued, each attempt, the end."""
    told: list[TimelineEvent] = []
    last = run.queued_at
    if last is not None:
        told.append(TimelineEvent(f"queued {formats.clock_ms(last)}", last))
    for attempt in run.attempts:
        again = f" again ({attempt.number})" if attempt.number > 1 else ""
        if attempt.started_at is not None:
            told.append(
                TimelineEvent(
                    f"started{again} {_since(last, attempt.started_at)}", attempt.started_at
                )
            )
            last = attempt.started_at
        if attempt.result is not None:
            told.append(_end(run, attempt, last))
            last = attempt.result.at
    word, _, color = STATE_LABELS[run.state]
    ended = bool(run.attempts) and run.attempts[-1].result is not None
    if run.state in OPEN_STATES:
        told.append(
            TimelineEvent(
                f"{word} for {formats.duration(max(0.0, now - (last or now)))}", now, color
            )
        )
    elif not ended and (at := run.finished_at) is not None:
        told.append(TimelineEvent(f"{word} {_since(last, at)}", at, color))
    return told


def _end(run: TaskRun, attempt: Attempt, last: float | None) -> TimelineEvent:
    ending = attempt.result
    if ending is None:
        raise ValueError("the attempt has not ended")
    final = attempt is run.attempts[-1] and not ending.will_retry
    word, color = (
        ending.outcome,
        SemanticColor.BAD if ending.outcome == "failed" else SemanticColor.GOOD,
    )
    if final and run.state not in OPEN_STATES:
        word, _, color = STATE_LABELS[run.state]
    return TimelineEvent(f"{word} {_since(last, ending.at)}", ending.at, color)


def _since(last: float | None, at: float) -> str:
    return formats.clock_ms(at) if last is None else f"+{formats.duration(max(0.0, at - last))}"


@lru_cache(maxsize=4096)
def _call(args: bytes, kwargs: bytes) -> str:
    if len(args) + len(kwargs) > _LARGEST_CALL:
        return f"{formats.size(len(args) + len(kwargs))} of arguments"
    return call_text(_decoded(args), _decoded(kwargs))


def _decoded(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return raw.decode("utf-8", "backslashreplace")
