"""The live table shows exactly what a naive table would, and moves nothing it need not move."""

import random
from dataclasses import dataclass

import pytest
from PySide6.QtCore import QItemSelectionModel, QPersistentModelIndex, Qt
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QApplication

from pulse_desktop.state.ring_buffer import RingBuffer
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.model import ROW_ROLE, LiveTableModel


@dataclass(frozen=True)
class Thing:
    number: int
    size: float | None
    good: bool


COLUMNS = (
    Column("Number", "number", lambda thing, _: str(thing.number), sort=lambda t: t.number),
    Column(
        "Size",
        "size",
        lambda thing, _: "" if thing.size is None else f"{thing.size:.1f}",
        align="right",
        sort=lambda thing: thing.size,
    ),
    Column(
        "State",
        "state",
        lambda thing, _: "good" if thing.good else "bad",
        color=lambda thing: SemanticColor.GOOD if thing.good else SemanticColor.BAD,
        glyph=lambda thing: "✔" if thing.good else "✖",
    ),
)


def _thing(number, rng=random):
    size = rng.choice([None, 1.0, 2.0, rng.random()])
    return Thing(number, size, rng.random() < 0.6)


def _good(thing):
    return thing.good


def _model(rows, qtmodeltester=None):
    model = LiveTableModel(rows, COLUMNS)
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    tester.setParent(model)
    return model


def _filled(count, capacity=100):
    rows = RingBuffer(capacity)
    for number in range(count):
        rows.append(Thing(number, float(number % 7), number % 2 == 0))
    return rows


def _shown(model):
    return [model.data(model.index(row, 0), ROW_ROLE) for row in range(model.rowCount())]


def _numbers(model):
    return [thing.number for thing in model.row_objects()]


def _naive(rows, accepts, key, descending):
    kept = [thing for thing in reversed(list(rows)) if accepts is None or accepts(thing)]
    if not key:
        return kept
    known = [thing for thing in kept if getattr(thing, key) is not None]
    known.sort(key=lambda thing: getattr(thing, key), reverse=descending)
    return known + [thing for thing in kept if getattr(thing, key) is None]


@pytest.mark.parametrize("seed", range(8))
def test_any_sequence_of_changes_shows_what_a_naive_table_shows(qapp: QApplication, seed) -> None:
    rng = random.Random(seed)
    rows = RingBuffer(rng.choice([5, 40, 120]))
    model = _model(rows)
    accepts, key, descending = None, "", False
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
                for _ in range(rng.choice([0, 1, 30])):
                    if len(rows):
                        position = rng.randrange(rows.start, rows.stop)
                        rows.replace(position, _thing(rows[position].number, rng))
        model.refresh(now, rows.drain_dirty())
        assert list(model.row_objects()) == _naive(rows, accepts, key, descending)
        assert [model.view_row(model.position_at(r)) for r in range(model.shown_count)] == list(
            range(model.shown_count)
        )


@pytest.mark.parametrize("seed", range(4))
def test_persistent_rows_follow_what_they_pointed_at(qapp: QApplication, seed) -> None:
    rng = random.Random(seed)
    rows = RingBuffer(60)
    for number in range(40):
        rows.append(_thing(number, rng))
    model = _model(rows)
    held = {}
    for step in range(30):
        for row in range(0, model.rowCount(), 5):
            held[QPersistentModelIndex(model.index(row, 1))] = model.position_at(row)
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
        held = {index: position for index, position in held.items() if index.isValid()}
        assert all(model.position_at(i.row()) == position for i, position in held.items())


def test_the_newest_row_is_on_top(qapp: QApplication) -> None:
    model = _model(_filled(3))
    assert _numbers(model) == [2, 1, 0]
    assert _shown(model) == list(model.row_objects())


def test_a_frame_makes_one_insertion_and_one_removal(qapp: QApplication) -> None:
    rows = _filled(10, capacity=10)
    model = _model(rows)
    told = []
    model.rowsInserted.connect(lambda _, low, high: told.append(("in", low, high)))
    model.rowsRemoved.connect(lambda _, low, high: told.append(("out", low, high)))
    for number in range(4):
        rows.append(Thing(number, 0.0, True))
    model.refresh(1.0)
    assert told == [("out", 6, 9), ("in", 0, 3)]


def test_changed_rows_are_told_as_few_ranges(qapp: QApplication) -> None:
    rows = _filled(50)
    model = _model(rows)
    told = []
    model.dataChanged.connect(lambda top, bottom, _: told.append((top.row(), bottom.row())))
    model.refresh(1.0, {10, 11, 40})
    assert told == [(9, 9), (38, 39)]


def test_a_row_that_no_longer_matches_leaves_at_once(qapp: QApplication) -> None:
    rows = _filled(6)
    model = _model(rows)
    model.set_filter(_good)
    rows.replace(2, Thing(2, 0.0, False))
    rows.replace(3, Thing(3, 0.0, True))
    model.refresh(1.0, rows.drain_dirty())
    assert _numbers(model) == [4, 3, 0]


def test_a_sorted_table_is_put_in_order_once_a_second_and_keeps_forgotten_rows_till_then(
    qapp: QApplication,
) -> None:
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


def test_keys_that_cannot_be_compared_are_sorted_as_text(qapp: QApplication) -> None:
    rows = RingBuffer(10)
    for value in (3, "two", None, 1):
        rows.append(Thing(0, value, True))
    column = Column("Size", "size", lambda thing, _: str(thing.size), sort=lambda t: t.size)
    model = LiveTableModel(rows, (column,))
    model.set_sort("size")
    assert [thing.size for thing in model.row_objects()] == [1, 3, "two", None]


def test_a_paused_table_stands_still_and_counts_what_waits(qapp: QApplication) -> None:
    rows = _filled(8, capacity=8)
    model = _model(rows)
    before = list(model.row_objects())
    model.set_paused(True)
    for number in range(20):
        rows.append(Thing(100 + number, 0.0, True))
    model.refresh(1.0, rows.drain_dirty())
    assert list(model.row_objects()) == before
    assert (model.paused, model.waiting_count) == (True, 20)
    model.set_filter(_good)
    assert _numbers(model) == [6, 4, 2, 0]
    model.set_filter(None)
    model.set_paused(False)
    assert _numbers(model) == [119 - i for i in range(8)]
    assert model.waiting_count == 0


def test_after_being_hidden_everything_missed_is_shown_at_once(qapp: QApplication) -> None:
    rows = _filled(8, capacity=8)
    model = _model(rows)
    model.set_filter(_good)
    for number in range(5):
        rows.append(Thing(100 + number, 0.0, True))
    rows.replace(rows.start, Thing(5, 0.0, True))
    rows.drain_dirty()
    model.catch_up(5.0)
    assert _numbers(model) == [104, 103, 102, 101, 100, 6, 5]


def test_a_cell_tells_its_state_in_glyph_word_and_color(qapp: QApplication) -> None:
    model = _model(_filled(1))
    cell = model.index(0, 2)
    assert cell.data() == "✔ good"
    assert cell.data(Qt.ItemDataRole.AccessibleTextRole) == "good"
    assert cell.data(Qt.ItemDataRole.ForegroundRole) is not None
    assert model.headerData(1, Qt.Orientation.Horizontal) == "Size"
    assert model.index(0, 1).data(Qt.ItemDataRole.TextAlignmentRole) & Qt.AlignmentFlag.AlignRight


def test_a_selection_stays_on_its_rows_through_a_sort(qapp: QApplication) -> None:
    rows = _filled(30)
    model = _model(rows)
    selection = QItemSelectionModel(model)
    flags = QItemSelectionModel.SelectionFlag
    for row in (3, 4, 20):
        selection.select(model.index(row, 0), flags.Select | flags.Rows)
    wanted = {model.row_object(row).number for row in (3, 4, 20)}
    model.set_sort("size", descending=True)
    assert {model.row_object(i.row()).number for i in selection.selectedRows()} == wanted


def test_an_unknown_column_cannot_be_sorted_by(qapp: QApplication) -> None:
    with pytest.raises(KeyError):
        _model(_filled(1)).set_sort("nothing")


def test_a_new_filter_shows_the_newest_matches_first_and_the_older_ones_soon(
    qapp: QApplication,
) -> None:
    rows = _filled(10_000, capacity=20_000)
    model = _model(rows)
    model.set_filter(lambda thing: thing.number % 100 == 0, incremental=True)
    assert model.filter_pending
    assert _numbers(model) == list(range(9_900, 5_900, -100))
    rows.append(Thing(10_000, 0.0, True))
    rows.replace(5_950, Thing(6_000, 0.0, True))
    rows.replace(1, Thing(100, 0.0, True))
    model.refresh(1.0, rows.drain_dirty())
    while model.filter_next_slice():
        pass
    expected = [thing.number for thing in reversed(list(rows)) if thing.number % 100 == 0]
    assert _numbers(model) == expected
    assert not model.filter_pending


def test_what_is_forgotten_while_a_filter_searches_is_not_searched(qapp: QApplication) -> None:
    rows = _filled(10_000, capacity=10_000)
    model = _model(rows)
    model.set_filter(_good, incremental=True)
    for number in range(7_000):
        rows.append(Thing(number, 0.0, False))
    model.refresh(1.0)
    assert not model.filter_next_slice()
    assert list(model.row_objects()) == [thing for thing in reversed(list(rows)) if thing.good]
