"""The table model shows what a naive model would, with few notifications to its views."""

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from PySide6.QtCore import QItemSelectionModel, QPersistentModelIndex, Qt
from PySide6.QtTest import QAbstractItemModelTester

from pulse_desktop.state.ring_buffer import RingBuffer
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui import throttle
from pulse_desktop.ui.rows.row_filter import SLICE
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.key_ranks import KeyRanks
from pulse_desktop.ui.table.model import ROW_ROLE, LiveTableModel


@dataclass(frozen=True)
class Thing:
    number: int
    size: float | None
    good: bool


COLUMNS: tuple[Column[Thing], ...] = (
    Column(
        "Number", "number", lambda thing, _now: str(thing.number), sort=lambda thing: thing.number
    ),
    Column(
        "Size",
        "size",
        lambda thing, _now: "" if thing.size is None else f"{thing.size:.1f}",
        align="right",
        sort=lambda thing: thing.size,
    ),
    Column(
        "State",
        "state",
        lambda thing, _now: "good" if thing.good else "bad",
        color=lambda thing: SemanticColor.GOOD if thing.good else SemanticColor.BAD,
        glyph=lambda thing: "✔" if thing.good else "✖",
    ),
)


Model = LiveTableModel[Thing]
Filter = Callable[[Thing], bool]


def _thing(number: int, rng: random.Random) -> Thing:
    size = rng.choice([None, 1.0, 2.0, rng.random()])
    return Thing(number, size, rng.random() < 0.6)


def _good(thing: Thing) -> bool:
    return thing.good


def _model(rows: RingBuffer[Thing]) -> Model:
    """Return a model that Qt's own tester checks after every change."""
    model = _unchecked_model(rows)
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    tester.setParent(model)
    return model


def _unchecked_model(rows: RingBuffer[Thing]) -> Model:
    """Return a model for many rows: the tester reads all of them after every change."""
    return LiveTableModel(rows, COLUMNS)


def _filled(count: int, capacity: int = 100) -> RingBuffer[Thing]:
    rows: RingBuffer[Thing] = RingBuffer(capacity)
    for number in range(count):
        rows.append(Thing(number, float(number % 7), number % 2 == 0))
    return rows


def _objects_by_role(model: Model) -> list[Thing]:
    return [model.data(model.index(row, 0), ROW_ROLE) for row in range(model.rowCount())]


def _numbers(model: Model) -> list[int]:
    return [thing.number for thing in model.row_objects()]


def _naive(
    rows: RingBuffer[Thing], accepts: Filter | None, key: str, *, descending: bool
) -> list[Thing]:
    kept = [thing for thing in reversed(list(rows)) if accepts is None or accepts(thing)]
    if not key:
        return kept
    known = [thing for thing in kept if getattr(thing, key) is not None]
    known.sort(key=lambda thing: float(getattr(thing, key)), reverse=descending)
    return known + [thing for thing in kept if getattr(thing, key) is None]


@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 40))]
)
def test_any_sequence_of_changes_shows_what_a_naive_model_shows(seed: int) -> None:
    rng = random.Random(seed)
    rows: RingBuffer[Thing] = RingBuffer(rng.choice([5, 40, 120, 900]))
    model = _model(rows)
    accepts: Filter | None = None
    key, descending = "", False
    number, now = 0, 1000.0
    for _ in range(60):
        now += 1.1
        match rng.randrange(9):
            case 0:
                accepts = rng.choice([None, _good, lambda thing: thing.number % 3 == 0])
                model.set_filter(accepts)
            case 1:
                key, descending = rng.choice(["", "", "size", "number"]), rng.random() < 0.5
                model.set_sort(key, descending=descending)
            case 2:
                rows.clear()
            case _:
                for _ in range(rng.choice([0, 1, 3, 30, 200])):
                    rows.append(_thing(number, rng))
                    number += 1
                for _ in range(rng.choice([0, 0, 2, 40])):
                    rows.prepend(_thing(-number, rng))
                    number += 1
                for _ in range(rng.choice([0, 1, 30])):
                    if len(rows):
                        position = rng.randrange(rows.start, rows.stop)
                        rows.replace(position, _thing(rows[position].number, rng))
        hidden = rng.random() < 0.2
        dirty = rows.drain_dirty()
        model.catch_up(now) if hidden else model.refresh(now, dirty)
        while model.filter_next_slice():
            pass
        assert list(model.row_objects()) == _naive(rows, accepts, key, descending=descending)
        assert [model.view_row(model.position_at(r)) for r in range(model.shown_count)] == list(
            range(model.shown_count)
        )


@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (2, 3))]
)
def test_persistent_indices_stay_on_their_rows(seed: int) -> None:
    rng = random.Random(seed)
    rows: RingBuffer[Thing] = RingBuffer(60)
    for number in range(40):
        rows.append(_thing(number, rng))
    model = _model(rows)
    persistent: dict[QPersistentModelIndex, int] = {}
    for step in range(30):
        for row in range(0, model.rowCount(), 5):
            persistent[QPersistentModelIndex(model.index(row, 1))] = model.position_at(row)
        match rng.randrange(4):
            case 0:
                model.set_filter(rng.choice([None, _good]))
            case 1:
                model.set_sort(rng.choice(["", "size"]), descending=rng.random() < 0.5)
            case 2:
                for _ in range(12):
                    position = rng.randrange(rows.start, rows.stop)
                    rows.replace(position, _thing(rows[position].number, rng))
            case _:
                for _ in range(4):
                    rows.append(_thing(1000 + step, rng))
        model.refresh(step * 2.0, rows.drain_dirty())
        persistent = {index: position for index, position in persistent.items() if index.isValid()}
        assert all(model.position_at(i.row()) == position for i, position in persistent.items())


def test_older_rows_appear_at_the_end() -> None:
    rows = _filled(3)
    model = _model(rows)
    changes: list[tuple[int, int]] = []
    model.rowsInserted.connect(lambda _parent, low, high: changes.append((low, high)))
    for number in (-1, -2, -3):
        rows.prepend(Thing(number, 0.0, True))
    model.refresh(1.0)
    assert _numbers(model) == [2, 1, 0, -1, -2, -3]
    assert changes == [(3, 5)]


def test_older_rows_are_filtered_in_slices_and_reach_no_paused_table() -> None:
    rows = _filled(10, capacity=30_000)
    model = _unchecked_model(rows)
    model.set_filter(_good)
    model.set_paused(paused=True)
    for number in range(20_000):
        rows.prepend(Thing(-number, 0.0, number % 2 == 0))
    model.refresh(1.0)
    assert (model.filter_pending, model.shown_count) == (False, 5)
    model.set_paused(paused=False)
    assert model.filter_pending
    assert model.shown_count < 5_000
    slices = 1
    while model.filter_next_slice():
        slices += 1
    assert slices > 4
    assert model.shown_count == 10_005


def test_a_long_filtered_table_shows_at_once_what_it_showed_while_it_catches_up() -> None:
    rows = _filled(30_000, capacity=30_000)
    model = _unchecked_model(rows)
    model.set_filter(_good)
    rows.replace(0, Thing(0, 0.0, False))
    rows.replace(29_998, Thing(29_998, 0.0, False))
    rows.drain_dirty()
    model.catch_up(1.0)
    assert (model.filtering, model.shown_count) == (True, 15_000)
    while model.filter_next_slice():
        pass
    assert _numbers(model) == list(range(29_996, 0, -2))


@pytest.mark.parametrize(
    ("key", "descending"),
    [
        *(("size", True), ("state", False), ("mixed", True)),
        *(
            pytest.param(*each, marks=pytest.mark.slow)
            for each in (
                *(("size", False), ("state", True), ("mixed", False)),
                *itertools.product(("number", "text"), (False, True)),
            )
        ),
    ],
)
def test_a_long_table_is_sorted_in_slices_and_stays_sorted(key: str, *, descending: bool) -> None:
    rng = random.Random(3)
    rows: RingBuffer[Thing] = RingBuffer(41_000)
    for number in range(40_000):
        rows.append(_thing(number, rng))
    model = LiveTableModel(rows, (*COLUMNS, *LONG_COLUMNS))
    model.set_sort(key, descending=descending)
    assert model.filtering
    assert _numbers(model)[:2] == [39_999, 39_998]
    number, now = 40_000, 0.0
    for _ in range(4):
        slices = 0
        while model.filter_next_slice():
            slices += 1
            if slices == 2:  # some are evicted before they are sorted
                for _ in range(900):
                    rows.append(_thing(number, rng))
                    number += 1
        now += 100.0
        model.refresh(now, rows.drain_dirty())
        while model.filter_next_slice():
            pass
        sort_key = model.columns[[each.key for each in model.columns].index(key)].sort or _state
        known = [
            p for p in range(rows.stop - 1, rows.start - 1, -1) if sort_key(rows[p]) is not None
        ]
        unknown = [p for p in range(rows.stop - 1, rows.start - 1, -1) if sort_key(rows[p]) is None]
        as_text = str if key == "mixed" else lambda value: value
        known.sort(key=lambda p: as_text(sort_key(rows[p])), reverse=descending)
        assert list(model.row_objects()) == [rows[p] for p in (*known, *unknown)]
        for _ in range(500):
            position = rng.randrange(rows.start, rows.stop)
            rows.replace(position, _thing(rows[position].number, rng))


def _state(thing: Thing) -> str:
    return "good" if thing.good else "bad"


def _text(thing: Thing) -> str:
    return f"{thing.number * 7919 % 100_003:06}"


LONG_COLUMNS: tuple[Column[Thing], ...] = (
    Column("Text", "text", lambda thing, _now: _text(thing), sort=_text),
    Column(
        "Mixed",
        "mixed",
        lambda thing, _now: _text(thing),
        sort=lambda thing: _text(thing) if thing.good else thing.size,
    ),
)


def test_ranks_have_the_order_of_their_keys() -> None:
    rng = random.Random(1)
    ranks = KeyRanks(as_text=False)
    keys: list[str] = []
    for _ in range(30):
        low = rng.randrange(100_000)
        # Many keys between the same two others: there is no number between these any more.
        new = [f"{low:06}.{rng.random():.9f}" for _ in range(rng.choice([1, 200]))]
        new += [f"last {len(keys)}", f"100000.{len(keys):09}"]
        keys += new
        codes = ranks.add(new)
        assert codes == ranks.add(new)
        rank_of = dict(zip(keys, ranks.ranks()[ranks.add(keys)].tolist(), strict=True))
        by_rank = sorted(keys, key=rank_of.__getitem__)
        assert by_rank == sorted(keys)
    assert len(ranks) == len(keys)


def test_a_filter_keeps_the_order_of_a_long_table() -> None:
    rows = _filled(30_000, capacity=30_000)
    model = _unchecked_model(rows)
    model.set_sort("size")
    model.set_filter(_good, incremental=True)
    while model.filter_next_slice():
        pass
    assert list(model.row_objects()) == _naive(rows, _good, "size", descending=False)
    model.catch_up(1.0)
    while model.filter_next_slice():
        pass
    assert list(model.row_objects()) == _naive(rows, _good, "size", descending=False)


def test_the_newest_row_is_first() -> None:
    model = _model(_filled(3))
    assert _numbers(model) == [2, 1, 0]
    assert _objects_by_role(model) == list(model.row_objects())


def test_a_frame_makes_one_insertion_and_one_removal() -> None:
    rows = _filled(10, capacity=10)
    model = _model(rows)
    changes: list[tuple[str, int, int]] = []
    model.rowsInserted.connect(lambda _parent, low, high: changes.append(("insert", low, high)))
    model.rowsRemoved.connect(lambda _parent, low, high: changes.append(("remove", low, high)))
    for number in range(4):
        rows.append(Thing(number, 0.0, True))
    model.refresh(1.0)
    assert changes == [("remove", 6, 9), ("insert", 0, 3)]


def test_changed_rows_are_announced_as_few_ranges() -> None:
    rows = _filled(50)
    model = _model(rows)
    changes: list[tuple[int, int]] = []
    model.dataChanged.connect(lambda top, bottom, _roles: changes.append((top.row(), bottom.row())))
    model.refresh(1.0, {10, 11, 40})
    assert changes == [(9, 9), (38, 39)]


def test_a_row_that_no_longer_matches_leaves_at_once() -> None:
    rows = _filled(6)
    model = _model(rows)
    model.set_filter(_good)
    rows.replace(2, Thing(2, 0.0, False))
    rows.replace(3, Thing(3, 0.0, True))
    model.refresh(1.0, rows.drain_dirty())
    assert _numbers(model) == [4, 3, 0]


def test_a_sorted_table_is_sorted_once_a_second_and_keeps_evicted_rows_until_then() -> None:
    rows = _filled(4, capacity=4)
    model = _model(rows)
    model.refresh(10.0)
    model.set_sort("number")
    for number in (7, 8):
        rows.append(Thing(number, 0.0, True))
    model.refresh(10.5)
    assert _numbers(model) == [0, 1, 2, 3]
    model.refresh(11.0)
    assert _numbers(model) == [2, 3, 7, 8]


def test_keys_of_mixed_types_are_sorted_as_text() -> None:
    rows: RingBuffer[object] = RingBuffer(10)
    for value in (3, "two", None, 1):
        rows.append(value)
    column = Column[object](
        "Value", "value", lambda value, _now: str(value), sort=lambda value: value
    )
    model = LiveTableModel(rows, (column,))
    model.set_sort("value")
    assert [model.row_object(row) for row in range(4)] == [1, 3, "two", None]


def test_a_paused_table_does_not_change_and_counts_waiting_rows() -> None:
    rows = _filled(8, capacity=8)
    model = _model(rows)
    before = list(model.row_objects())
    model.set_paused(True)
    for number in range(20):
        rows.append(Thing(100 + number, 0.0, True))
    model.refresh(1.0, rows.drain_dirty())
    assert list(model.row_objects()) == before
    assert (model.paused, model.waiting_count) == (True, 8)  # the others are gone
    model.set_filter(_good)
    assert _numbers(model) == [6, 4, 2, 0]
    model.set_filter(None)
    model.set_paused(False)
    assert _numbers(model) == [119 - i for i in range(8)]
    assert model.waiting_count == 0


def test_a_table_that_was_hidden_catches_up_at_once() -> None:
    rows = _filled(8, capacity=8)
    model = _model(rows)
    model.set_filter(_good)
    for number in range(5):
        rows.append(Thing(100 + number, 0.0, True))
    rows.replace(rows.start, Thing(5, 0.0, True))
    rows.drain_dirty()
    model.catch_up(5.0)
    assert _numbers(model) == [104, 103, 102, 101, 100, 6, 5]


def test_a_cell_shows_its_state_as_glyph_word_and_color() -> None:
    model = _model(_filled(1))
    cell = model.index(0, 2)
    assert cell.data() == "✔ good"
    assert cell.data(Qt.ItemDataRole.AccessibleTextRole) == "good"
    assert cell.data(Qt.ItemDataRole.ForegroundRole) is not None
    assert model.headerData(1, Qt.Orientation.Horizontal) == "Size"
    assert model.index(0, 1).data(Qt.ItemDataRole.TextAlignmentRole) & Qt.AlignmentFlag.AlignRight


def test_the_selection_stays_on_its_rows_through_a_sort() -> None:
    rows = _filled(30)
    model = _model(rows)
    selection = QItemSelectionModel(model)
    flags = QItemSelectionModel.SelectionFlag
    for row in (3, 4, 20):
        selection.select(model.index(row, 0), flags.Select | flags.Rows)
    before = {model.position_at(row) for row in (3, 4, 20)}
    model.set_sort("size", descending=True)
    assert {model.position_at(index.row()) for index in selection.selectedRows()} == before


def test_sorting_by_an_unknown_column_raises() -> None:
    with pytest.raises(KeyError):
        _model(_filled(1)).set_sort("nothing")


def test_an_incremental_filter_shows_the_newest_matches_first_and_the_others_later() -> None:
    rows = _filled(10_000, capacity=20_000)
    model = _unchecked_model(rows)
    model.set_filter(lambda thing: thing.number % 100 == 0, incremental=True)
    assert model.filter_pending
    assert _numbers(model) == list(range(9_900, 10_000 - SLICE, -100))
    rows.append(Thing(10_000, 0.0, True))
    rows.replace(5_950, Thing(6_000, 0.0, True))
    rows.replace(1, Thing(100, 0.0, True))
    model.refresh(1.0, rows.drain_dirty())
    while model.filter_next_slice():
        pass
    expected = [thing.number for thing in reversed(list(rows)) if thing.number % 100 == 0]
    assert _numbers(model) == expected
    assert not model.filter_pending


def test_rows_evicted_during_an_incremental_filter_are_skipped() -> None:
    rows = _filled(10_000, capacity=10_000)
    model = _unchecked_model(rows)
    model.set_filter(_good, incremental=True)
    for number in range(7_000):
        rows.append(Thing(number, 0.0, False))
    model.refresh(1.0)
    while model.filter_next_slice():
        assert all(thing.good for thing in model.row_objects())
    assert list(model.row_objects()) == [thing for thing in reversed(list(rows)) if thing.good]


def test_changed_rows_are_sorted_while_the_clock_of_what_is_shown_stands_still(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = SimpleNamespace(passed=0.0)
    monkeypatch.setattr(throttle, "time", SimpleNamespace(perf_counter=lambda: clock.passed))
    rows = _filled(3)
    model = _unchecked_model(rows)
    model.refresh(1000.0)
    model.set_sort("number", descending=True)
    rows.replace(rows.start, Thing(9, 0.0, good=True))
    model.refresh(1000.0, rows.drain_dirty())
    assert _numbers(model) == [2, 1, 9]
    clock.passed = 5.0
    model.refresh(1000.0)
    assert _numbers(model) == [9, 2, 1]
