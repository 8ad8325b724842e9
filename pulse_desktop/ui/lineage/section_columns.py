"""Columns of the short tables in the overview of a run: attempts, related runs, messages."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeVar

from pulse_desktop.state.chat_messages import MessageRow
from pulse_desktop.state.knowledge import KnowledgeItem
from pulse_desktop.state.message_path import MessagePath, PathStep
from pulse_desktop.state.related_runs import RelatedRun
from pulse_desktop.state.run import Attempt, TaskRun
from pulse_desktop.text import formats
from pulse_desktop.text.knowledge_text import knowledge_kind, knowledge_title
from pulse_desktop.text.lineage_text import (
    attempt_duration,
    attempt_error,
    attempt_outcome,
    related_state,
    relation_meaning,
    relation_text,
)
from pulse_desktop.text.message_path_text import (
    message_preview,
    stages_text,
    step_meaning,
    step_state,
)
from pulse_desktop.text.run_text import duration_text
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.common_columns import muted

RowT = TypeVar("RowT")

_NARROW: Final = 420


class AttemptRow(NamedTuple):
    """An attempt with its run."""

    run: TaskRun
    attempt: Attempt


class ItemRow(NamedTuple):
    """What a run was about: a message, or a finding.

    Attributes:
        id: of the message, or of the finding.
        message: None if it is a finding, or if nothing but its id is known.
        finding: None if it is a message.
    """

    id: str
    message: MessageRow | None = None
    finding: KnowledgeItem | None = None


def attempt_columns(worker_label: Callable[[str], str]) -> Sequence[Column[AttemptRow]]:
    """Return the columns of the attempts of a run.

    Args:
        worker_label: returns the short name of a worker.
    """
    return (
        Column(_("No."), "number", lambda row, _now: str(row.attempt.number), width=40, mono=True),
        Column(
            _("Outcome"),
            "outcome",
            lambda row, _now: attempt_outcome(row.run, row.attempt)[0],
            width=122,
            glyph=lambda row: attempt_outcome(row.run, row.attempt)[1],
            color=lambda row: attempt_outcome(row.run, row.attempt)[2],
            tooltip=lambda row, _now: "\n".join(
                filter(None, (attempt_outcome(row.run, row.attempt)[0], attempt_error(row.attempt)))
            ),
        ),
        Column(
            _("Worker"),
            "worker",
            lambda row, _now: worker_label(row.attempt.worker),
            width=84,
            color=lambda row: SemanticColor.ACCENT if row.attempt.worker else None,
            tooltip=lambda row, _now: row.attempt.worker,
        ),
        Column(
            _("Started"),
            "started",
            lambda row, _now: formats.clock_ms(row.attempt.started_at),
            width=108,
            mono=True,
            color=muted,
            tooltip=lambda row, _now: formats.absolute(row.attempt.started_at),
            hide_below=500,
        ),
        Column(
            _("Duration"),
            "ran",
            lambda row, _now: formats.duration(attempt_duration(row.attempt)),
            width=76,
            align="right",
            mono=True,
        ),
        Column(
            _("Error"),
            "error",
            lambda row, _now: formats.elided(attempt_error(row.attempt), 400),
            width=80,
            stretch=True,
            color=muted,
            tooltip=lambda row, _now: attempt_error(row.attempt),
            hide_below=390,
        ),
    )


def related_columns(task_label: Callable[[str], str]) -> Sequence[Column[RelatedRun]]:
    """Return the columns of the runs related to a run.

    Args:
        task_label: returns the short name of a task.
    """
    return (
        Column(
            _("Relation"),
            "relation",
            lambda row, _now: relation_text(row),
            width=86,
            tooltip=lambda row, _now: relation_meaning(row),
        ),
        Column(
            _("Task"),
            "task",
            lambda row, _now: task_label(row.task_name) if row.task_name else row.task_id,
            width=110,
            stretch=True,
            tooltip=lambda row, _now: "\n".join(filter(None, (row.task_name, row.task_id))),
        ),
        Column(
            _("State"),
            "state",
            lambda row, _now: related_state(row)[0],
            width=110,
            glyph=lambda row: related_state(row)[1],
            color=lambda row: related_state(row)[2],
            tooltip=lambda row, _now: row.run.reason if row.run is not None else "",
        ),
        *_run_columns(lambda row: row.run),
    )


def path_columns(
    task_label: Callable[[str], str], path: Callable[[], MessagePath]
) -> Sequence[Column[PathStep]]:
    """Return the columns of the path of a message.

    Args:
        task_label: returns the short name of a task.
        path: returns the path.
    """

    def meaning(step: PathStep) -> str:
        return step_meaning(step, path())

    return (
        Column(
            _("Stage"),
            "stage",
            lambda row, _now: stages_text(row),
            width=84,
            tooltip=lambda row, _now: "\n".join((stages_text(row), meaning(row))),
        ),
        Column(
            _("Task"),
            "task",
            lambda row, _now: task_label(row.run.name) if row.run is not None else row.task_id,
            width=110,
            stretch=True,
            tooltip=lambda row, _now: row.task_id or meaning(row),
        ),
        Column(
            _("State"),
            "state",
            lambda row, _now: step_state(row)[0],
            width=110,
            glyph=lambda row: step_state(row)[1],
            color=lambda row: step_state(row)[2],
            tooltip=lambda row, _now: (
                (row.run.reason if row.run is not None else "") or meaning(row)
            ),
        ),
        *_run_columns(lambda row: row.run),
    )


def item_columns() -> Sequence[Column[ItemRow]]:
    """Return the columns of the messages and findings of a run."""
    return (
        Column(
            _("Kind"),
            "kind",
            lambda row, _now: (
                knowledge_kind(row.finding) if row.finding is not None else _("message")
            ),
            width=72,
            color=muted,
        ),
        Column(
            _("Title or text"),
            "text",
            lambda row, _now: (
                knowledge_title(row.finding)
                if row.finding is not None
                else message_preview(row.id, row.message)
            ),
            width=160,
            stretch=True,
        ),
        Column(
            _("Id"),
            "id",
            lambda row, _now: row.id,
            width=120,
            mono=True,
            color=muted,
            hide_below=_NARROW,
        ),
    )


def _run_columns(run_of: Callable[[RowT], TaskRun | None]) -> Sequence[Column[RowT]]:
    def text(row: RowT, now: float) -> str:
        run = run_of(row)
        return duration_text(run, now) if run is not None else ""

    def queued(row: RowT, now: float) -> str:
        run = run_of(row)
        return formats.clock(run.queued_at, now) if run is not None else ""

    return (
        Column(_("Queued"), "queued", queued, width=78, mono=True, color=muted, hide_below=500),
        Column(
            _("Duration"),
            "ran",
            text,
            width=76,
            align="right",
            mono=True,
            hide_below=360,
            time_dependent=True,
        ),
    )
