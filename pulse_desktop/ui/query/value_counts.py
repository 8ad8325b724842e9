"""The values that fields have, with their counts, for completion.

They are those of the rows that match the rest of the filter. Counters of the state are read where
there are any and nothing else restricts the rows. Otherwise the newest rows that match are counted,
some at a time, and kept for a while: completion must not scan a million rows while a key is typed.
"""

import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal

from pulse_desktop.query.completion import ValueCount
from pulse_desktop.query.dictionary_columns import OTHER, DictionaryColumns
from pulse_desktop.query.fields import FieldKind, FieldSet
from pulse_desktop.query.quoting import query_text
from pulse_desktop.ui.rows import time_slice
from pulse_desktop.ui.rows.row_filter import newest_matching
from pulse_desktop.ui.rows.row_source import RowSource
from pulse_desktop.ui.rows.time_slice import TimeSlice

RowT = TypeVar("RowT")

SAMPLED: Final = 10_000
"""Newest rows that are counted, of those that match."""
_SEARCHED: Final = 8_192
"""Rows among which those that match are found in one go, if columns decide them."""
_KEPT_S: Final = 10.0
_SHOWN_EVERY_S: Final = 0.1
"""How often completion shows what was counted since."""
_MAX_SAMPLES: Final = 30
_MAX_VALUES: Final = 2_000

_LISTED: Final = frozenset(
    {FieldKind.TEXT, FieldKind.CHOICE, FieldKind.ID, FieldKind.NUMBER, FieldKind.VALUE}
)
"""Kinds whose values are worth a list; a time or duration hardly occurs twice."""

Counters = Mapping[str, Callable[[], Mapping[str, int]]]
"""Returns the number of rows by value, by the name of the field."""

Keys = Callable[[str, RowT], Iterable[str]]
"""Returns the names in a keyed field of a row: those of its arguments, for `args`."""


@dataclass(frozen=True)
class RestOfFilter(Generic[RowT]):
    """What restricts the rows besides the condition that is completed.

    Attributes:
        key: equal for what restricts them in the same way.
        test: returns the test that rows have to pass now.
    """

    key: Hashable
    test: Callable[[], Callable[[RowT], bool] | None]


@dataclass(eq=False)
class _Sample(Generic[RowT]):
    """The values of one field in the newest rows that match.

    Attributes:
        accepts: the test of rows, None for all.
        values: returns the values of a row.
        next: position below which rows have not been looked at.
        last: position of the last row to look at.
        at: when it was begun, of a clock that only moves forward.
        found: positions of rows that match and are not counted yet, ascending.
        counted: number of rows counted.
        counts: by value as typed.
        former: counts shown until all is counted, of the sample that this one replaces.
    """

    accepts: Callable[[RowT], bool] | None
    values: Callable[[RowT], Iterable[str]]
    next: int
    last: int
    at: float
    found: list[int] = field(default_factory=list)
    counted: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    former: Counter[str] = field(default_factory=Counter)

    @property
    def shown(self) -> Counter[str]:
        return self.counts if self.done or not self.former else self.former

    @property
    def done(self) -> bool:
        return self.counted >= SAMPLED or (self.next <= self.last and not self.found)

    def count(self, rows: RowSource[RowT], step: TimeSlice) -> None:
        """Count some more rows, at least one, until the time is up."""
        self.last = max(self.last, rows.start)
        if self.accepts is None:
            for position, row in step.newest_first(rows, self.last, self.next):
                self._add(row)
                self.next = position
        else:
            self._count_matching(rows, self.accepts, step)
        if len(self.counts) > 2 * _MAX_VALUES:
            self.counts = Counter(dict(self.counts.most_common(_MAX_VALUES)))

    def _count_matching(
        self, rows: RowSource[RowT], accepts: Callable[[RowT], bool], step: TimeSlice
    ) -> None:
        while not self.done:
            if not self.found:
                low = max(self.last, self.next - _SEARCHED)
                positions, self.next = newest_matching(rows, accepts, self.next, low, step)
                self.found = positions.tolist()
            while self.found and self.counted < SAMPLED:
                position = self.found.pop()
                if position >= rows.start:
                    self._add(rows[position])
                if step.is_over:
                    return
            if step.is_over:
                return

    def _add(self, row: RowT) -> None:
        self.counts.update(self.values(row))
        self.counted += 1


class ValueCounts(QObject, Generic[RowT]):
    """Values by field.

    Signals:
        changed: more rows were counted for the fields that were asked for last.
    """

    changed = Signal()

    def __init__(
        self,
        rows: Callable[[], RowSource[RowT]],
        fields: FieldSet[RowT],
        counters: Counters,
        keys: Keys[RowT],
        now: Callable[[], float],
        parent: QObject,
    ) -> None:
        """Count nothing yet.

        Args:
            rows: returns the rows, live.
            fields: their fields.
            counters: returns the number of rows by value, for fields that are counted already.
            keys: returns the names in a keyed field of a row.
            now: the present time, Unix seconds.
            parent: owner.
        """
        super().__init__(parent)
        self._rows = rows
        self._fields = fields
        self._counters = counters
        self._keys = keys
        self._now = now
        self._samples: dict[Hashable, _Sample[RowT]] = {}
        self._asked: list[_Sample[RowT]] = []
        self._step = _new_step()
        self._shown_at = 0.0
        self._timer = QTimer(self)
        self._timer.setObjectName("count values of a field")
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._count_next_slice)

    def begin(self) -> None:
        """Begin to answer for another completion: only what it asks for is counted on."""
        self.stop()
        self._step = _new_step()

    def stop(self) -> None:
        """Count no further until values are asked for."""
        self._asked.clear()
        self._timer.stop()

    def values(self, name: str, rest: RestOfFilter[RowT] | None = None) -> Sequence[ValueCount]:
        """Return the values of a field, the most frequent first.

        Those that occur only in rows that do not match follow, without a count.

        Args:
            name: of the field; with a dot at the end, the names in a keyed field are returned.
            rest: what restricts the rows, None for nothing.
        """
        if rest is None:
            counts = self._counts_of_all(name)
            return [ValueCount(value, count) for value, count in counts.most_common(_MAX_VALUES)]
        sample = self._sample(name, rest)
        counts = sample.shown
        found = [ValueCount(each, n) for each, n in counts.most_common(_MAX_VALUES)]
        if not found and not sample.done and time.monotonic() - sample.at < _SHOWN_EVERY_S:
            return ()  # what does not match is not offered first, unless the rest is found late
        others = self._counts_of_all(name).most_common(_MAX_VALUES)
        return found + [ValueCount(each) for each, _n in others if each not in counts]

    def _counts_of_all(self, name: str) -> Counter[str]:
        counter = self._counters.get(name)
        if counter is not None:
            return Counter({value: count for value, count in counter().items() if count > 0})
        return self._sample(name, None).shown

    def _sample(self, name: str, rest: RestOfFilter[RowT] | None) -> _Sample[RowT]:
        key, at = (name, rest and rest.key), time.monotonic()
        sample = self._samples.get(key)
        if sample is None or at - sample.at > _KEPT_S:
            rows, values = self._rows(), self._reader(name)
            last = rows.start if rest is not None else max(rows.start, rows.stop - SAMPLED)
            former = sample
            accepts = rest.test() if rest is not None and values is not None else None
            sample = (
                _Sample(accepts, lambda _row: (), 0, 0, at)
                if values is None
                else _Sample(accepts, values, rows.stop, last, at)
            )
            if former is not None:
                sample.former = former.shown
                del self._samples[key]
            while len(self._samples) >= _MAX_SAMPLES:
                del self._samples[next(iter(self._samples))]
            self._samples[key] = sample
            if not sample.done:
                sample.count(rows, self._step)
                self._shown_at = at
        if not sample.done:
            if sample not in self._asked:
                self._asked.append(sample)
            self._timer.start()
        return sample

    def _count_next_slice(self) -> None:
        while self._asked and self._asked[0].done:
            del self._asked[0]
        if not self._asked:
            self._timer.stop()
            return
        sample, self._step = self._asked[0], _new_step()
        had_none = not sample.shown
        sample.count(self._rows(), self._step)
        is_first = had_none and bool(sample.shown)
        at = time.monotonic()
        if is_first or sample.done or at - self._shown_at >= _SHOWN_EVERY_S:
            self._shown_at = at
            self.changed.emit()

    def _reader(self, name: str) -> Callable[[RowT], Iterable[str]] | None:
        """Return what gets the values of a field, None if they are not worth a list."""
        if name.endswith("."):
            base, keys = name[:-1], self._keys
            return lambda row: keys(base, row)
        found = self._fields.get(name)
        if found is None or found.kind not in _LISTED:
            return None
        if found.keyed or found.is_free_text:  # its values are whole objects, or whole rows
            return None
        get, now = found.get, self._now()
        return lambda row: map(query_text, get(row, now)[:1])


def _new_step() -> TimeSlice:
    """Return the time for one step: the table filters its rows at the same time."""
    return TimeSlice(time_slice.SLICE_S / 2)


def count_codes(columns: DictionaryColumns, name: str, rows: RowSource[Any]) -> Mapping[str, int]:
    """Return the number of rows by value of a dictionary column."""
    column = columns.column(name)
    if column is None or rows.stop <= rows.start:
        return {}
    codes = np.frombuffer(column.codes(rows.start, rows.stop), np.uint8)
    counts = np.bincount(codes, minlength=OTHER + 1).tolist()
    values = column.values[:OTHER]
    return {value: count for value, count in zip(values, counts, strict=False) if value and count}
