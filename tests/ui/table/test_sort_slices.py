"""Orders made in slices, while rows change and are evicted, are those of a naive sort."""

import random
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from pulse_desktop.state.ring_buffer import RingBuffer
from pulse_desktop.ui.rows import row_filter
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
