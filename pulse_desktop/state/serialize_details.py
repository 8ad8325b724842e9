"""Serialize attempts, related runs, message paths and comparisons as JSON-ready objects.

Scripts rely on the names and values; they never change and are never translated.
"""

from typing import Any

from pulse_desktop.state.message_path import MessagePath
from pulse_desktop.state.related_runs import RelatedRuns
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.run_comparison import Row, RunComparison, Section
from pulse_desktop.state.serialize import rounded_seconds, run_to_dict, utc_text


def related_to_dict(related: RelatedRuns) -> dict[str, Any]:
    """Return the runs related to a run as a JSON-ready object, by their relation."""
    return {
        "rows": [
            {
                "relation": str(row.relation),
                "depth": row.depth,
                "task_id": row.task_id,
                "task_name": row.task_name or None,
                "state": str(row.run.state) if row.run is not None else None,
                "queued_at": utc_text(row.run.queued_at) if row.run is not None else None,
                "run_s": rounded_seconds(row.run.run_s) if row.run is not None else None,
                "planned": row.is_planned,
            }
            for row in related.rows
        ],
        "not_listed": {str(relation): count for relation, count in related.more.items()},
        "pipeline": {
            "step": related.pipeline.current + 1,
            "steps": [
                {"task_id": step.task_id, "task_name": step.task_name or None, "kind": step.kind}
                for step in related.pipeline.steps
            ],
        }
        if related.pipeline is not None
        else None,
    }


def attempts_to_list(run: TaskRun) -> list[dict[str, Any]]:
    """Return the attempts of a run as JSON-ready objects."""
    return [
        {
            "number": attempt.number,
            "worker": attempt.worker or None,
            "started_at": utc_text(attempt.started_at),
            "outcome": attempt.result.outcome if attempt.result is not None else None,
            "ended_at": utc_text(attempt.result.at) if attempt.result is not None else None,
            "will_retry": attempt.result.will_retry if attempt.result is not None else None,
            "run_s": rounded_seconds(attempt.result.run_s) if attempt.result is not None else None,
            "error": {
                "type": attempt.result.error.type,
                "message": attempt.result.error.message,
                "traceback": attempt.result.error.traceback or None,
            }
            if attempt.result is not None and attempt.result.error is not None
            else None,
        }
        for attempt in run.attempts
    ]


def path_to_dict(path: MessagePath, message_id: str) -> dict[str, Any]:
    """Return the path of a message as a JSON-ready object; a step of no known run has no id."""
    return {
        "message_id": message_id,
        "steps": [
            {
                "stages": [str(stage) for stage in step.stages],
                "task_id": step.task_id or None,
                "task_name": (step.run.name or None) if step.run is not None else None,
                "state": str(step.run.state) if step.run is not None else None,
                "queued_at": utc_text(step.run.queued_at) if step.run is not None else None,
                "run_s": rounded_seconds(step.run.run_s) if step.run is not None else None,
                "confirmed": step.confirmed,
                "status": step.status,
            }
            for step in path.steps
        ],
    }


def comparison_to_dict(comparison: RunComparison) -> dict[str, Any]:
    """Return two runs side by side as a JSON-ready object."""
    return {
        "first": run_to_dict(comparison.first),
        "second": run_to_dict(comparison.second),
        "rows": [
            {
                "section": str(row.section),
                "path": row.path,
                "first": _compared(row, row.first),
                "second": _compared(row, row.second),
                "mark": str(row.difference),
                "matters": row.matters,
                "items": {
                    "only_first": row.items.only_first,
                    "only_second": row.items.only_second,
                }
                if row.items is not None
                else None,
            }
            for row in comparison.rows
        ],
        "differences": len(comparison.differences),
        "left_out": comparison.left_out,
    }


def _compared(row: Row, value: Any) -> Any:
    is_time = row.section is Section.RUN and row.path == "queued_at"
    return utc_text(value) if is_time else value
