"""The result bucket as a table: which results are stored, and what those that were read say."""

import msgspec

from pulse_desktop.protocol.stored_object import PROGRESS_PREFIX, StoredObject
from pulse_desktop.protocol.task_result import TaskResult
from pulse_desktop.state.collection import Collection
from pulse_desktop.state.ring_buffer import RingBuffer


class StoredResult(msgspec.Struct, gc=False):
    """One object of the result bucket.

    Attributes:
        key: the object's name, which is the task id.
        stored: what the bucket knows of it.
        task_name: from the labels of the result or from the run, empty when unknown.
        outcome: "succeeded", "soft_failed", "failed", "cancelled", or "" while it is unread.
        format: "json", "pickle", ...; "" while it is unread.
        problem: why it cannot be read.
    """

    key: str
    stored: StoredObject
    task_name: str = ""
    outcome: str = ""
    format: str = ""
    problem: str = ""


class StoredResults(Collection[StoredResult]):
    """Objects of the result bucket. A deleted one leaves a row that says so until it is forgotten.

    Attributes:
        rows: in the order in which they were stored.
        count: objects that exist, by what has been seen.
        size: their bytes.
    """

    name = "results"

    def __init__(self, capacity: int = 50_000) -> None:
        self.rows = RingBuffer(capacity, on_evict=self._on_evicted)
        self.count = 0
        self.size = 0
        self._positions: dict[str, int] = {}

    def get(self, key: str) -> StoredResult | None:
        """Return what is known of a key, or None."""
        position = self._positions.get(key)
        return None if position is None else self.rows[position]

    def position(self, key: str) -> int | None:
        """Return where a key stands in `rows`, or None."""
        return self._positions.get(key)

    def put(self, stored: StoredObject) -> bool:
        """Take note of an object; return whether it is a result that should be read."""
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

    def read(self, key: str, sequence: int, result: TaskResult, task_name: str) -> None:
        """Take note of what a body says."""
        self._told(key, sequence, task_name, result.outcome, result.format, "")

    def unreadable(self, key: str, sequence: int, task_name: str, problem: str) -> None:
        """Take note that a body cannot be read."""
        self._told(key, sequence, task_name, "", "unreadable", problem)

    def clear(self) -> None:
        """Forget everything: the bucket is gone."""
        self.rows.clear()
        self._positions.clear()
        self.count = self.size = 0

    def _told(
        self, key: str, sequence: int, task_name: str, outcome: str, format_: str, problem: str
    ) -> None:
        position = self._positions.get(key)
        if position is None or self.rows[position].stored.sequence != sequence:
            return
        row = self.rows[position]
        self.rows.replace(
            position,
            StoredResult(key, row.stored, task_name or row.task_name, outcome, format_, problem),
        )

    def _on_evicted(self, row: StoredResult) -> None:
        self._positions.pop(row.key, None)
