"""Rows keep to their bounds, and a position always names the same row."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pulse_desktop.state.ring_buffer import RingBuffer

LIGHT = st.integers(1, 12)


class RowsAgainstALedger(RuleBasedStateMachine):
    """Does the same to the rows and to a plain dictionary of position to row."""

    @initialize(capacity=st.integers(1, 6), max_weight=st.sampled_from([0, 0, 10, 25]))
    def start(self, capacity, max_weight) -> None:
        self.told = []
        self.rows = RingBuffer(
            capacity,
            max_weight=max_weight,
            weigh=(lambda row: row[1]) if max_weight else None,
            on_evict=self.told.append,
        )
        self.capacity, self.max_weight = capacity, max_weight
        self.kept, self.stop, self.dirty, self.evicted = {}, 0, set(), []
        self.serial = 0

    def row(self, weight):
        self.serial += 1
        return (self.serial, weight)

    def trim(self) -> None:
        def heavy():
            return self.max_weight and sum(w for _, w in self.kept.values()) > self.max_weight

        while len(self.kept) > 1 and (len(self.kept) > self.capacity or heavy()):
            self.evicted.append(self.kept.pop(min(self.kept)))

    @rule(weight=LIGHT, times=st.integers(1, 9))
    def append(self, weight, times) -> None:
        for _ in range(times):
            row = self.row(weight)
            assert self.rows.append(row) == self.stop
            self.kept[self.stop] = row
            self.stop += 1
            self.trim()

    @rule(back=st.integers(-2, 9), weight=LIGHT)
    def replace(self, back, weight) -> None:
        position, row = self.stop - back, self.row(weight)
        self.rows.replace(position, row)
        if position in self.kept:
            self.kept[position] = row
            self.dirty.add(position)

    @rule()
    def drain_dirty(self) -> None:
        assert self.rows.drain_dirty() == self.dirty
        self.dirty = set()

    @rule()
    def clear(self) -> None:
        self.rows.clear()
        self.kept, self.dirty = {}, set()

    @rule(start=st.integers(-3, 12), length=st.integers(-1, 8))
    def span(self, start, length) -> None:
        start = self.stop - start
        expected = [self.kept[p] for p in range(start, start + length) if p in self.kept]
        assert self.rows.span(start, start + length) == expected

    @rule(limit=st.none() | st.integers(0, 8))
    def newest_first(self, limit) -> None:
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
        assert (self.told, rows.evicted) == (self.evicted, len(self.evicted))
        assert rows.weight == (sum(w for _, w in kept.values()) if self.max_weight else 0)
        for position in range(first - 2, self.stop + 2):
            if position in kept:
                assert rows[position] == kept[position]
            else:
                with pytest.raises(IndexError):
                    rows[position]


TestRowsAgainstALedger = RowsAgainstALedger.TestCase
TestRowsAgainstALedger.settings = settings(deadline=None, stateful_step_count=30, max_examples=150)


def test_a_collection_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        RingBuffer(0)


def test_the_newest_row_stays_even_if_it_alone_is_too_heavy() -> None:
    rows = RingBuffer(10, max_weight=5, weigh=len)
    rows.append("abc")
    rows.append("much too long")
    assert list(rows) == ["much too long"]


def test_forgotten_rows_are_let_go() -> None:
    rows = RingBuffer(2)
    rows.append(first := {"a"}.copy())
    import sys

    before = sys.getrefcount(first)
    rows.append({"b"})
    rows.append({"c"})
    assert sys.getrefcount(first) == before - 1
