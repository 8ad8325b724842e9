"""Text about the runs related to a run, and about the run times of its task."""

from collections.abc import Sequence
from typing import Final

from pulse_desktop.protocol.task_lineage import Pipeline
from pulse_desktop.state.related_runs import RelatedRun, RelatedRuns, Relation
from pulse_desktop.state.run import Attempt, TaskRun
from pulse_desktop.state.series import percentile
from pulse_desktop.text import formats
from pulse_desktop.text.run_text import STATE_LABELS, state_label, state_name
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _, ngettext, pgettext

RELATION_LABELS: Final = {
    Relation.ORIGINAL: _("original"),
    Relation.PARENT: _("parent"),
    Relation.CHILD: _("child"),
    Relation.RERUN: _("re-run"),
    Relation.CYCLE: _("cycle"),
}
_MEANINGS: Final = {
    Relation.ORIGINAL: _("The run that this one repeats"),
    Relation.PARENT: _("The run that enqueued this one"),
    Relation.CHILD: _("A run that this one enqueued"),
    Relation.RERUN: _("A run that repeats this one"),
    Relation.CYCLE: _("Back at this run: the labels of the runs above form a cycle"),
}
_FAR_MEANINGS: Final = {
    Relation.ORIGINAL: _("The run that the original repeats"),
    Relation.PARENT: _("The run that enqueued the parent"),
    Relation.CHILD: _("A run that a child enqueued"),
}
UNKNOWN_STATE: Final = (_("not known"), "·", SemanticColor.FAINT)
"""Label, glyph and color of a related run that is not among the retained ones."""
PLANNED_STATE: Final = (_("not enqueued"), "·", SemanticColor.FAINT)
"""The same of a step of a pipeline that nothing was seen of."""


def relation_text(row: RelatedRun) -> str:
    """Return how a run is related: `child`, `↳ child` for a child of a child."""
    label = RELATION_LABELS[row.relation]
    return label if row.depth == 1 else f"{'  ' * (row.depth - 2)}↳ {label}"


def relation_meaning(row: RelatedRun) -> str:
    """Return what the relation means, and why nothing more is known of the run if so."""
    if row.depth > 1:
        meaning = _FAR_MEANINGS.get(row.relation, _MEANINGS[row.relation])
    else:
        meaning = _MEANINGS[row.relation]
    if row.is_planned:
        note = _("A later step of the pipeline; it was not seen to be enqueued.")
    elif row.run is None:
        note = _("It is not among the retained runs: it is older, or was never seen.")
    else:
        note = ""
    return "\n".join(filter(None, (meaning, note, row.task_id)))


def related_state(row: RelatedRun) -> tuple[str, str, SemanticColor]:
    """Return label, glyph and color of the state of a related run."""
    if row.run is not None:
        _label, glyph, color = STATE_LABELS[row.run.state]
        return state_label(row.run), glyph, color
    return PLANNED_STATE if row.is_planned else UNKNOWN_STATE


def more_text(related: RelatedRuns) -> str:
    """Return how many related runs are not listed, empty if all are."""
    texts = []
    if count := related.more.get(Relation.CHILD, 0):
        text = ngettext("{count} more child", "{count} more children", count)
        texts.append(text.format(count=formats.count(count)))
    if count := related.more.get(Relation.RERUN, 0):
        text = ngettext("{count} more re-run", "{count} more re-runs", count)
        texts.append(text.format(count=formats.count(count)))
    return _("{runs} not listed").format(runs=", ".join(texts)) if texts else ""


def all_related_text(relation: Relation, count: int) -> str:
    """Return what shows all children, or all re-runs, of a run."""
    if relation is Relation.CHILD:
        text = ngettext("Show the child", "Show all {count} children", count)
    else:
        text = ngettext("Show the re-run", "Show all {count} re-runs", count)
    return text.format(count=formats.count(count))


def related_title(relation: Relation, count: int, task: str) -> str:
    """Return what the table of runs shows: the children, or the re-runs, of a run."""
    if relation is Relation.CHILD:
        text = ngettext("{count} child of {task}", "{count} children of {task}", count)
    else:
        text = ngettext("{count} re-run of {task}", "{count} re-runs of {task}", count)
    return text.format(count=formats.count(count), task=task)


def pipeline_text(pipeline: Pipeline | None) -> str:
    """Return which step of a pipeline a run is, empty if it is none."""
    if pipeline is None:
        return ""
    return _("step {number} of {count} of a pipeline").format(
        number=pipeline.current + 1, count=len(pipeline.steps)
    )


def attempt_outcome(run: TaskRun, attempt: Attempt) -> tuple[str, str, SemanticColor]:
    """Return label, glyph and color of the outcome of an attempt."""
    result = attempt.result
    is_last = attempt is run.attempts[-1]
    if result is None:
        if not is_last:
            return pgettext("attempt", "no end seen"), "?", SemanticColor.WARNING
        _label, glyph, color = STATE_LABELS[run.state]
        return state_name(run), glyph, color
    if result.outcome == "failed" and (result.will_retry or not is_last):
        return pgettext("attempt", "failed, retried"), "↻", SemanticColor.RETRY
    if is_last:
        _label, glyph, color = STATE_LABELS[run.state]
        return state_name(run), glyph, color
    outcomes = {"succeeded": ("✔", SemanticColor.GOOD), "failed": ("✖", SemanticColor.BAD)}
    glyph, color = outcomes.get(result.outcome, ("⊘", SemanticColor.MUTED))
    return result.outcome, glyph, color


def attempt_duration(attempt: Attempt) -> float | None:
    """Return how long an attempt ran in seconds, None if unknown."""
    result = attempt.result
    if result is None:
        return None
    if result.run_s is not None:
        return result.run_s
    return max(0.0, result.at - attempt.started_at) if attempt.started_at is not None else None


def attempt_error(attempt: Attempt) -> str:
    """Return why an attempt failed, empty if it did not or it is unknown."""
    error = attempt.result.error if attempt.result is not None else None
    return f"{error.type}: {error.message}" if error is not None else ""


def run_time_text(seconds: Sequence[float], own: float | None) -> str:
    """Return how a run time compares with those of other runs of the same task.

    Args:
        seconds: run times of other runs.
        own: of the run, None if it has not ended or was not measured.
    """
    if not seconds:
        return _("No other run of this task has ended yet.")
    count = len(seconds)
    median = formats.duration(percentile(seconds, 0.5))
    text = ngettext(
        "latest run: {median}", "median of the latest {count} runs: {median}", count
    ).format(count=formats.count(count), median=median)
    if own is None:
        return formats.capitalized(text)
    shorter = sum(each < own for each in seconds)
    if count == 1:
        place = ""
    elif shorter == count:
        place = _("longer than all of them")
    elif not shorter:
        place = _("none of them was shorter")
    else:
        place = _("longer than {share} of them").format(share=formats.percent(shorter / count))
    parts = (_("this run: {own}").format(own=formats.duration(own)), text, place)
    return formats.capitalized(" · ".join(filter(None, parts)))
