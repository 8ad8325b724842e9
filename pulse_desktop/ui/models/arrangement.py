"""Which rows a live table shows, in what order, and the few steps from one picture to the next.

Without Qt, so that it can be tested against a naive model. Newest on top unless sorted. Between
two frames thousands of rows may arrive, be forgotten or change; what comes out are a handful of
steps, because a view pays for every insertion and removal it is told of.
"""

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Generic, Literal, TypeVar

from pulse_desktop.ui.models.matching import (
    Flips,
    FrozenRows,
    SortKeys,
    Source,
    matching_positions,
    runs_of,
)

RowT = TypeVar("RowT")

_MOST_STEPS: Final = 8
"""More single insertions and removals than this are made as one change of layout."""


@dataclass(frozen=True, slots=True)
class Step:
    """One change to tell a view of.

    Attributes:
        kind: rows come in, go out, change places, or only look different.
        low: first view row, before a removal and after an insertion.
        high: last view row.
        apply: makes the change; to be called between telling "about to" and "done".
        before: of a layout: the positions as shown before it.
        after: of a layout: the same positions in their new order.
    """

    kind: Literal["insert", "remove", "layout", "repaint"]
    low: int
    high: int
    apply: Callable[[], None] = lambda: None
    before: Sequence[int] = ()
    after: Sequence[int] = ()


class Arrangement(Generic[RowT]):
    """The shown part of a source of rows.

    Every method that returns steps makes its changes while they are walked: walk them all, and
    call `apply` on each.

    Attributes:
        rows: what is followed.
        source: what is shown of it: `rows`, or a frozen copy while paused.
        accepts: the filter, None for all rows.
        keys: the order, None while the newest is on top.
    """

    def __init__(self, rows: Source[RowT]) -> None:
        self.rows = rows
        self.source: Source[RowT] = rows
        self.accepts: Callable[[RowT], bool] | None = None
        self.keys: SortKeys[RowT] | None = None
        self._first = rows.first
        self._end = rows.end
        self._shown: list[int] | None = None  # positions that match, rising; None: no filter
        self._order: list[int] | None = None  # positions as shown; None: newest on top
        self._held: FrozenRows[RowT] | None = None  # what forgotten rows of a sorted table said
        self._changed: set[int] = set()  # since the last sort

    def __len__(self) -> int:
        if self._order is not None:
            return len(self._order)
        return self._end - self._first if self._shown is None else len(self._shown)

    @property
    def stale(self) -> bool:
        """Whether a sorted table has something to be sorted in."""
        span = (self._first, self._end)
        return bool(self._changed) or span != (self.source.first, self.source.end)

    def position_at(self, row: int) -> int:
        """Return the position of a view row. Raises IndexError when there is no such row."""
        if not 0 <= row < len(self):
            raise IndexError(row)
        if self._order is not None:
            return self._order[row]
        return self._end - 1 - row if self._shown is None else self._shown[-1 - row]

    def view_row(self, position: int) -> int | None:
        """Return where a position is shown, or None."""
        if self._order is not None:
            return self._order.index(position) if position in self._order else None
        if self._shown is None:
            return self._end - 1 - position if self._first <= position < self._end else None
        at = bisect_left(self._shown, position)
        found = at < len(self._shown) and self._shown[at] == position
        return len(self._shown) - 1 - at if found else None

    def row_object(self, row: int) -> RowT | None:
        """Return the row shown at a view row, None when there is none."""
        if not 0 <= row < len(self):
            return None
        position = self.position_at(row)
        for source in (self.source, self._held):
            # A row forgotten since the last sort is shown as it was until the next one.
            if source is not None and source.first <= position < source.end:
                return source[position]
        return None

    def replace_rows(self, rows: Source[RowT]) -> None:
        """Show other rows with the same filter and order; the view is to be reset around this."""
        self.rows = self.source = rows
        self._first, self._end = rows.first, rows.end
        self._changed.clear()
        self._shown = self._all_matching()
        self._order = None
        if self.keys is not None:
            self.keys.clear()
            self._order = self.keys.order(rows, self._newest_first())
            self._held = FrozenRows(rows, self._end)

    def freeze(self) -> Iterator[Step]:
        """Stand still at what is shown now."""
        if self.keys is None:
            yield from self._forget()
        self.source = FrozenRows(self.rows, self._end)

    def thaw(self) -> Iterator[Step]:
        """Go on after `freeze`."""
        self.source = self.rows
        yield from self.retake()

    def note(self, dirty: Collection[int]) -> None:
        """Remember changed rows for the next `sort`."""
        self._changed.update(dirty)

    def follow(self, dirty: Collection[int]) -> Iterator[Step]:
        """Show what happened since the last time, newest on top.

        Args:
            dirty: positions of rows that were replaced or touched.
        """
        yield from self._forget()
        staying = dirty
        if dirty and self.accepts is not None and self._shown is not None:
            flips = Flips(self.source, self.accepts, self._shown, dirty, self._end)
            yield from self._flip(flips, self._shown)
            staying = flips.staying
        yield from self._repaint(staying)
        yield from self._grow()

    def sort(self) -> Iterator[Step]:
        """Bring a sorted table up to date: rows gone, rows arrived, rows changed, all in one."""
        source, keys, shown = self.source, self.keys, self._shown
        if keys is None or self._order is None:
            return
        keys.forget(range(self._first, min(source.first, self._end)))
        keys.forget(self._changed)
        start = max(self._end, source.first)
        # The old order is nearly the new one, and sorting what is nearly sorted is cheap.
        if shown is not None and self.accepts is not None:
            del shown[: bisect_left(shown, source.first)]
            shown = Flips(source, self.accepts, shown, self._changed, self._end).apply(shown)
            shown += matching_positions(source, self.accepts, start)
            matching = set(shown)
            hint = [position for position in self._order if position in matching]
            matching.difference_update(hint)
            hint += matching
        else:
            hint = [position for position in self._order if position >= source.first]
            hint += range(start, source.end)
        self._changed.clear()
        before = self._order
        self._first, self._end = source.first, source.end
        order = keys.order(source, hint)
        yield from self._transform(before, order, shown, order)

    def retake(self) -> Iterator[Step]:
        """Work out afresh what is shown: after a new filter, a new order, or having been hidden."""
        source = self.source
        self._changed.clear()
        if self.accepts is None and self.keys is None and self._order is self._shown is None:
            yield from self._forget()
            yield from self._grow()
        else:
            before = list(self._newest_first()) if self._order is None else self._order
            if self.keys is not None:
                self.keys.clear()
            self._first, self._end = source.first, source.end
            shown = self._all_matching()
            wanted: Sequence[int] = range(self._end - 1, self._first - 1, -1)
            wanted = wanted if shown is None else shown[::-1]
            order = None if self.keys is None else self.keys.order(source, wanted)
            yield from self._transform(before, order or list(wanted), shown, order)
        if len(self):
            yield Step("repaint", 0, len(self) - 1)

    # How it is done

    def _all_matching(self) -> list[int] | None:
        if self.accepts is None:
            return None
        return matching_positions(self.source, self.accepts, self.source.first)

    def _newest_first(self) -> Sequence[int]:
        if self._shown is not None:
            return self._shown[::-1]
        return range(self._end - 1, self._first - 1, -1)

    def _forget(self) -> Iterator[Step]:
        """Drop what the source has forgotten: always the lowest rows of the table."""
        first, shown = self.source.first, self._shown
        if first == self._first:
            return
        gone = min(first, self._end) - self._first if shown is None else bisect_left(shown, first)

        def apply() -> None:
            if shown is not None:
                del shown[:gone]
            self._first, self._end = first, max(self._end, first)

        if gone:
            yield Step("remove", len(self) - gone, len(self) - 1, apply)
        else:
            apply()

    def _grow(self) -> Iterator[Step]:
        """Put what has arrived on top."""
        end, shown = self.source.end, self._shown
        fresh: Sequence[int] = range(self._end, end)
        if self.accepts is not None and fresh:
            fresh = matching_positions(self.source, self.accepts, self._end)

        def apply() -> None:
            if shown is not None:
                shown.extend(fresh)
            self._end = end

        if fresh:
            yield Step("insert", 0, len(fresh) - 1, apply)
        else:
            apply()

    def _flip(self, flips: Flips, shown: list[int]) -> Iterator[Step]:
        """Let changed rows enter and leave the filter."""
        leaving, entering = runs_of(flips.leaving), runs_of(flips.entering)
        if len(leaving) + len(entering) > _MOST_STEPS:
            kept = flips.apply(shown)
            yield from self._transform(shown[::-1], kept[::-1], kept, None)
            return
        for low, high in leaving:
            at, stop = bisect_left(shown, low), bisect_left(shown, high + 1)
            rows = len(shown) - stop, len(shown) - 1 - at
            yield Step("remove", *rows, partial(shown.__delitem__, slice(at, stop)))
        for low, high in entering:
            at = bisect_left(shown, low)
            row = len(shown) - at
            fresh = range(low, high + 1)
            yield Step(
                "insert", row, row + high - low, partial(shown.__setitem__, slice(at, at), fresh)
            )

    def _transform(
        self,
        before: list[int],
        after: list[int],
        shown: list[int] | None,
        order: list[int] | None,
    ) -> Iterator[Step]:
        """Change to another list of positions in three steps whatever the difference.

        What is new is put at the end, everything is brought into its new order with what is gone
        at the end, and that is removed.
        """
        fresh = set(after)
        gone = [position for position in before if position not in fresh]
        fresh.difference_update(before)
        grown = before + [position for position in after if position in fresh]
        moved = after + gone

        def arrange(positions: list[int]) -> Callable[[], None]:
            return lambda: setattr(self, "_order", positions)

        def settle() -> None:
            self._shown, self._order = shown, order
            self._held = None if order is None else FrozenRows(self.source, self._end)

        self._order = before
        if fresh:
            yield Step("insert", len(before), len(grown) - 1, arrange(grown))
        if moved != grown:
            yield Step("layout", 0, len(moved) - 1, arrange(moved), grown, moved)
        if gone:
            yield Step("remove", len(after), len(moved) - 1, settle)
        else:
            settle()

    def _repaint(self, positions: Iterable[int]) -> Iterator[Step]:
        rows = (self.view_row(position) for position in positions)
        ranges = runs_of(sorted(row for row in rows if row is not None), gap=4)
        if len(ranges) > _MOST_STEPS:
            ranges = [(ranges[0][0], ranges[-1][1])]
        for low, high in ranges:
            yield Step("repaint", low, high)
