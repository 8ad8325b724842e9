"""Task schemas that workers have announced in their heartbeats, the latest of each task."""

from collections.abc import Iterator
from typing import Final

import msgspec

from pulse_desktop.protocol.task_names import canonical_name
from pulse_desktop.protocol.task_schema import TaskSchema, read_schema

MAX_TASKS: Final = 500


class TaskSchemas:
    """The schemas that workers have announced, the latest of each task."""

    def __init__(self) -> None:
        self._by_name: dict[str, TaskSchema] = {}
        self._raw: dict[str, bytes] = {}

    def __iter__(self) -> Iterator[TaskSchema]:
        return iter(sorted(self._by_name.values(), key=lambda schema: schema.task_name))

    def __len__(self) -> int:
        return len(self._by_name)

    def get(self, task_name: str) -> TaskSchema | None:
        """Return a task's schema, or None."""
        return self._by_name.get(canonical_name(task_name))

    def apply(self, catalogue: object, *, older: bool = False) -> None:
        """Fold the `catalogue` of a heartbeat. Never raises.

        Args:
            catalogue: anything.
            older: whether it is older than those folded before; it only adds tasks.
        """
        if not isinstance(catalogue, dict):
            return
        for name, entry in catalogue.items():
            if not isinstance(entry, dict) or not name:
                continue
            name = canonical_name(name)  # noqa: PLW2901
            if older and name in self._by_name:
                continue
            if name not in self._by_name and len(self._by_name) >= MAX_TASKS:
                return
            raw = msgspec.json.encode(entry)
            if self._raw.get(name) != raw:
                self._raw[name] = raw
                self._by_name[name] = read_schema(name, entry)
