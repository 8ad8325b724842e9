"""The ring buffer stays within its bounds, and a position always names the same row."""

import sys

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pulse_desktop.state.ring_buffer import RingBuffer

Row = tuple[int, int]  # serial number, weight

WEIGHTS = st.integers(1, 12)


class RingBufferMachine(RuleBasedStateMachine):
    """Applies the same operations to a ring buffer and to a dictionary of rows by position."""

    @initialize(capacity=st.integers(1, 6), max_weight=st.sampled_from([0, 0, 10, 25]))
    def start(self, capacity: int, max_weight: int) -> None:
        self.reported: list[Row] = []
        self.rows: RingBuffer[Row] = RingBuffer(
            capacity,
            max_weight=max_weight,
            weigh=(lambda row: row[1]) if max_weight else None,
            on_evict=self.reported.append,
        )
        self.capacity, self.max_weight = capacity, max_weight
        self.kept: dict[int, Row] = {}
        self.stop = 0
        self.closed, self.refused = False, 0
        self.dirty: set[int] = set()
        self.evicted: list[Row] = []
        self.serial = 0

    def row(self, weight: int) -> Row:
        self.serial += 1
        return (self.serial, weight)

    def trim(self, position: int) -> None:
        """Evict rows before a position."""

        def heavy() -> bool:
            return 0 < self.max_weight < sum(w for _, w in self.kept.values())

        while min(self.kept) < position and (len(self.kept) > self.capacity or heavy()):
            self.evicted.append(self.kept.pop(min(self.kept)))
            self.closed = True

    @rule(weight=WEIGHTS, times=st.integers(1, 9))
    def append(self, weight: int, times: int) -> None:
        for _ in range(times):
            row = self.row(weight)
            assert self.rows.append(row) == self.stop
            self.kept[self.stop] = row
            self.trim(self.stop)
            self.stop += 1

    @rule(weight=WEIGHTS, times=st.integers(1, 4))
    def prepend(self, weight: int, times: int) -> None:
        for _ in range(times):
            row = self.row(weight)
            full = len(self.kept) == self.capacity
            heavy = 0 < self.max_weight < sum(w for _, w in self.kept.values()) + weight
            position = self.rows.prepend(row)
            if self.closed or full or heavy:
                assert position is None
                self.closed = True
                self.refused += 1
            else:
                assert position == min(self.kept, default=self.stop) - 1
                self.kept[position] = row

    @rule(back=st.integers(-2, 9), weight=WEIGHTS)
    def replace(self, back: int, weight: int) -> None:
        position, row = self.stop - back, self.row(weight)
        self.rows.replace(position, row)
        if position in self.kept:
            self.kept[position] = row
            self.dirty.add(position)
            self.trim(position)

    @rule()
    def drain_dirty(self) -> None:
        assert self.rows.drain_dirty() == self.dirty
        self.dirty = set()

    @rule()
    def clear(self) -> None:
        self.rows.clear()
        self.kept, self.dirty, self.closed = {}, set(), False
        self.stop += self.capacity

    @rule(start=st.integers(-3, 12), length=st.integers(-1, 8))
    def span(self, start: int, length: int) -> None:
        start = self.stop - start
        expected = [self.kept[p] for p in range(start, start + length) if p in self.kept]
        assert self.rows.span(start, start + length) == expected

    @rule(limit=st.none() | st.integers(0, 8))
    def newest_first(self, limit: int | None) -> None:
        expected = [self.kept[p] for p in sorted(self.kept, reverse=True)]
        assert list(self.rows.newest_first(limit)) == expected[:limit]

    @invariant()
    def same(self) -> None:
        rows, kept = self.rows, self.kept
        first = min(kept, default=self.stop)
        assert (rows.start, rows.stop) == (first, self.stop)
        assert list(rows) == [kept[p] for p in sorted(kept)]
        assert len(rows) == len(kept)
        assert bool(rows) == bool(kept)
        assert (self.reported, rows.evicted) == (self.evicted, len(self.evicted))
        assert rows.refused == self.refused
        assert rows.takes_older == (not self.closed and len(kept) < self.capacity)
        assert rows.weight == (sum(w for _, w in kept.values()) if self.max_weight else 0)
        for position in range(first - 2, self.stop + 2):
            if position in kept:
                assert rows[position] == kept[position]
            else:
                with pytest.raises(IndexError):
                    rows[position]


TestRingBuffer = RingBufferMachine.TestCase
TestRingBuffer.settings = settings(deadline=None, stateful_step_count=30)


def test_a_capacity_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        RingBuffer(0)


def test_the_newest_row_stays_even_when_it_exceeds_the_maximum_weight() -> None:
    rows: RingBuffer[str] = RingBuffer(10, max_weight=5, weigh=len)
    rows.append("abc")
    rows.append("much too long")
    assert list(rows) == ["much too long"]


def test_older_rows_are_refused_from_the_first_gap_on() -> None:
    rows: RingBuffer[str] = RingBuffer(10, max_weight=5, weigh=len)
    rows.append("abc")
    assert rows.prepend("ab") == -1
    assert rows.prepend("c") is None
    rows.replace(-1, "a")
    assert rows.prepend("c") is None  # there is room, but the row between is missing
    assert (list(rows), rows.refused) == (["a", "abc"], 2)


def test_evicted_rows_are_not_referenced() -> None:
    rows: RingBuffer[set[str]] = RingBuffer(2)
    first = {"a"}
    rows.append(first)
    before = sys.getrefcount(first)
    rows.append({"b"})
    rows.append({"c"})
    assert sys.getrefcount(first) == before - 1
