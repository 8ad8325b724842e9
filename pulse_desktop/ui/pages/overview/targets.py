"""Where the figures, series and attention items of the overview lead: exactly what they count."""

from typing import Final

from pulse_desktop.model.run_state import RunState
from pulse_desktop.query.query_edit import with_condition
from pulse_desktop.state.attention import AttentionItem, AttentionKind
from pulse_desktop.text.attention_text import attention_title
from pulse_desktop.ui.navigation import FilterPage, FilterRuns, ShowItem, ShowPage, Target
from pulse_desktop.ui.pages.overview.run_charts import FAILED, SUCCEEDED
from pulse_desktop.ui.query.conditions import group_query

_ENDED: Final = (
    RunState.SUCCEEDED,
    RunState.FAILED,
    RunState.SOFT_FAILED,
    RunState.CANCELLED,
)


def series_target(key: str, charted_task: str | None) -> Target:
    """Return the runs of a series: of an outcome, or of a task.

    Args:
        key: of the series.
        charted_task: the task that the charts of outcomes are about, None for all.
    """
    of_task = _task_query(charted_task or "")
    if key == FAILED.key:
        return FilterRuns((RunState.FAILED, RunState.SOFT_FAILED), of_task)
    if key == SUCCEEDED.key:
        return FilterRuns((RunState.SUCCEEDED,), of_task)
    return FilterRuns(query=_task_query(key))


def card_target(key: str, state: RunState | None, max_age_s: float) -> Target:
    """Return the rows that a statistic counts.

    Args:
        key: of the card.
        state: of the runs that it counts, None if they are in several.
        max_age_s: age of the runs that it counts in seconds, 0 for the time range that is shown.
    """
    match key:
        case "failed":
            return FilterRuns((state or RunState.FAILED,), max_age_s=max_age_s)
        case "queue":
            return FilterRuns((RunState.QUEUED, RunState.RETRYING))
        case "workers":
            return ShowPage("monitoring")
        case "noise":
            return ShowPage("metrics")
        case _:
            return FilterRuns(_ENDED, max_age_s=max_age_s)


def item_target(item: AttentionItem) -> Target:
    """Return where an attention item can be resolved."""
    match item.kind:
        case AttentionKind.PROVIDER_DOWN:
            return FilterPage("providers", item.target)
        case AttentionKind.WORKER_OFFLINE | AttentionKind.MISSING_TASKS:
            return ShowItem("monitoring", item.target)
        case AttentionKind.WORKERS_PAUSED:
            return ShowPage("monitoring")
        case AttentionKind.FAILED | AttentionKind.SOFT_FAILED if item.group:
            # Exactly those that the item counts.
            query = group_query(item.group, item.since, item.at)
            return FilterRuns(query=query, why=attention_title(item), everything=True)
        case kind:
            return FilterRuns((RunState(kind),), _task_query(item.target))


def _task_query(task_name: str) -> str:
    """Return a query for the runs of a task, empty for those of all."""
    return with_condition("", "task", task_name) if task_name else ""
