"""What the failures of a group share, and the successes of the same tasks do not."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec

from pulse_desktop.model.json_decoding import decode_json
from pulse_desktop.protocol.task_message import display_labels
from pulse_desktop.state.run import Request, TaskRun

MIN_MEMBERS: Final = 2
MIN_SUCCESSES: Final = 3
"""With fewer successes to compare with, nothing is said."""
MIN_SHARE: Final = 0.8
"""Fraction of the failures that must have a value."""
MAX_SUCCESS_SHARE: Final = 0.5
"""Fraction of the successes that may have it, relative to that of the failures."""
MAX_SHARED: Final = 5
_MAX_BYTES: Final = 16_384
"""Larger arguments are not compared."""
_MAX_FIELDS: Final = 60
MAX_TEXT: Final = 120
"""Longer texts are not compared."""

ParameterNames = Callable[[str], Sequence[str]]
WorkerVersion = Callable[[str], str]
SharedCounts = Counter[tuple[str, str]]
"""Number of runs by field and value; with `_KNOWN`, of those of which a source is known."""
_KNOWN: Final = ""
_REQUEST: Final = "request"
"""The source of arguments and labels; the other fields are sources themselves."""


class SharedValue(msgspec.Struct, frozen=True, gc=False):
    """A value that the failures share.

    Attributes:
        field: `args.NAME`, `label.NAME`, `worker` or `attempt`, as in a query, or `version`, which
            no query can ask for.
        value: its text, JSON for anything but a string.
        members: how many of the failures have it.
        of_members: how many failures were compared.
        successes: how many of the successes have it.
        of_successes: how many successes were compared: of those known from their results alone,
            worker and arguments are unknown.
    """

    field: str
    value: str
    members: int
    of_members: int
    successes: int
    of_successes: int

    @property
    def is_in_all(self) -> bool:
        """Whether all failures have it."""
        return self.members == self.of_members


class RunValues:
    """Reads the values of runs that may explain a failure."""

    def __init__(
        self,
        parameter_names: ParameterNames = lambda _name: (),
        worker_version: WorkerVersion = lambda _worker: "",
    ) -> None:
        """Create a reader.

        Args:
            parameter_names: returns the names of a task's positional arguments, as far as known.
            worker_version: returns the version of a worker's program, empty if unknown.
        """
        self._parameter_names = parameter_names
        self._worker_version = worker_version

    def count_run(self, run: TaskRun, counts: SharedCounts) -> None:
        """Count the values of a run, and which of its sources are known."""
        values = self.of(run)
        counts.update(values.items())
        counts.update(
            (_KNOWN, source) for source in ("worker", "version", "attempt") if source in values
        )
        if _is_compared(run.request):
            counts[_KNOWN, _REQUEST] += 1

    def of(self, run: TaskRun) -> dict[str, str]:
        """Return the values of a run by field; nested and long ones are left out."""
        values = {}
        if run.attempts:
            values = {"worker": run.worker, "attempt": str(run.attempt)}
        if run.worker and (version := self._worker_version(run.worker)):
            values["version"] = version
        request = run.request
        if request is not None and _is_compared(request):
            names = self._parameter_names(run.name)
            for index, value in enumerate(_items(request.args)):
                name = names[index] if index < len(names) else str(index)
                _put(values, f"args.{name}", value)
            for name, value in _entries(request.kwargs):
                _put(values, f"args.{name}", value)
            if len(request.labels) <= _MAX_BYTES:
                for name, value in display_labels(request.labels, request.labels_types).items():
                    _put(values, f"label.{name}", value)
        return {field: value for field, value in values.items() if value}


def shared_values(
    failed: SharedCounts, succeeded: Sequence[SharedCounts]
) -> tuple[SharedValue, ...]:
    """Return the values that failures share, most telling first.

    A value is reported only if it is rarer among the successes of the same tasks: what all runs
    have explains nothing.

    Args:
        failed: how many failures have a value, see `RunValues.count_run`.
        succeeded: the same of the successes, by task.
    """
    found = []
    for (field, value), count in failed.items():
        source = (_KNOWN, _REQUEST if "." in field else field)
        of_members = failed[source]
        share = count / of_members if of_members else 0.0
        if field == _KNOWN or of_members < MIN_MEMBERS or share < MIN_SHARE:
            continue
        of_successes = sum(counts[source] for counts in succeeded)
        if of_successes < MIN_SUCCESSES:
            continue
        successes = sum(counts[field, value] for counts in succeeded)
        other = successes / of_successes
        if other <= share * MAX_SUCCESS_SHARE:
            shared = SharedValue(field, value, count, of_members, successes, of_successes)
            found.append((other - share, field, shared))
    found.sort(key=lambda each: each[:2])
    return tuple(shared for _difference, _field, shared in found[:MAX_SHARED])


def _is_compared(request: Request | None) -> bool:
    """Return whether arguments and labels are known, and not too large to be compared."""
    return request is not None and len(request.args) + len(request.kwargs) <= _MAX_BYTES


def _put(values: dict[str, str], field: str, value: object) -> None:
    if len(values) >= _MAX_FIELDS:
        return
    if isinstance(value, str):
        text = value
    elif value is None or isinstance(value, bool | int | float):
        text = msgspec.json.encode(value).decode()
    else:
        return
    if len(text) <= MAX_TEXT:
        values[field] = text


def _items(raw: bytes) -> Sequence[Any]:
    value = decode_json(raw)
    return value[:_MAX_FIELDS] if isinstance(value, list) else ()


def _entries(raw: bytes) -> Iterable[tuple[str, Any]]:
    value = decode_json(raw)
    return value.items() if isinstance(value, dict) else ()
