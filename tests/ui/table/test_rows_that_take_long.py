"""Passes over rows that take long to look at are made in short steps."""

import time
from collections.abc import Sequence
from typing import Final

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from pulse_desktop.query import Field, FieldIndex, FieldKind, FieldSet, compile_query, parse
from pulse_desktop.state.dictionary_column import DictionaryColumns
from pulse_desktop.state.ring_buffer import RingBuffer
from pulse_desktop.ui.query.value_counts import SAMPLED, ValueCounts
from pulse_desktop.ui.rows import facet_counts, row_filter, time_slice
from pulse_desktop.ui.rows.facet_counts import FacetCounts
from pulse_desktop.ui.rows.row_filter import RowFilter, newest_matching
from pulse_desktop.ui.rows.time_slice import TimeSlice
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.model import LiveTableModel

_SLICE_S: Final = 0.008
_COST_S: Final = _SLICE_S / 3
_MOST: Final = 8
"""Rows of a step that is ended after a slice of time, with some to spare."""
_COUNT: Final = 3_000


def _burn() -> None:
    """Use as much processor time as it takes to look at a large row."""
    end = time.thread_time() + _COST_S
    while time.thread_time() < end:
        pass


class _Looks:
    """Looks at rows, each of which takes long, and counts them."""

    def __init__(self) -> None:
        self.count = 0

    def get(self, row: str, _now: float = 0.0) -> tuple[str, ...]:
        """Return the only value of a row."""
        self.count += 1
        _burn()
        return (row,)

    def is_last(self, row: str) -> bool:
        """Return whether a row is the oldest one."""
        return self.get(row) == ("row 0",)


@pytest.fixture(autouse=True)
def slices_of_time(no_slices_of_time: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_slice, "SLICE_S", _SLICE_S)
    for module in (row_filter, facet_counts):
        monkeypatch.setattr(module, "CHANGES_S", _SLICE_S)


@pytest.fixture
def looks() -> _Looks:
    return _Looks()


def _rows(count: int = _COUNT) -> RingBuffer[str]:
    rows = RingBuffer[str](count)
    for number in range(count):
        rows.append(f"row {number}")
    return rows


def test_a_step_goes_on_from_the_newest_row_until_its_time_is_up() -> None:
    at = 0.0

    def clock() -> float:
        nonlocal at
        at += 1.0
        return at

    rows = _rows(1_000)
    step = TimeSlice(300.0, clock)
    found = list(step.newest_first(rows, 10, 990))
    assert found == [(position, f"row {position}") for position in range(989, 689, -1)]
    assert list(step.newest_first(rows, 10, 20)) == [(19, "row 19")], "it always gets on"
    assert list(step.newest_first(rows, 10, 10)) == []


@pytest.mark.parametrize("wanted", [1, 5])
def test_a_filter_of_rows_that_take_long_stops_in_time(looks: _Looks, wanted: int) -> None:
    rows = _rows(wanted)
    found, start = newest_matching(rows, lambda row: bool(looks.get(row)), rows.stop)
    assert looks.count <= _MOST
    assert found.tolist() == list(range(start, wanted))
    rows = _rows()
    looks.count = 0
    found, start = newest_matching(rows, looks.is_last, rows.stop)
    assert 0 < looks.count <= _MOST
    assert start == _COUNT - looks.count


@pytest.mark.parametrize("kinds", [1, 20], ids=["dense", "sparse"])
def test_rows_that_columns_leave_open_are_looked_at_in_time(looks: _Looks, kinds: int) -> None:
    fields = FieldSet[str](
        (
            Field(
                "kind",
                FieldKind.TEXT,
                "Kind",
                lambda row, _now: (f"kind {int(row.split()[1]) % kinds}",),
                index=FieldIndex("kind", lambda kind: (kind,)),
            ),
            Field("text", FieldKind.TEXT, "Text", looks.get),
        ),
        lambda row: row,
    )
    rows, columns = _rows(), DictionaryColumns(_COUNT, ("kind",))
    column = columns.column("kind")
    assert column is not None
    for position in range(rows.start, rows.stop):
        column.set(position, f"kind {position % kinds}")
    query = compile_query(parse('kind="kind 0" text=none'), fields, 0.0)
    accepts = RowFilter(query, rows, columns)
    found, start = newest_matching(rows, accepts, rows.stop)
    assert 0 < looks.count <= _MOST
    assert not len(found)
    assert _COUNT - kinds * (_MOST + 1) <= start < _COUNT
    while start > rows.start:
        looks.count, before = 0, start
        found, start = newest_matching(rows, accepts, start)
        assert start < before, "every step gets on"
        assert looks.count <= _MOST
        if start < _COUNT - 40 * kinds:
            break


def test_a_short_table_of_rows_that_take_long_is_filtered_in_steps(looks: _Looks) -> None:
    rows = _rows(1_000)
    model = LiveTableModel(rows, [Column("text", "Text", lambda row, _now: row)])
    model.set_filter(looks.is_last)
    assert model.shown_count == 1, "at once, unless told otherwise"
    looks.count = 0
    model.catch_up(1.0)
    assert looks.count < 1_000
    assert model.filter_pending


def test_facets_of_rows_that_take_long_are_counted_in_steps(looks: _Looks) -> None:
    def facets(_row: str) -> Sequence[str]:
        return ("all",)

    rows = _rows()
    counts = FacetCounts(lambda: rows, facets)
    counts.set_filter(lambda row: bool(looks.get(row)))
    assert counts.count_next_slice()
    assert 0 < looks.count <= _MOST
    assert counts.counts == {"all": looks.count}


@pytest.mark.parametrize("sort", ["", "text"])
def test_changed_rows_that_take_long_are_filtered_in_steps(looks: _Looks, sort: str) -> None:
    rows = _rows(200)
    model = LiveTableModel(rows, [Column("text", "text", lambda row, _now: row)])
    model.set_filter(lambda row: bool(looks.get(row)) and not row.endswith("changed"))
    model.set_sort(sort)
    while model.filter_next_slice():
        pass
    assert model.shown_count == 200
    for position in range(0, 200, 2):
        rows.replace(position, f"{rows[position]} changed")
    dirty, steps = set(range(0, 200, 2)), 0
    now = 10.0
    while model.shown_count > 100:
        looks.count = 0
        model.refresh(now, dirty)
        if not sort:
            model.filter_next_slice()
        assert 0 < looks.count <= 2 * _MOST
        dirty = set()
        steps, now = steps + 1, now + 10.0
    assert steps > 5
    assert not any(row.endswith("changed") for row in model.row_objects())
    while model.filter_next_slice():
        pass
    assert model.shown_count == 100


def test_changed_rows_are_filtered_after_a_sort_was_removed(looks: _Looks) -> None:
    rows = _rows(200)
    model = LiveTableModel(rows, [Column("text", "text", lambda row, _now: row)])
    model.set_filter(lambda row: bool(looks.get(row)) and not row.endswith("changed"))
    model.set_sort("text")
    while model.filter_next_slice():
        pass
    for position in range(0, 200, 2):
        rows.replace(position, f"{rows[position]} changed")
    model.refresh(model.now, set(range(0, 200, 2)), may_sort=False)
    model.set_sort("")
    while model.filter_next_slice():
        pass
    assert model.shown_count == 100
    assert model.matches_between(rows.start, rows.stop) is not None


def test_changed_rows_that_take_long_are_counted_in_steps(looks: _Looks) -> None:
    changed: set[int] = set()

    def facets(row: str) -> Sequence[str]:
        return ("changed",) if int(row.split()[1]) in changed else ("all",)

    rows = _rows(100)
    counts = FacetCounts(lambda: rows, facets)
    counts.set_filter(lambda row: bool(looks.get(row)))
    while counts.count_next_slice():
        pass
    assert counts.counts == {"all": 100}
    changed.update(range(50))
    looks.count = 0
    counts.update(range(50))
    assert 0 < looks.count <= _MOST
    assert counts.pending
    while counts.count_next_slice():
        pass
    assert counts.counts == {"all": 50, "changed": 50}


def test_values_of_rows_that_take_long_are_counted_in_steps(looks: _Looks, qtbot: QtBot) -> None:
    fields = FieldSet[str]((Field("text", FieldKind.TEXT, "Text", looks.get),), lambda row: row)
    owner = QObject()
    rows = _rows(2 * SAMPLED)
    values = ValueCounts(lambda: rows, fields, {}, lambda _name, _row: (), lambda: 0.0, owner)
    first = values.values("text")
    assert 0 < looks.count <= _MOST
    assert len(first) == looks.count
    with qtbot.waitSignal(values.changed):
        pass
    assert len(values.values("text")) == looks.count > len(first)
