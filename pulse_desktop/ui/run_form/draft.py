"""What the run form starts from: nothing, a run, or the latest run of a task."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pulse_desktop.model.queue_status import QueueStatus
from pulse_desktop.protocol.task_message import display_labels
from pulse_desktop.state.ring_buffer import RingBuffer
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.task_schemas import TaskSchemas
from pulse_desktop.text import formats
from pulse_desktop.text.run_text import STATE_LABELS
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.run_form.json_lint import pretty

_SHOWN_ID: Final = 12
MOST_NAMES: Final = 500  # task names are the sender's choice


@dataclass(frozen=True, slots=True)
class Draft:
    """The contents of the form.

    Attributes:
        task_name: as registered with the workers.
        args: text that should be a JSON array.
        kwargs: text that should be a JSON object.
        labels: text that should be a JSON object.
        rerun_of: task id of the run that is edited, empty for a new task.
    """

    task_name: str = ""
    args: str = ""
    kwargs: str = ""
    labels: str = ""
    rerun_of: str = ""


def draft_of(run: TaskRun) -> Draft:
    """Return what a run asked for, as far as that was seen."""
    request = run.request
    if request is None or not request.complete:
        return Draft(run.name, rerun_of=run.task_id)
    return Draft(
        request.task_name,
        pretty(request.args),
        pretty(request.kwargs),
        _labels_text(display_labels(request.labels, request.labels_types)),
        run.task_id,
    )


def latest_by_name(rows: RingBuffer[TaskRun]) -> dict[str, TaskRun]:
    """Return the tasks that have been seen, the latest first, each with its latest run.

    A run whose arguments are known is preferred to a later one whose are not.
    """
    found: dict[str, TaskRun] = {}
    for run in rows.newest_first():
        known = found.get(run.name)
        if known is None:
            if run.name and len(found) < MOST_NAMES:
                found[run.name] = run
        elif known.request is None and run.request is not None:
            found[run.name] = run
    return found


def has_arguments(run: TaskRun | None) -> bool:
    """Tell whether a run was called with anything."""
    request = run.request if run is not None else None
    return request is not None and (request.args, request.kwargs) != (b"[]", b"{}")


def about_words(run: TaskRun) -> str:
    """Say what becomes of an edited run."""
    task_id = formats.elided(run.task_id, _SHOWN_ID)
    words = f"A new run, marked as a re-run of {task_id} ({STATE_LABELS[run.state][0]})."
    if run.request is None or not run.request.complete:
        words += " Its arguments were never seen: give them here."
    return words


def name_words(name: str, *, seen: bool, catalogue: TaskSchemas) -> str:
    """Say what speaks against a task name, nothing when it is known."""
    if not name or seen or catalogue.get(name) is not None:
        return ""
    if len(catalogue):
        return "No worker that tells its tasks knows this name, and it was not seen before."
    return "Not seen before: a worker that does not know the name ignores it."


def listeners_words(figures: QueueStatus | None) -> tuple[str, SemanticColor]:
    """Say who would take the task, and what waits before it."""
    if figures is None:
        return "Not known yet whether a worker listens", SemanticColor.MUTED
    if figures.consumers is None:
        known = (
            "A worker is at work" if figures.ack_pending else "Not known whether a worker listens"
        )
        words, color = figures.problem or known, SemanticColor.MUTED
    elif figures.consumers:
        verb = "listens" if figures.consumers == 1 else "listen"
        words, color = f"{formats.plural(figures.consumers, 'worker')} {verb}", SemanticColor.GOOD
    elif figures.durable:
        words, color = "No worker listens; the stream keeps tasks", SemanticColor.WARNING
    else:
        words, color = "No worker listens; a task would be lost", SemanticColor.WARNING
    if figures.pending:
        verb = "waits" if figures.pending == 1 else "wait"
        words = f"{words} · {formats.plural(figures.pending, 'task')} {verb}"
    return words, color


def _labels_text(labels: Mapping[str, Any]) -> str:
    return pretty(json.dumps(labels).encode())
