"""The runs related to one run, as a list for display: parents, children and re-runs."""

import enum
import heapq
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from pulse_desktop.protocol.task_lineage import Pipeline, pipeline_of
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.task_runs import TaskRuns

MAX_LISTED: Final = 50
"""Runs listed of each relation; more are counted."""
_MAX_DEPTH: Final = 6


class Relation(enum.StrEnum):
    """How a run is related to another one. The values are stable: scripts rely on them."""

    ORIGINAL = "original"
    PARENT = "parent"
    CHILD = "child"
    RERUN = "rerun"
    CYCLE = "cycle"


class RelatedRun(msgspec.Struct, frozen=True):
    """A run that is related to another one.

    Attributes:
        relation: how it is.
        task_id: its id.
        depth: number of links between the two, at least 1.
        run: what is known of it, None for nothing: it was not seen, or is no longer retained, or
            is a step of a pipeline that has not been enqueued.
        task_name: its name, also where the run is unknown; empty if that is not known either.
        is_planned: whether it is a step of a pipeline that comes after the known ones.
    """

    relation: Relation
    task_id: str
    depth: int = 1
    run: TaskRun | None = None
    task_name: str = ""
    is_planned: bool = False


class RelatedRuns(msgspec.Struct, frozen=True):
    """All runs that are related to one run, as far as they are listed.

    Attributes:
        rows: originals (the nearest first), parents (the nearest first), children with theirs below
            them, re-runs. Where originals or parents lead back to a run, a row says so: labels can
            name each other. No run is above and below at once.
        more: how many runs of a relation are not listed.
        pipeline: the pipeline that the run is a step of, None if it is of none.
    """

    rows: tuple[RelatedRun, ...]
    more: dict[Relation, int]
    pipeline: Pipeline | None = None

    def of(self, relation: Relation) -> list[RelatedRun]:
        """Return the rows of one relation."""
        return [each for each in self.rows if each.relation is relation]


def related_runs(runs: TaskRuns, run: TaskRun, limit: int = MAX_LISTED) -> RelatedRuns:
    """Return the runs related to a run.

    Args:
        runs: all runs.
        run: one of them.
        limit: maximum number of runs of each relation.
    """
    lineage = runs.lineage
    pipeline = pipeline_of(run.request.labels) if run.request is not None else None
    more: dict[Relation, int] = {}

    def known(relation: Relation, ids: Iterable[str]) -> list[RelatedRun]:
        return [_row(runs, relation, task_id, depth) for depth, task_id in enumerate(ids, 1)]

    def chain(relation: Relation, ids: list[str], next_of: Callable[[str], str]) -> set[str]:
        rows.extend(known(relation, ids))
        path = [run.task_id, *ids]
        if (repeated := next_of(path[-1])) in path:
            rows.append(_row(runs, Relation.CYCLE, repeated, len(path)))
        return set(path)

    rows: list[RelatedRun] = []
    originals = chain(Relation.ORIGINAL, lineage.originals(run.task_id), lineage.original)
    parents = chain(Relation.PARENT, lineage.ancestors(run.task_id), lineage.parent)
    children, left_out = _descendants(runs, run.task_id, parents, limit)
    if pipeline is not None:
        children += _planned(runs, pipeline, {each.task_id for each in children})
    rows += children
    reruns = [each for each in lineage.reruns(run.task_id) if each not in originals]
    rows += [_row(runs, Relation.RERUN, task_id) for task_id in _earliest(runs.get, reruns, limit)]
    if left_out:
        more[Relation.CHILD] = left_out
    if len(reruns) > limit:
        more[Relation.RERUN] = len(reruns) - limit
    return RelatedRuns(tuple(rows), more, pipeline)


def _descendants(
    runs: TaskRuns, task_id: str, seen: set[str], limit: int
) -> tuple[list[RelatedRun], int]:
    """Return the children of a run, each followed by its own, and how many were left out.

    Args:
        runs: all runs.
        task_id: of the run.
        seen: the run and its parents, which are none of its children; the children are added.
        limit: maximum number of children.
    """
    found: list[RelatedRun] = []
    left_out = 0

    def add(parent: str, depth: int) -> None:
        nonlocal left_out
        children = [each for each in runs.lineage.children(parent) if each not in seen]
        left_out += max(0, len(children) - limit)
        for child in _earliest(runs.get, children, limit):
            if child in seen:  # below an earlier child
                continue
            if len(found) >= limit:
                left_out += 1
                continue
            seen.add(child)
            found.append(_row(runs, Relation.CHILD, child, depth))
            if depth < _MAX_DEPTH:
                add(child, depth + 1)

    add(task_id, 1)
    return found, left_out


def _planned(runs: TaskRuns, pipeline: Pipeline, known: set[str]) -> list[RelatedRun]:
    """Return the steps of a pipeline that were not seen to be enqueued."""
    return [
        RelatedRun(
            Relation.CHILD,
            step.task_id,
            index - pipeline.current,
            runs.get(step.task_id),
            step.task_name,
            is_planned=runs.get(step.task_id) is None,
        )
        for index, step in enumerate(pipeline.steps)
        if index > pipeline.current and step.task_id and step.task_id not in known
    ]


def _earliest(
    get: Callable[[str], TaskRun | None], ids: Sequence[str], limit: int
) -> Sequence[str]:
    """Return ids in the order in which their runs were enqueued, at most `limit` of them."""

    def began_at(task_id: str) -> float:
        run = get(task_id)
        return run.began_at if run is not None else 0.0

    if len(ids) <= limit:
        return sorted(ids, key=began_at)
    return heapq.nsmallest(limit, ids, key=began_at)


def _row(runs: TaskRuns, relation: Relation, task_id: str, depth: int = 1) -> RelatedRun:
    run = runs.get(task_id)
    return RelatedRun(relation, task_id, depth, run, run.name if run is not None else "")
