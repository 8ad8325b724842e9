"""Failure groups as they are in the time range of the window.

What the failures of a group share is limited to the range. At the end of a frozen one, all else is
as it was then.
"""

import math
from collections.abc import Callable
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


class _Shown(NamedTuple):
    """A group of now, and what is shown of it."""

    row: FailureGroup
    shown: FailureGroup


_Compared = tuple[int, float]
"""Number of failures in the range, and Unix seconds of the latest."""


class RangedGroups:
    """Turns the groups of now into those of the time range.

    Attributes:
        span: ends of the time range, Unix seconds; None for all that is retained. The end of a live
            range is infinite.
    """

    def __init__(self, groups: FailureGroups, request_frame: Callable[[], object]) -> None:
        """Show the groups as they are now, with all of their failures.

        Args:
            groups: the groups.
            request_frame: asks for a frame, and with it for `compare_some`.
        """
        self.span: tuple[float, float] | None = None
        self._groups = groups
        self._request_frame = request_frame
        self._known: dict[str, _Shown] = {}
        # With the failures that were compared; None if it is to be found again.
        self._shared: dict[str, tuple[_Compared | None, tuple[SharedValue, ...]]] = {}
        self._to_compare: dict[str, None] = {}

    @property
    def is_past(self) -> bool:
        """Whether groups are shown as they were at the end of a frozen time range."""
        return self.span is not None and math.isfinite(self.span[1])

    def set_span(self, span: tuple[float, float] | None) -> None:
        """Show another time. The start of a live range moves all the time."""
        is_still_live = not self.is_past and span is not None and math.isinf(span[1])
        if span != self.span and not (is_still_live and self.span is not None):
            self._known.clear()
            self._shared.clear()
            self._to_compare.clear()
        self.span = span

    def forget(self) -> None:
        """Read again how the groups were, and what their failures share: more may be known now."""
        self._known.clear()
        self._shared = {each: (None, shared) for each, (_of, shared) in self._shared.items()}

    def shown(self, row: FailureGroup) -> FailureGroup:
        """Return a group as it is to be shown; one that was returned before is left as it is."""
        if self.span is None:
            return row
        known = self._known.get(row.id)
        if known is not None and known.shown is row:
            return row
        if not self.is_past:
            return self._limited(row, known)
        if known is not None and known.row is row:
            return known.shown
        if known is not None and self._is_same(known.row, known.shown, row):
            past = with_fields(known.shown, count=row.count, retained=row.retained)
        else:
            was = self._groups.as_of(row.id, *self.span)
            if was is None:
                return row
            past = with_fields(was, shared=self._shared_of(row))
        self._known[row.id] = _Shown(row, past)
        return past

    def _limited(self, row: FailureGroup, known: _Shown | None) -> FailureGroup:
        """Return a group of now with what its failures of a live range share."""
        shared = self._shared_of(row)
        if shared is row.shared:
            return row
        if known is None or known.row is not row or known.shown.shared is not shared:
            known = self._known[row.id] = _Shown(row, with_fields(row, shared=shared))
        return known.shown

    def compare_some(self) -> bool:
        """Find what the failures of some groups shared; return whether rows have changed."""
        if self.span is None or not self._to_compare:
            return False
        for group_id in list(self._to_compare)[:_MAX_COMPARED]:
            self._compare(group_id)
        if self._to_compare:
            self._request_frame()
        return True

    def compare(self, row: FailureGroup) -> FailureGroup:
        """Return a group as it is to be shown, with what its failures shared."""
        self.shown(row)
        if row.id in self._to_compare:
            self._compare(row.id)
        return self.shown(row)

    def column(self, column: Column[FailureGroup]) -> Column[FailureGroup]:
        """Return a column that shows the groups as they are in the time range."""
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
        """Return what the failures share, as far as that was found; ask for it otherwise."""
        compared = self._in_range(row)
        if compared[0] == row.count:
            return row.shared
        nothing: tuple[SharedValue, ...] = ()
        known, shared = self._shared.get(row.id, (None, nothing))
        if known != compared:
            if not self._to_compare:
                self._request_frame()
            self._to_compare[row.id] = None
        return shared

    def _in_range(self, row: FailureGroup) -> _Compared:
        """Return the number of failures in the range, and the time of the latest."""
        if self.span is None:
            return row.count, row.last_seen
        latest = row.times.latest(*self.span)
        return row.times.count(*self.span), -math.inf if latest is None else latest

    def _compare(self, group_id: str) -> None:
        self._to_compare.pop(group_id, None)
        row = self._groups.get(group_id)
        if row is None or self.span is None:
            return
        shared = self._groups.shared_between(group_id, *self.span)
        self._shared[group_id] = self._in_range(row), shared
        self._known.pop(group_id, None)
