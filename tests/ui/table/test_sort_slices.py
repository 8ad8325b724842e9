"""Orders made in slices, while rows change and are evicted, are those of a naive sort."""

import random
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from pulse_desktop.state.ring_buffer import RingBuffer
from pulse_desktop.ui.rows import positions, row_filter
from pulse_desktop.ui.table import row_index, sort_keys
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.model import LiveTableModel


@dataclass(frozen=True)
class Thing:
    """A row."""

    number: int
    name: str


COLUMNS: tuple[Column[Thing], ...] = (
    Column("Number", "number", lambda t, _now: str(t.number), sort=lambda t: t.number),
    Column("Name", "name", lambda t, _now: t.name, sort=lambda t: t.name or None),
)
FILTERS: tuple[Callable[[Thing], bool] | None, ...] = (
    None,
    lambda thing: thing.number % 2 == 0,
    lambda thing: not thing.name.endswith("1"),
)
Filter = Callable[[Thing], bool]


@pytest.fixture
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, value in (
        (row_filter, "SLICE", 7),
        (positions, "_LOOKED_UP", 16),
        (row_index, "SLICE", 7),
        (row_index, "_AT_ONCE", 28),
        (row_index, "_AT_ONCE_SHOWN", 10),
        (sort_keys, "_SPARE", 4),
        (sort_keys, "_COMPUTED", 5),
        (sort_keys, "_SORTED", 16),
        (sort_keys, "_GATHERED", 32),
    ):
        monkeypatch.setattr(module, name, value)


def naive(
    rows: RingBuffer[Thing], accepts: Filter | None, key: str, *, descending: bool
) -> list[Thing]:
    """Return what is to be shown."""
    kept = [thing for thing in reversed(list(rows)) if accepts is None or accepts(thing)]
    if not key:
        return kept
    known = [thing for thing in kept if getattr(thing, key) != ""]
    known.sort(key=lambda thing: getattr(thing, key), reverse=descending)
    return known + [thing for thing in kept if getattr(thing, key) == ""]


@pytest.mark.usefixtures("small_slices")
@pytest.mark.parametrize(
    "seed", [0, 1, 2, 3, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(4, 150))]
)
def test_slices_sort_as_a_naive_sort(seed: int) -> None:
    rng = random.Random(seed)
    rows: RingBuffer[Thing] = RingBuffer(rng.choice([40, 90, 150]))
    model = LiveTableModel(rows, COLUMNS)
    accepts: Filter | None = None
    key, descending, paused = "", False, False
    number, now = 0, 1000.0

    def thing() -> Thing:
        nonlocal number
        number += 1
        return Thing(number, rng.choice(["", "a1", "b2", f"name {rng.randrange(500)}"]))

    for _ in range(100):
        now += 1.1
        match rng.randrange(12):
            case 0:
                accepts = rng.choice(FILTERS)
                model.set_filter(accepts, incremental=True)
            case 1 | 2:
                key, descending = rng.choice(["", "name", "name", "number"]), rng.random() < 0.5
                model.set_sort(key, descending=descending)
            case 3:
                paused = not paused
                model.set_paused(paused)
            case _:
                for _ in range(rng.choice([0, 1, 3, 30, 120])):
                    rows.append(thing())
                for _ in range(rng.choice([0, 1, 30, 120]) if len(rows) else 0):
                    rows.replace(rng.randrange(rows.start, rows.stop), thing())
        for _ in range(rng.randrange(4)):
            model.filter_next_slice()
        dirty = rows.drain_dirty()
        model.catch_up(now) if rng.random() < 0.3 else model.refresh(now, dirty)
        if rng.random() < 0.4 and not paused:
            while model.filter_next_slice():
                pass
            model.refresh(now + 1.05, rows.drain_dirty())
            while model.filter_next_slice():
                pass
            assert list(model.row_objects()) == naive(rows, accepts, key, descending=descending)


@pytest.mark.parametrize("first", [1, 10**400], ids=["at the end", "at the start"])
def test_integers_beyond_all_floats_are_sorted(first: int) -> None:
    rows: RingBuffer[Thing] = RingBuffer(100)
    for number in (first, 3, -(10**401), 10**401, 10**400 + 1, 2):
        rows.append(Thing(number, ""))
    model = LiveTableModel(rows, COLUMNS)
    for descending in (False, True):
        model.set_sort("number", descending=descending)
        shown = list(model.row_objects())
        assert shown == naive(rows, None, "number", descending=descending)
        rows.append(Thing(-(10**402), ""))
        model.refresh(float(len(rows)) * 10)
        shown = list(model.row_objects())
        assert shown == naive(rows, None, "number", descending=descending)


def test_rows_evicted_between_two_slices_have_no_key() -> None:
    rows: RingBuffer[Thing] = RingBuffer(40_000)
    for number in range(40_000):
        rows.append(Thing(number, f"name {number:06}"))
    model = LiveTableModel(rows, COLUMNS)
    model.set_sort("name")
    while model.filter_next_slice():
        pass
    for position in range(39_800):
        rows.replace(position, Thing(position, "same"))
    rows.drain_dirty()
    model.catch_up(1.0)
    model.filter_next_slice()
    for number in range(40_000, 50_000):
        rows.append(Thing(number, "same"))
    while model.filter_next_slice():
        pass
    model.refresh(3.0, rows.drain_dirty())
    while model.filter_next_slice():
        pass
    assert list(model.row_objects()) == naive(rows, None, "name", descending=False)


def test_a_new_order_filters_no_row_again_and_shows_the_old_one_until_it_is_made() -> None:
    rows: RingBuffer[Thing] = RingBuffer(80_000)
    for number in range(80_000):
        rows.append(Thing(number, f"name {number * 7919 % 100_003:06}"))
    looked_at = 0

    def accepts(thing: Thing) -> bool:
        nonlocal looked_at
        looked_at += 1
        return thing.number % 2 == 0

    model = LiveTableModel(rows, COLUMNS)
    model.set_filter(accepts)
    looked_at = 0
    model.set_sort("name")
    while model.filter_next_slice():
        pass
    by_name = list(model.row_objects())
    model.set_sort("number")
    model.filter_next_slice()
    assert list(model.row_objects()) == by_name
    while model.filter_next_slice():
        pass
    assert [thing.number for thing in model.row_objects()] == list(range(0, 80_000, 2))
    model.set_sort("")
    assert [thing.number for thing in model.row_objects()] == list(range(79_998, -1, -2))
    assert looked_at == 0


def test_no_step_of_a_sort_is_a_pass_over_all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    rows: RingBuffer[Thing] = RingBuffer(2_000)
    for number in range(2_000):
        rows.append(Thing(number, ""))
    for name in ("_COMPUTED", "_SORTED", "_GATHERED"):
        monkeypatch.setattr(sort_keys, name, 100)
    monkeypatch.setattr(positions, "_LOOKED_UP", 100)
    model = LiveTableModel(rows, COLUMNS)
    model.set_sort("number")
    while model.filter_next_slice():
        pass
    for number in range(2_000, 2_050):
        rows.append(Thing(number, ""))
    model.refresh(10.0, rows.drain_dirty())
    steps = 1
    while model.filter_next_slice():
        steps += 1
    # Numbers are looked up, divided, sorted and put in order, and both differences are made.
    assert steps > 4 * 20 + 2 * 2 * 20
