"""Columns of the table of failure groups."""

from collections.abc import Callable, Sequence
from typing import Final

from pulse_desktop.fields.shared_condition import shared_text, shared_tooltip
from pulse_desktop.state.failure_group import FailureGroup
from pulse_desktop.text import formats
from pulse_desktop.text.group_text import (
    GROUP_LABELS,
    GROUP_RANKS,
    group_cause,
    group_title,
    shown_state,
    state_meaning,
    state_text,
    tasks_text,
)
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _, ngettext
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.common_columns import muted

COLUMN_BINS: Final = 24
"""Bars of the histogram of one group."""
Bounds = Callable[[], tuple[float, float]]


def group_columns(
    bounds: Bounds, task_label: Callable[[str], str]
) -> Sequence[Column[FailureGroup]]:
    """Return the columns.

    Args:
        bounds: returns the ends of the time range, Unix seconds, as far as anything is known.
        task_label: returns the short name of a task.
    """
    return (
        Column[FailureGroup](
            _("State"),
            "state",
            lambda group, _now: state_text(group),
            width=112,
            color=lambda group: GROUP_LABELS[shown_state(group)][2],
            glyph=lambda group: GROUP_LABELS[shown_state(group)][1],
            sort=lambda group: GROUP_RANKS[shown_state(group)],
            tooltip=lambda group, _now: state_meaning(group),
        ),
        *_failure_columns(bounds),
        *_cause_columns(task_label),
        *_time_columns(),
        Column[FailureGroup](
            _("Note"),
            "note",
            lambda group, _now: group.marks.note.text if group.marks.note is not None else "",
            width=160,
            color=muted,
            hidden=True,
        ),
        Column[FailureGroup](
            _("Group id"),
            "id",
            lambda group, _now: group.id,
            width=120,
            mono=True,
            color=muted,
            hidden=True,
        ),
    )


def _failure_columns(bounds: Bounds) -> Sequence[Column[FailureGroup]]:
    """Return the columns of how many failures there were in the time range, and when."""

    def count(group: FailureGroup) -> int:
        return group.count_between(*bounds())

    def bars(group: FailureGroup) -> Sequence[int]:
        return group.times.histogram(*bounds(), COLUMN_BINS)

    return (
        Column[FailureGroup](
            _("Failures"),
            "count",
            lambda group, _now: formats.count(count(group)),
            width=80,
            align="right",
            mono=True,
            sort=count,
        ),
        Column[FailureGroup](
            _("When"),
            "bars",
            lambda group, _now: _bars_text(bars(group)),
            width=136,
            color=_bar_color,
            bars=bars,
            sort=lambda group: group.last_seen,
            hide_below=620,
        ),
    )


def _cause_columns(task_label: Callable[[str], str]) -> Sequence[Column[FailureGroup]]:
    """Return the columns of what failed, and why."""
    return (
        Column[FailureGroup](
            _("Cause"),
            "cause",
            lambda group, _now: group_cause(group),
            width=160,
            color=lambda group: SemanticColor.WARNING if group.fingerprint.soft else None,
        ),
        Column[FailureGroup](
            _("Message"),
            "message",
            lambda group, _now: _without_cause(group_title(group), group.cause),
            width=220,
            color=muted,
            stretch=True,
            tooltip=lambda group, _now: group_title(group),
        ),
        Column[FailureGroup](
            _("Task"),
            "task",
            lambda group, _now: tasks_text(group, task_label),
            width=150,
            tooltip=lambda group, _now: "\n".join(group.tasks),
            hide_below=860,
        ),
        Column[FailureGroup](
            _("Shared"),
            "shared",
            lambda group, _now: ", ".join(shared_text(each) for each in group.shared[:2]),
            width=180,
            tooltip=lambda group, _now: "\n".join(map(shared_tooltip, group.shared)),
            hide_below=1040,
        ),
    )


def _time_columns() -> Sequence[Column[FailureGroup]]:
    """Return the columns of the first and of the last failure."""
    return (
        Column[FailureGroup](
            _("First"),
            "first",
            lambda group, now: formats.ago(group.first_seen, now),
            width=92,
            color=muted,
            sort=lambda group: group.first_seen,
            tooltip=lambda group, _now: formats.absolute(group.first_seen),
            is_time=True,
            time_dependent=True,
            hide_below=1120,
        ),
        Column[FailureGroup](
            _("Last"),
            "last",
            lambda group, now: formats.ago(group.last_seen, now),
            width=92,
            sort=lambda group: group.last_seen,
            tooltip=lambda group, _now: formats.absolute(group.last_seen),
            is_time=True,
            time_dependent=True,
        ),
    )


def _bar_color(group: FailureGroup) -> SemanticColor:
    color = GROUP_LABELS[shown_state(group)][2]
    return SemanticColor.MUTED if color is SemanticColor.GOOD else color


def _bars_text(bars: Sequence[int]) -> str:
    """Return the bars in words, for a tooltip and a screen reader."""
    most = max(bars, default=0)
    text = ngettext("at most {count} per bar", "at most {count} per bar", most)
    return text.format(count=formats.count(most)) if most else _("none in this time")


def _without_cause(title: str, cause: str) -> str:
    return title.removeprefix(f"{cause}: ") if cause else title
