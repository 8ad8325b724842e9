"""The values that fields have, with their counts, for completion.

Counters of the state are read where there are any. Other fields are counted over the newest rows,
some at a time, and kept for a while: completion must not scan a million rows while a key is typed.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal

from pulse_desktop.query.completion import ValueCount
from pulse_desktop.query.dictionary_columns import OTHER, DictionaryColumns
from pulse_desktop.query.fields import FieldKind, FieldSet
from pulse_desktop.query.quoting import query_text
from pulse_desktop.ui.rows.row_source import RowSource
from pulse_desktop.ui.rows.time_slice import TimeSlice

RowT = TypeVar("RowT")

SAMPLED: Final = 10_000
"""Newest rows that are counted."""
_KEPT_S: Final = 10.0
_MAX_FIELDS: Final = 30
_MAX_VALUES: Final = 2_000

_LISTED: Final = frozenset(
    {FieldKind.TEXT, FieldKind.CHOICE, FieldKind.ID, FieldKind.NUMBER, FieldKind.VALUE}
)
"""Kinds whose values are worth a list; a time or duration hardly occurs twice."""

Counters = Mapping[str, Callable[[], Mapping[str, int]]]
"""Returns the number of rows by value, by the name of the field."""

Keys = Callable[[str, RowT], Iterable[str]]
"""Returns the names in a keyed field of a row: those of its arguments, for `args`."""


@dataclass
class _Sample:
    """The values of one field in the newest rows.

    Attributes:
        counts: by value as typed.
        next: position below which rows have not been looked at.
        last: position of the last row to look at.
        at: when it was begun, of a clock that only moves forward.
    """

    next: int
    last: int
    at: float
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def done(self) -> bool:
        return self.next <= self.last


class ValueCounts(QObject, Generic[RowT]):
    """Values by field.

    Signals:
        changed: more rows were counted for the field that was asked for last.
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
        self._samples: dict[str, _Sample] = {}
        self._asked = ""
        self._timer = QTimer(self)
        self._timer.setObjectName("count values of a field")
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._count_next_slice)

    def values(self, name: str) -> Sequence[ValueCount]:
        """Return the values of a field, the most frequent first.

        Args:
            name: of the field; with a dot at the end, the names in a keyed field are returned.
        """
        counter = self._counters.get(name)
        if counter is not None:
            counts = Counter({value: count for value, count in counter().items() if count > 0})
        else:
            counts = self._sample(name).counts
        return [ValueCount(value, count) for value, count in counts.most_common(_MAX_VALUES)]

    def _sample(self, name: str) -> _Sample:
        sample, at = self._samples.get(name), time.monotonic()
        if sample is None or at - sample.at > _KEPT_S:
            rows = self._rows()
            sample = _Sample(rows.stop, max(rows.start, rows.stop - SAMPLED), at)
            while len(self._samples) >= _MAX_FIELDS:
                del self._samples[next(iter(self._samples))]
            self._samples[name] = sample
            self._count(name, sample)
        self._asked = name
        if not sample.done:
            self._timer.start()
        return sample

    def _count_next_slice(self) -> None:
        sample = self._samples.get(self._asked)
        if sample is None or sample.done:
            self._timer.stop()
            return
        self._count(self._asked, sample)
        self.changed.emit()

    def _count(self, name: str, sample: _Sample) -> None:
        values = self._reader(name)
        if values is None:
            sample.next = sample.last
            return
        counts, rows = sample.counts, self._rows()
        first = max(sample.last, rows.start)
        for position, row in TimeSlice().newest_first(rows, first, sample.next):
            counts.update(values(row))
            sample.next = position
        if len(counts) > 2 * _MAX_VALUES:
            sample.counts = Counter(dict(counts.most_common(_MAX_VALUES)))
        if sample.next <= first:
            sample.next = sample.last

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


def count_codes(columns: DictionaryColumns, name: str, rows: RowSource[Any]) -> Mapping[str, int]:
    """Return the number of rows by value of a dictionary column."""
    column = columns.column(name)
    if column is None or rows.stop <= rows.start:
        return {}
    codes = np.frombuffer(column.codes(rows.start, rows.stop), np.uint8)
    counts = np.bincount(codes, minlength=OTHER + 1).tolist()
    values = column.values[:OTHER]
    return {value: count for value, count in zip(values, counts, strict=False) if value and count}
