"""Failure groups as they were at the end of a frozen time range."""

from dataclasses import replace
from typing import Final, NamedTuple

from msgspec.structs import replace as with_fields

from pulse_desktop.state.failure_group import FailureGroup, GroupState
from pulse_desktop.state.failure_groups import FailureGroups
from pulse_desktop.state.shared_values import SharedValue
from pulse_desktop.ui.table.column import Column

_MAX_COMPARED: Final = 2
"""Groups of which one frame finds what their failures share."""


class GroupAtEnd(NamedTuple):
    """A group at the end of a frozen time range.

    Attributes:
        group: the group as it was.
        at: the end, Unix seconds, to which ages are relative.
    """

    group: FailureGroup
    at: float


class _Past(NamedTuple):
    """A group as it is now, and as it was."""

    row: FailureGroup
    past: FailureGroup


class PastGroups:
    """Turns the rows of now into those at the end of the time range, if that is frozen.

    Attributes:
        span: ends of the frozen time range, Unix seconds; None while the range is live.
    """

    def __init__(self, groups: FailureGroups) -> None:
        """Show the groups as they are now."""
        self.span: tuple[float, float] | None = None
        self._groups = groups
        self._known: dict[str, _Past] = {}
        self._shared: dict[str, tuple[int, tuple[SharedValue, ...]]] = {}
        self._to_compare: dict[str, None] = {}

    def set_span(self, span: tuple[float, float] | None) -> None:
        """Show another time."""
        if span != self.span:
            self.span = span
            self._known.clear()
            self._shared.clear()
            self._to_compare.clear()

    def forget(self) -> None:
        """Read again how the groups were: older history may have been read since."""
        self._known.clear()

    def shown(self, row: FailureGroup) -> FailureGroup:
        """Return a group as it is to be shown; one that was returned before is left as it is."""
        if self.span is None:
            return row
        known = self._known.get(row.id)
        if known is not None and (known.row is row or known.past is row):
            return known.past
        if known is not None and self._is_same(known.row, known.past, row):
            past = with_fields(known.past, count=row.count, retained=row.retained)
        else:
            was = self._groups.as_of(row.id, *self.span)
            if was is None:
                return row
            past = with_fields(was, shared=self._shared_of(row))
        self._known[row.id] = _Past(row, past)
        return past

    def compare_some(self) -> bool:
        """Find what the failures of some groups shared; return whether rows have changed."""
        if self.span is None or not self._to_compare:
            return False
        for group_id in list(self._to_compare)[:_MAX_COMPARED]:
            self._compare(group_id)
        return True

    def compare(self, row: FailureGroup) -> FailureGroup:
        """Return a group as it is to be shown, with what its failures shared."""
        self.shown(row)
        if row.id in self._to_compare:
            self._compare(row.id)
        return self.shown(row)

    def column(self, column: Column[FailureGroup]) -> Column[FailureGroup]:
        """Return a column that shows the groups as they were."""
        shown, text = self.shown, column.text
        color, glyph, sort, bars = column.color, column.glyph, column.sort, column.bars
        tooltip = column.tooltip
        return replace(
            column,
            text=lambda row, now: text(shown(row), now),
            color=None if color is None else lambda row: color(shown(row)),
            glyph=None if glyph is None else lambda row: glyph(shown(row)),
            sort=None if sort is None else lambda row: sort(shown(row)),
            tooltip=None if tooltip is None else lambda row, now: tooltip(shown(row), now),
            bars=None if bars is None else lambda row: bars(shown(row)),
        )

    def _is_same(self, before: FailureGroup, past: FailureGroup, row: FailureGroup) -> bool:
        """Return whether a group that has changed since was the same at the end of the range.

        A group that fails all the time changes with every frame.
        """
        if past.state is GroupState.UNKNOWN:
            return False
        if self.span is None or row.times.latest(*self.span) != past.last_seen:
            return False
        is_marked = row.marks is not before.marks
        return not is_marked and (row.first_seen, row.tasks) == (before.first_seen, before.tasks)

    def _shared_of(self, row: FailureGroup) -> tuple[SharedValue, ...]:
        """Return what the failures shared, as far as that was found; ask for it otherwise."""
        if self.span is None:
            return ()
        count = row.times.count(*self.span)
        if count == row.count:
            return row.shared
        known_count, shared = self._shared.get(row.id, (-1, ()))
        if known_count != count:
            self._to_compare[row.id] = None
        return shared

    def _compare(self, group_id: str) -> None:
        self._to_compare.pop(group_id, None)
        row = self._groups.get(group_id)
        if row is None or self.span is None:
            return
        count = row.times.count(*self.span)
        self._shared[group_id] = count, self._groups.shared_between(group_id, *self.span)
        self._known.pop(group_id, None)
