"""What the navigation counts beside the pages, worked out from the state."""

from collections.abc import Sequence

from pulse_desktop.state.attention import AttentionItem
from pulse_desktop.state.system import SystemState
from pulse_desktop.text import formats

_RUN_KINDS = frozenset({"failed", "soft_failed", "overdue"})


def badges(state: SystemState, concerns: Sequence[AttentionItem]) -> dict[str, tuple[str, bool]]:
    """Return per page what to count and whether it needs somebody."""
    runs = sum(len(each.task_ids) for each in concerns if each.kind in _RUN_KINDS)
    providers = sum(each.kind == "provider" for each in concerns)
    workers = sum(each.kind == "worker" for each in concerns)
    return {
        "tasks": (_counted(runs), True),
        "providers": (_counted(providers), True),
        "monitoring": (_counted(workers), True),
        "messages": (_counted(len(state.messages.rows)), False),
        "knowledge": (_counted(len(state.knowledge.rows)), False),
        "results": (_counted(len(state.results.rows)), False),
    }


def _counted(number: int) -> str:
    return formats.short_count(number) if number else ""
