"""Filters applied in slices, with or without dictionary columns, show what a naive one shows."""

import random
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from PySide6.QtTest import QAbstractItemModelTester

from pulse_desktop.query import Field, FieldIndex, FieldKind, FieldSet, compile_query, parse
from pulse_desktop.state.dictionary_column import DictionaryColumns
from pulse_desktop.state.ring_buffer import RingBuffer
from pulse_desktop.ui.rows import positions, row_filter
from pulse_desktop.ui.rows.row_filter import RowFilter, newest_matching
from pulse_desktop.ui.table import row_index
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.model import LiveTableModel

CAPACITY = 150
KINDS = [f"kind {number}" for number in range(300)]  # more than there are codes


@dataclass(frozen=True)
class Thing:
    """A row."""

    number: int
    kind: str


FIELDS = FieldSet[Thing](
    (
        Field(
            "kind",
            FieldKind.TEXT,
            "Kind",
            lambda thing, _now: (thing.kind,) if thing.kind else (),
            index=FieldIndex("kind", lambda kind: (kind,) if kind else ()),
        ),
        Field("number", FieldKind.NUMBER, "Number", lambda thing, _now: (thing.number,)),
    ),
    lambda thing: f"{thing.number} {thing.kind}",
    text_columns={"kind": str.casefold},
)
QUERIES = (
    'kind="kind 1"',
    'kind!="kind 1"',
    "not (kind:2 or number<500)",
    "kind:1 number>300",
    "kind:* or number:..400",
    "not kind:*",
    "1 -2",
    'kind="kind 299"',
    "number>100",
)


class Things:
    """Rows with a dictionary column."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.rows: RingBuffer[Thing] = RingBuffer(CAPACITY)
        self.columns = DictionaryColumns(CAPACITY, ("kind",))
        self.number = 0

    def thing(self) -> Thing:
        """Return another thing; a few kinds are frequent."""
        self.number += 1
        few, rare = self.rng.choice(["", *KINDS[:3]]), self.rng.choice(KINDS)
        return Thing(self.number, few if self.rng.random() < 0.7 else rare)

    def append(self, thing: Thing) -> None:
        """Add the newest."""
        self._code(self.rows.append(thing), thing)

    def prepend(self, thing: Thing) -> None:
        """Add the oldest, if there is room."""
        position = self.rows.prepend(thing)
        if position is not None:
            self._code(position, thing)

    def replace(self, position: int, thing: Thing) -> None:
        """Replace one."""
        self.rows.replace(position, thing)
        self._code(position, thing)

    def change(self) -> None:
        """Add and replace some."""
        rng, rows = self.rng, self.rows
        for _ in range(rng.choice([0, 1, 3, 30, 200])):
            self.append(self.thing())
        for _ in range(rng.choice([0, 1, 30])):
            self.prepend(self.thing())
        for _ in range(rng.choice([0, 1, 30]) if rows else 0):
            self.replace(rng.randrange(rows.start, rows.stop), self.thing())

    def filter(self, query: str) -> RowFilter[Thing]:
        """Return a filter that uses the column."""
        return RowFilter(compile_query(parse(query), FIELDS, 0.0), self.rows, self.columns)

    def _code(self, position: int, thing: Thing) -> None:
        column = self.columns.column("kind")
        assert column is not None
        column.set(position, thing.kind)


@pytest.fixture(autouse=True)
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_filter, "SLICE", 7)
    monkeypatch.setattr(row_filter, "_DECIDED_SLICE", 40)
    monkeypatch.setattr(row_filter, "_SEARCHED_SLICE", 4)
    monkeypatch.setattr(positions, "_LOOKED_UP", 16)
    monkeypatch.setattr(row_index, "_AT_ONCE_SHOWN", 10)


def naive(things: Things, accepts: Callable[[Thing], bool] | None, key: str) -> list[Thing]:
    """Return what is to be shown."""
    kept = [thing for thing in reversed(list(things.rows)) if accepts is None or accepts(thing)]
    return sorted(kept, key=lambda thing: thing.number) if key else kept


@pytest.mark.parametrize(
    "seed", [2, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(40) if seed != 2)]
)
def test_slices_show_what_a_naive_filter_shows(seed: int) -> None:
    things = Things(seed)
    rng = things.rng
    model = LiveTableModel(
        things.rows,
        (Column("Number", "number", lambda t, _now: str(t.number), sort=lambda t: t.number),),
    )
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    tester.setParent(model)
    accepts: RowFilter[Thing] | Callable[[Thing], bool] | None = None
    key, now = "", 1000.0
    for _ in range(80):
        now += 1.1
        match rng.randrange(10):
            case 0 | 1:
                query = rng.choice(QUERIES)
                accepts = rng.choice([None, things.filter(query), things.filter(query).accepts])
                model.set_filter(accepts, incremental=True)
            case 2 if accepts is not None:
                accepts = things.filter(rng.choice(QUERIES))
                model.update_filter(accepts)
            case 3:
                key = rng.choice(["", "number"])
                model.set_sort(key)
            case 4:
                model.set_paused(True)
                things.append(things.thing())
                model.refresh(now, things.rows.drain_dirty())
                model.set_paused(False)
            case _:
                things.change()
        for _ in range(rng.randrange(3)):
            model.filter_next_slice()
            if rng.random() < 0.2:
                model.show_found()
        model.refresh(now, things.rows.drain_dirty())
        if rng.random() < 0.5:
            while model.filter_next_slice():
                pass
            model.refresh(now + 1.05, things.rows.drain_dirty())
            assert not model.filter_pending
            assert list(model.row_objects()) == naive(things, accepts, key)


@pytest.mark.parametrize(
    "seed", [*range(5), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(5, 20))]
)
def test_blocks_of_which_columns_tell_nothing_hide_none_before(seed: int) -> None:
    things = Things(seed)
    rng = things.rng
    while things.number < CAPACITY:
        kind = rng.choice(KINDS[:3])
        for _ in range(rng.choice([1, 2, 5, 20, 40])):  # stretches of one kind
            things.append(Thing(things.number, kind))
            things.number += 1
    for query in (*QUERIES, 'kind="kind 1" number>=0', 'kind="kind 1" -number:31..35'):
        accepts = things.filter(query)
        expected = naive(things, accepts, "")
        found: list[Thing] = []
        stop = things.rows.stop
        while stop > things.rows.start:
            positions, start = newest_matching(things.rows, accepts, stop)
            assert start < stop, query
            found.extend(things.rows[position] for position in positions.tolist()[::-1])
            stop = start
        assert found == expected, query
        model = LiveTableModel(things.rows, ())
        model.set_filter(accepts, incremental=True)
        while model.filter_next_slice():
            pass
        assert list(model.row_objects()) == expected, query


def test_what_is_found_beyond_a_screenful_is_shown_when_asked_or_at_the_end() -> None:
    things = Things(1)
    for number in range(CAPACITY):
        things.append(Thing(number, ""))
    model = LiveTableModel(things.rows, ())
    model.set_filter(lambda thing: thing.number != 140, incremental=True)
    assert model.shown_count == 7
    insertions: list[tuple[int, int]] = []
    model.rowsInserted.connect(lambda _parent, low, high: insertions.append((low, high)))
    model.filter_next_slice()
    assert insertions == [(7, 12)]
    model.filter_next_slice()
    model.filter_next_slice()
    assert insertions == [(7, 12)]
    model.show_found()
    assert insertions[1:] == [(13, 26)]
    while model.filter_next_slice():
        assert model.filter_pending
    assert insertions[2:] == [(27, CAPACITY - 2)]
    assert not model.filter_pending


def test_what_was_found_is_shown_although_older_rows_were_evicted() -> None:
    things = Things(1)
    for number in range(CAPACITY):
        things.append(Thing(number, ""))
    model = LiveTableModel(things.rows, ())
    model.set_filter(lambda thing: thing.number % 2 == 0, incremental=True)
    while not model.filter_next_slice() or things.rows.stop - model.shown_count * 2 < 60:
        pass
    for number in range(CAPACITY, CAPACITY + 100):
        things.append(Thing(number, ""))
    assert model.filter_pending
    while model.filter_next_slice():
        pass
    model.refresh(1.0)
    assert [t.number for t in model.row_objects()] == list(range(CAPACITY + 98, 98, -2))


def test_a_filter_on_a_column_does_not_look_at_rows() -> None:
    things = Things(1)
    for _ in range(CAPACITY):
        things.append(Thing(1, things.rng.choice(KINDS[:9])))
    accepts = things.filter('kind="kind 1" or not kind:1')
    expected = [p for p in range(CAPACITY) if accepts(things.rows[p])]
    things.rows.span = things.rows.__getitem__ = None  # type: ignore[assignment, method-assign]
    found, start = newest_matching(things.rows, accepts, things.rows.stop)
    assert start == CAPACITY - 40
    assert found.tolist() == [p for p in expected if p >= start]


def test_rows_with_a_value_beyond_the_codes_are_looked_at() -> None:
    things = Things(1)
    for kind in KINDS[:CAPACITY]:
        things.append(Thing(0, kind))
    for kind in KINDS[CAPACITY:]:
        things.append(Thing(0, kind))
    accepts = things.filter('kind="kind 299"')
    column = things.columns.column("kind")
    assert column is not None
    assert len(column.values) == 255
    found, _start = newest_matching(things.rows, accepts, things.rows.stop)
    assert found.tolist() == [299]
