"""Text about a task run: its state, arguments, times and timeline."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

from pulse_desktop.model.json_decoding import decode_json_or_text
from pulse_desktop.model.run_state import OPEN_STATES, RunState
from pulse_desktop.protocol.soft_failure import REASONS
from pulse_desktop.protocol.task_schema import TaskSchema
from pulse_desktop.protocol.timestamps import elapsed_since
from pulse_desktop.state.deadlines import is_running
from pulse_desktop.state.run import Attempt, AttemptResult, TaskRun
from pulse_desktop.text import formats
from pulse_desktop.text.event_text import call_text
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _, ngettext, pgettext, translate


@dataclass(frozen=True)
class TimelineEvent:
    """An event of a run's timeline.

    Attributes:
        label: such as "queued 10:49:02.114" or "failed +30.01 s".
        at: Unix seconds, None if unknown: the event then has no place on the bar.
        color: color of the label and of the segment of the bar that ends here.
    """

    label: str
    at: float | None
    color: SemanticColor = SemanticColor.MUTED


STATE_LABELS: Final = {
    RunState.SUCCEEDED: (pgettext("run", "succeeded"), "✔", SemanticColor.GOOD),
    RunState.RUNNING: (pgettext("run", "running"), "▶", SemanticColor.INFO),
    RunState.QUEUED: (pgettext("run", "queued"), "◌", SemanticColor.MUTED),
    RunState.FAILED: (pgettext("run", "failed"), "✖", SemanticColor.BAD),
    RunState.SOFT_FAILED: (pgettext("run", "soft failure"), "!", SemanticColor.WARNING),
    RunState.RETRYING: (pgettext("run", "retrying"), "↻", SemanticColor.RETRY),
    RunState.OVERDUE: (pgettext("run", "overdue"), "?", SemanticColor.WARNING),
    RunState.CANCELLED: (pgettext("run", "cancelled"), "⊘", SemanticColor.MUTED),
    RunState.RESULT_UNREADABLE: (pgettext("run", "outcome unknown"), "◉", SemanticColor.MUTED),
}
"""Label, glyph and color of each state, in the order in which they are offered.

Of a run, `state_name` tells more: whether the result with its outcome was not read, or cannot be.
"""

RESULT_NOT_READ: Final = _("result not read")
UNREADABLE_RESULT: Final = _("unreadable result")

STATE_MEANINGS: Final = {
    RunState.SUCCEEDED: _("Ended without an error"),
    RunState.RUNNING: _("Running on a worker"),
    RunState.QUEUED: _("Enqueued, not started yet"),
    RunState.FAILED: _("Raised an error, and will not be retried"),
    RunState.SOFT_FAILED: _("Raised no error, but its result reports a failure"),
    RunState.RETRYING: _("Failed, waiting for its next attempt"),
    RunState.OVERDUE: _("No result by the deadline of this task"),
    RunState.CANCELLED: _("Stopped before its end"),
    RunState.RESULT_UNREADABLE: _("A result is stored that has not been, or cannot be, read"),
}

CAPTURED: Final = _("captured from the queue")
FROM_EVENT: Final = _("from an event, not captured from the queue")

STATE_RANKS: Final = {state: number for number, state in enumerate(STATE_LABELS)}
_RUNNING_STATES: Final = (RunState.RUNNING, RunState.OVERDUE)
_MAX_CALL_BYTES: Final = 64 * 1024


def arguments_text(run: TaskRun, schema: TaskSchema | None = None) -> str:
    """Return the arguments of a run in one line, empty if they are unknown.

    Args:
        run: the run.
        schema: of its task, which names positional arguments; None if no worker announces it.
    """
    request = run.request
    if request is None:
        return ""
    names = tuple(argument.name for argument in schema.arguments) if schema is not None else ()
    return _call(request.args, request.kwargs, names)


def arguments_source_text(run: TaskRun) -> str:
    """Return where the arguments of a run are known from, empty if they are unknown."""
    if run.request is None:
        return ""
    if run.request.captured:
        return CAPTURED
    return FROM_EVENT


def decoded_call(run: TaskRun) -> dict[str, Any] | None:
    """Return arguments and labels as plain values, None if they are unknown."""
    request = run.request
    if request is None:
        return None
    parts = {"args": request.args, "kwargs": request.kwargs, "labels": request.labels}
    return {
        name: decode_json_or_text(raw)
        for name, raw in parts.items()
        if raw not in (b"[]", b"{}", b"")
    }


def wait_text(run: TaskRun, now: float) -> str:
    """Return how long a run waited for its first start, or has waited until now."""
    if run.wait_s is not None:
        return formats.duration(run.wait_s)
    waits = run.state is RunState.QUEUED or (run.state is RunState.OVERDUE and not run.attempts)
    if waits and run.queued_at is not None:
        return formats.duration(max(0.0, now - elapsed_since(run.queued_at, run.last_seen)))
    return ""


def duration_text(run: TaskRun, now: float) -> str:
    """Return how long the latest attempt ran, or has been running until now."""
    if run.state in _RUNNING_STATES and is_running(run) and run.running_since is not None:
        return formats.duration(max(0.0, now - run.running_since))
    return formats.duration(run.run_s)


def attempts_text(run: TaskRun) -> str:
    """Return the number of the latest attempt: `2`, or `2 of 3`; empty for the first one.

    A task whose worker died is delivered again, which is no retry: it may exceed the maximum.
    """
    if run.attempt < 2:
        return ""
    if run.attempt > run.max_attempts:
        return str(run.attempt)
    return _("{attempt} of {max_attempts}").format(
        attempt=run.attempt, max_attempts=run.max_attempts
    )


def state_name(run: TaskRun) -> str:
    """Return the name of a run's state; a result that was not read is not called unreadable."""
    if run.state is RunState.RESULT_UNREADABLE:
        return RESULT_NOT_READ if run.result_unread else UNREADABLE_RESULT
    return STATE_LABELS[run.state][0]


def state_label(run: TaskRun) -> str:
    """Return the name of a run's state; of a running one with the percentage done if known."""
    label = state_name(run)
    if run.state is RunState.RUNNING and run.progress is not None:
        fraction = run.progress.fraction
        if fraction is not None:
            return f"{label} {fraction * 100:.0f} %"
    return label


def state_tooltip(run: TaskRun) -> str:
    """Return what the state means for this run, with the reason if there is one."""
    meaning = state_meaning(run)
    progress = run.progress
    if run.state is RunState.RUNNING and progress is not None and progress.total:
        meaning = _("{done} of {total} {message}").format(
            done=f"{progress.done:g}", total=f"{progress.total:g}", message=progress.message
        )
    return "\n".join(filter(None, (meaning.strip(), reason_text(run))))


def state_meaning(run: TaskRun) -> str:
    """Return what the state of a run means."""
    if run.state is RunState.RESULT_UNREADABLE and run.stored_outcome is not None:
        match run.stored_outcome.format:
            case "":
                return _("A result is stored that has not been read yet")
            case "unread":
                return _("A result is stored that is too large to be read automatically: open it")
            case _:
                return _("A result is stored that cannot be read")
    return STATE_MEANINGS[run.state]


def reason_text(run: TaskRun) -> str:
    """Return why a run did not succeed, empty if it did. The task's messages are not translated."""
    return translated_reason(run.reason)


def translated_reason(reason: str) -> str:
    """Translate a reason in our own words; one of the task's stays as it is."""
    return translate(reason) if reason in REASONS else reason


def timeline_events(run: TaskRun, now: float) -> list[TimelineEvent]:
    """Return the events of a run's timeline: queued, each attempt, the end."""
    events: list[TimelineEvent] = []
    last = run.queued_at
    if last is not None:
        label = _("queued {time}").format(time=formats.clock_ms(last))
        events.append(TimelineEvent(label, last))
    for attempt in run.attempts:
        if attempt.started_at is not None:
            event = _start(attempt, last, attempt.started_at)
            if attempt is run.attempts[-1] and attempt.result is None:
                event = replace(event, at=run.running_since)
            events.append(event)
            last = attempt.started_at
        if attempt.result is not None:
            events.append(_end(run, attempt, attempt.result, last))
            last = attempt.result.at
    state, color = state_name(run), STATE_LABELS[run.state][2]
    ended = bool(run.attempts) and run.attempts[-1].result is not None
    if run.state in OPEN_STATES:
        since = run.running_since if is_running(run) else last
        if since is not None and not is_running(run):
            since = elapsed_since(since, run.last_seen)
        duration = formats.duration(max(0.0, now - (since or now)))
        text = _("{state} for {duration}")
        if run.state is RunState.OVERDUE:
            text = _("overdue, no result after {duration}")
        label = text.format(state=state, duration=duration)
        events.append(TimelineEvent(label, now, color))
    elif not ended and (at := run.finished_at) is not None:
        events.append(TimelineEvent(_at(state, last, at), at, color))
    return events


def _start(attempt: Attempt, last: float | None, at: float) -> TimelineEvent:
    first = attempt.number == 1
    text = _("started {time}") if first else _("started again ({attempt}) {time}")
    return TimelineEvent(text.format(attempt=attempt.number, time=_since(last, at)), at)


def _end(
    run: TaskRun, attempt: Attempt, result: AttemptResult, last: float | None
) -> TimelineEvent:
    final = attempt is run.attempts[-1] and not result.will_retry
    if final and run.state not in OPEN_STATES:
        state, color = state_name(run), STATE_LABELS[run.state][2]
    else:
        state = STATE_LABELS[RunState(result.outcome)][0]
        color = SemanticColor.BAD if result.outcome == "failed" else SemanticColor.GOOD
    return TimelineEvent(_at(state, last, result.at), result.at, color)


def _at(state: str, last: float | None, at: float) -> str:
    return _("{state} {time}").format(state=state, time=_since(last, at))


def _since(last: float | None, at: float) -> str:
    return formats.clock_ms(at) if last is None else f"+{formats.duration(max(0.0, at - last))}"


@lru_cache(maxsize=4096)
def _call(args: bytes, kwargs: bytes, parameters: tuple[str, ...]) -> str:
    size = len(args) + len(kwargs)
    if size > _MAX_CALL_BYTES:
        return _("{size} of arguments").format(size=formats.size(size))
    return call_text(decode_json_or_text(args), decode_json_or_text(kwargs), parameters)


def run_count_text(count: int) -> str:
    """Return a number of runs as text."""
    return ngettext("{count} run", "{count} runs", count).format(count=formats.count(count))
