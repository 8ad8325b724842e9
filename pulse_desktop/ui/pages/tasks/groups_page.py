"""The table of failure groups on the Tasks page, with the details of one and its actions."""

import asyncio
import math
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from typing import ClassVar, Final, Self

from pulse_desktop.fields.group_fields import group_fields
from pulse_desktop.model.errors import OtherFailuresError, RecordingShownError, UserFacingError
from pulse_desktop.model.group_marks import MarkKind
from pulse_desktop.query.fields import FieldSet
from pulse_desktop.query.fingerprint import OTHER
from pulse_desktop.state.collection import Collection, DirtyRows
from pulse_desktop.state.failure_group import FailureGroup
from pulse_desktop.state.history_start import retained_since
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.serialize_groups import GROUP_CELLS, group_to_cells, listed_group_to_dict
from pulse_desktop.text.group_text import (
    GROUP_LABELS,
    GROUP_MEANINGS,
    count_text,
    muted_text,
    opened_text,
    shown_state,
)
from pulse_desktop.text.translation import _
from pulse_desktop.ui.navigation import FilterRuns, ShowGroups, Target
from pulse_desktop.ui.page.actions import Action, PageAction
from pulse_desktop.ui.page.detail_splitter import DetailWidth
from pulse_desktop.ui.page.facet import Facet
from pulse_desktop.ui.page.notification import error_notification
from pulse_desktop.ui.page.page import PageContext, unique_name
from pulse_desktop.ui.page.table_page import TablePage
from pulse_desktop.ui.pages.tasks import actions
from pulse_desktop.ui.pages.tasks.groups_columns import group_columns
from pulse_desktop.ui.pages.tasks.groups_detail import GroupDetail
from pulse_desktop.ui.pages.tasks.ranged_groups import GroupAtEnd, RangedGroups
from pulse_desktop.ui.pages.tasks.rerun_action import RerunAction
from pulse_desktop.ui.query.conditions import group_query
from pulse_desktop.ui.query.filter_state import FilterState
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.export import ExportFormat
from pulse_desktop.ui.throttle import Throttle

_MAX_RERUN: Final = 10_000
"""Runs that are re-run at once; the question says how many are left out."""
_PAST_S: Final = 10.0
"""How often groups of a frozen range are read again: history that is read back may tell more."""
_FILTER_S: Final = 1.0
"""How often groups without a failure in the time range are filtered out."""


class GroupsPage(TablePage[FailureGroup, GroupDetail]):
    """The failure groups, the one that failed last first."""

    key = "groups"
    sources = ("tasks", "events", "results")
    title = _("Failure groups")
    icon = "tasks"
    filter_hint = _("Filter by cause, message, task or what is shared")
    default_sort = "last"
    sort_descending = True
    has_times = False  # failures within the time range are counted, see `limited_to_time`
    shows_past = True
    empty_title = _("No failures")
    empty_text = _(
        "Runs that failed for the same reason appear here as one group: with the same exceptions "
        "and code, or the same message."
    )
    facet_field = "state"
    facets: ClassVar[tuple[Facet, ...]] = tuple(
        Facet(
            key,
            *label,
            tooltip=_("{meaning}. Press to show only these.").format(meaning=GROUP_MEANINGS[key]),
            hide_when_empty=True,
        )
        for key, label in GROUP_LABELS.items()
    )
    row_menu = actions.GROUP_MENU
    detail_width = DetailWidth(minimum=360, maximum=600, percent=40)

    def __init__(self, context: PageContext) -> None:
        self._bounds = (0.0, 1.0)
        self._ranged = RangedGroups(context.state.failure_groups, context.request_frame)
        self._bounded_to = 0  # position after the newest group within the bounds
        super().__init__(context)
        self._filter_throttle, self._detail_throttle = Throttle(_FILTER_S), Throttle(_FILTER_S)
        self._past_throttle = Throttle(_PAST_S)
        self._marking = asyncio.Lock()  # marks are set in the order of the keys
        self._rerun = RerunAction(context)
        detail = self.detail
        detail.runs_requested.connect(self.show_runs)
        detail.rerun_requested.connect(self.rerun_selected)
        detail.mute_requested.connect(self.toggle_muted)
        detail.resolve_requested.connect(self.toggle_resolved)
        detail.note_changed.connect(self._set_note)
        self.apply_filter()

    # Table page

    def collection(self) -> Collection[FailureGroup]:
        """Return the groups."""
        return self.context.state.failure_groups

    def columns(self) -> Sequence[Column[FailureGroup]]:
        """Return the columns of the table."""
        columns = group_columns(lambda: self._bounds, self.context.state.runs.names.label)
        return tuple(map(self._ranged.column, columns))

    def make_detail(self) -> GroupDetail:
        """Create the detail panel."""
        label = self.context.state.runs.names.label
        return GroupDetail(label, is_recording=self.context.is_recording)

    def export_format(self) -> ExportFormat[FailureGroup]:
        """Return how groups are exported: with exact values, as on the command line."""
        bounds = self._bounds

        def listed(row: FailureGroup) -> tuple[FailureGroup, int]:
            return self._ranged.compare(row), row.count_between(*bounds)

        return ExportFormat(
            GROUP_CELLS,
            lambda row: group_to_cells(*listed(row)),
            lambda row: listed_group_to_dict(*listed(row)),
        )

    def count_text(self, count: int) -> str:
        """Return a number of groups as text."""
        return count_text(count)

    def make_fields(self) -> FieldSet[FailureGroup]:
        """Return the query fields of the rows."""
        return group_fields(lambda row: row.count_between(*self._bounds), self._ranged.shown)

    def facet_of(self, row: FailureGroup) -> str:
        """Return the state of a group, at the end of a time range that is frozen."""
        return shown_state(self._ranged.shown(row))

    def facet_counts(self) -> dict[str, int]:
        """Return the number of groups with a failure in the time range, by state."""
        counts = dict.fromkeys(GROUP_LABELS, 0)
        for row in self.collection().rows:
            if self._is_shown(row):
                counts[self.facet_of(row)] += 1
        return counts

    def limited_to_time(
        self, accepts: Callable[[FailureGroup], bool] | None
    ) -> Callable[[FailureGroup], bool]:
        """Return a test that groups pass that have failures in the time range."""
        is_shown = self._is_shown
        if accepts is None:
            return is_shown
        return lambda row: is_shown(row) and accepts(row)

    def _is_shown(self, row: FailureGroup) -> bool:
        if not row.count:
            return False
        return not self._is_limited() or bool(row.times.count(*self._bounds))

    def _is_limited(self) -> bool:
        """Return whether only the failures of a time range count."""
        return self.context.time.range.limits_rows

    def apply_filter(self) -> None:
        """Apply the filter bar and the time range to the table."""
        self._move_bounds()
        super().apply_filter()

    def refresh(self, changes: DirtyRows, now: float) -> None:
        """Show the changes of a frame; the latest failure counts at once."""
        self.now = now
        rows = self.collection().rows
        positions = {*changes.of(self.collection()), *range(self._bounded_to, rows.stop)}
        changed = [rows[each] for each in positions if each >= rows.start]
        if groups := [row for row in changed if row.count]:
            self._widen_bounds(groups)
        self._bounded_to = rows.stop
        if self._ranged.compare_some():
            self.table.viewport().update()
        super().refresh(changes, now)

    def _move_bounds(self) -> None:
        """Set the ends of what is counted: the time range, as far as anything is known."""
        now, shown_range = self.wall_time(self.now), self.context.time.range
        self._ranged.set_span(shown_range.bounds(now) if self._is_limited() else None)
        counted = [row for row in self.collection().rows if row.count]
        oldest = min((row.first_seen for row in counted), default=now)
        self._set_bounds(oldest, max((row.last_seen for row in counted), default=now))

    def _widen_bounds(self, groups: Sequence[FailureGroup]) -> None:
        """Let the failures of some groups, which have changed since, be counted too."""
        oldest = min(self._bounds[0], *(row.first_seen for row in groups))
        self._set_bounds(oldest, max(self._bounds[1], *(row.last_seen for row in groups)))

    def _set_bounds(self, oldest: float, latest: float) -> None:
        now = self.wall_time(self.now)
        start, end = self.context.time.range.bounds(now)
        start = max(start, min(oldest, retained_since(self.context.state)))
        end = min(end, max(now, latest))
        self._bounds = (start, max(end, start + 1.0))

    def update_summary(self, now: float, stale: str) -> None:
        """Follow the clock; see `TablePage`."""
        del stale
        self._move_bounds()
        self._past_throttle.run(now, self._ranged.forget)
        if self._is_limited():
            self._filter_throttle.run(now, self.filter.update)
        self._counts.update_rows()
        self.detail.show_problem(self.context.group_marks.problem)
        self.table.viewport().update()

    def row_text(self, total: int, shown: int | None) -> str:
        """Return how many groups have failures in the time range, and how many are shown."""
        counts = self.facet_counts()
        total = sum(counts.values())
        text = super().row_text(total, None if shown == total else shown)
        return " · ".join(filter(None, (text, muted_text(counts["muted"]))))

    def retained_text(self, total: int) -> str:
        """Return how many groups have failures at any time, as text."""
        del total
        return super().retained_text(sum(1 for row in self.collection().rows if row.count))

    def show_row(self, row: FailureGroup) -> None:
        """Show a group in the detail panel."""
        shown = self._ranged.compare(row)
        example = self.context.state.runs.get(shown.example) if shown.example else None
        in_range = row.count_between(*self._bounds) if self._is_limited() else None
        retained = self._retained(row)
        at_end = GroupAtEnd(shown, self._time.shown_time(self.now))
        past = at_end if self._ranged.is_past and shown is not row else None
        now = row if self._ranged.is_past else shown
        self.detail.show_group(now, example, self._bounds, retained, self.now, in_range, past)

    def update_detail(self, now: float) -> None:  # noqa: ARG002 - the base class has it
        """Update the group in the open detail panel, also when it is not the current row."""
        shown = self.detail.group
        if shown is None or self.detail.isHidden():
            return
        row = self.context.state.failure_groups.get(shown.id) or shown
        if row is not self._shown_row:
            self._shown_row = row
            self._detail_throttle.reset()
        self._detail_throttle.run(self.now, lambda: self.show_row(row))

    def open_group(self, group_id: str) -> None:
        """Show the details of a group, and widen the filter if it hides the group."""
        position = self.context.state.failure_groups.position(group_id)
        if position is None:
            self.filter.former.navigate(FilterState(f"id={group_id}"))
        else:
            self.open_row(position)

    def navigate(self, target: Target) -> None:
        """Show a group, or another filter."""
        if not isinstance(target, ShowGroups):
            super().navigate(target)
        elif target.group_id:
            self.open_group(target.group_id)

    # Actions

    @classmethod
    def page_actions(cls) -> Sequence[PageAction[Self]]:
        """Return the actions on failure groups."""
        return (
            PageAction(actions.RERUN, cls.rerun_selected, cls.has_group),
            PageAction(actions.COPY, cls.copy_selected, cls.can_copy),
            PageAction(actions.CLEAR_FILTER, cls.clear_filter),
            PageAction(actions.GROUP_RUNS, cls.show_runs, cls.has_group),
            PageAction(actions.MUTE_GROUP, cls.toggle_muted, cls.has_group),
            PageAction(actions.RESOLVE_GROUP, cls.toggle_resolved, cls.has_group),
            PageAction(actions.NOTE_GROUP, cls.edit_note, cls.has_group),
        )

    def likely_actions(self) -> Sequence[Action]:
        """Return what one most likely does with the group that is selected or shown."""
        if not self.has_group():
            return ()
        return (
            actions.GROUP_RUNS,
            actions.RERUN,
            actions.RESOLVE_GROUP,
            actions.MUTE_GROUP,
            actions.NOTE_GROUP,
        )

    def has_group(self) -> bool:
        """Return whether any group is selected, or shown in the detail panel."""
        return self.table.selected_count() > 0 or not self.detail.isHidden()

    def show_runs(self) -> None:
        """Show exactly the runs of the group; the operator's own filter can be restored."""
        for group in self._groups_to_act_on()[:1]:
            start, end = self._counted()
            why = opened_text(group)
            self.context.navigate(FilterRuns(query=group_query(group.id, start, end), why=why))

    def rerun_selected(self) -> None:
        """Re-run the runs of the group as they are now: later failures are not drawn in."""
        failed = chain.from_iterable(map(self._runs_of, self._groups_to_act_on()))
        runs = list(islice(failed, _MAX_RERUN))
        beyond = sum(1 for _run in failed)
        self._rerun.trigger(runs, ask=len(runs) > 1, beyond=beyond)

    def toggle_muted(self) -> None:
        """Mute the selected groups, or unmute them if all are muted."""
        self._toggle(MarkKind.MUTED)

    def toggle_resolved(self) -> None:
        """Mark the selected groups as resolved, or remove the marks if all are resolved.

        A group that has failed since it was resolved is not: it is marked anew, as of now.
        """
        self._toggle(MarkKind.RESOLVED)

    def edit_note(self) -> None:
        """Edit the note of the selected group, if it can have one."""
        for group in self._groups_to_act_on()[:1]:
            refusal = self._refusal(group)
            if refusal is not None:
                self.context.notify(error_notification(refusal, key="marks"))
                return
            self.open_detail(group)
            self.detail.note.edit()

    def _refusal(self, group: FailureGroup) -> UserFacingError | None:
        """Return why a group cannot be marked, None if it can."""
        if self.context.is_recording:
            return RecordingShownError()
        return OtherFailuresError() if group.id == OTHER.id else None

    def _counted(self) -> tuple[float, float]:
        """Return the ends of the time in which failures count, Unix seconds."""
        return self._bounds if self._is_limited() else (0.0, math.inf)

    def _runs_of(self, group: FailureGroup) -> Iterator[TaskRun]:
        """Iterate over the runs of a group that failed in the time range."""
        start, end = self._counted()
        for run in self.context.state.failure_groups.runs_of(group.id, start):
            if (run.finished_at or run.last_seen) <= end:
                yield run

    def _retained(self, group: FailureGroup) -> int:
        """Return how many runs of a group are retained that failed in the time range."""
        if group.retained == group.count == len(group.times):
            return group.times.count(*self._counted())
        return sum(1 for _run in self._runs_of(group))

    def _groups_to_act_on(self) -> list[FailureGroup]:
        """Return the selected groups, or that in the detail panel."""
        shown = self.detail.group
        if self.table.selected_count() or shown is None or self.detail.isHidden():
            return self.rows_to_act_on()
        return [shown]

    def _toggle(self, kind: MarkKind) -> None:
        groups = self._groups_to_act_on()
        # “Other” among several groups is left out; alone it is refused.
        groups = [group for group in groups if group.id != OTHER.id] or groups
        others = [group.id for group in groups if not group.has_mark(kind)]
        remove = not others
        ids = others or [group.id for group in groups]
        if ids:
            work = self._change_marks(ids, kind, remove=remove)
            self.context.run_in_background(unique_name("mark"), work)

    def _set_note(self, text: str) -> None:
        group = self.detail.group
        if group is not None:
            work = self._change_marks([group.id], MarkKind.NOTE, text, remove=not text)
            self.context.run_in_background(unique_name("mark"), work)

    async def _change_marks(
        self, group_ids: Sequence[str], kind: MarkKind, text: str = "", *, remove: bool
    ) -> None:
        marks = self.context.group_marks
        try:
            async with self._marking:
                for group_id in group_ids:
                    if remove:
                        await marks.remove_mark(group_id, kind)
                    else:
                        await marks.set_mark(group_id, kind, text)
        except UserFacingError as error:
            self.context.notify(error_notification(error, key="marks"))
