"""The objects of the result bucket, with the outcomes of the results that were read."""

from collections.abc import Iterable

import msgspec

from pulse_desktop.protocol.stored_object import PROGRESS_PREFIX, StoredObject
from pulse_desktop.protocol.task_result import TaskResult
from pulse_desktop.state.collection import Collection
from pulse_desktop.state.ring_buffer import RingBuffer
from pulse_desktop.state.run import UNREADABLE


class StoredResult(msgspec.Struct, gc=False):
    """One object of the result bucket.

    Attributes:
        key: the object's name, which is the task id.
        stored: its metadata.
        task_name: from the labels of the result or from the run, empty if unknown.
        outcome: "succeeded", "soft_failed", "failed", "cancelled", or "" until it is read.
        format: "json", "pickle", ..., `UNREADABLE`; "" until it is read.
        problem: why it is unreadable, empty if it is not.
        too_large: whether it is too large to be read automatically.
    """

    key: str
    stored: StoredObject
    task_name: str = ""
    outcome: str = ""
    format: str = ""
    problem: str = ""
    too_large: bool = False


class StoredResults(Collection[StoredResult]):
    """Objects of the result bucket. The row of a deleted object stays until it is evicted.

    Attributes:
        rows: the objects in the order in which they were stored.
        count: number of objects that exist.
        size: their total size in bytes.
    """

    name = "results"

    def __init__(self, capacity: int = 50_000) -> None:
        self.rows = RingBuffer(capacity, on_evict=self._on_evicted)
        self.count = 0
        self.size = 0
        self._positions: dict[str, int] = {}

    @property
    def keys(self) -> Iterable[str]:
        """The keys of all objects, those stored last at the end."""
        return self._positions

    def get(self, key: str) -> StoredResult | None:
        """Return the object with a key, or None."""
        position = self._positions.get(key)
        return None if position is None else self.rows[position]

    def position(self, key: str) -> int | None:
        """Return the position of a key in `rows`, or None."""
        return self._positions.get(key)

    def put(self, stored: StoredObject) -> bool:
        """Fold the metadata of an object; return whether it is a result to be read."""
        if stored.key.startswith(PROGRESS_PREFIX):
            return False
        position = self._positions.get(stored.key)
        before = None if position is None else self.rows[position]
        if before is not None and before.stored.sequence >= stored.sequence:
            return False
        if before is not None and not before.stored.deleted:
            self.count -= 1
            self.size -= before.stored.size
        if not stored.deleted:
            self.count += 1
            self.size += stored.size
        row = StoredResult(stored.key, stored, before.task_name if before else "")
        if position is None:
            if stored.deleted:
                return False
            self._positions[stored.key] = self.rows.append(row)
        else:
            self.rows.replace(position, row)
        return not stored.deleted

    def set_result(self, key: str, sequence: int, result: TaskResult, task_name: str) -> None:
        """Fold a decoded body."""
        self._update(key, sequence, task_name, result.outcome, result.format, "")

    def set_unreadable(self, key: str, sequence: int, task_name: str, problem: str) -> None:
        """Fold that a body cannot be decoded."""
        self._update(key, sequence, task_name, "", UNREADABLE, problem)

    def set_unread(self, key: str, sequence: int, task_name: str) -> None:
        """Fold that a body is too large to be read automatically."""
        self._update(key, sequence, task_name, "", "", "", too_large=True)

    def clear(self) -> None:
        """Remove all objects: the bucket was deleted."""
        self.rows.clear()
        self._positions.clear()
        self.count = self.size = 0

    def _update(
        self,
        key: str,
        sequence: int,
        task_name: str,
        outcome: str,
        format_: str,
        problem: str,
        *,
        too_large: bool = False,
    ) -> None:
        position = self._positions.get(key)
        if position is None or self.rows[position].stored.sequence != sequence:
            return
        row = self.rows[position]
        self.rows.replace(
            position,
            StoredResult(
                key, row.stored, task_name or row.task_name, outcome, format_, problem, too_large
            ),
        )

    def _on_evicted(self, row: StoredResult) -> None:
        self._positions.pop(row.key, None)
