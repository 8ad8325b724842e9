"""Two runs side by side: what is the same, what differs. JSON is compared by its structure."""

import enum
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from pulse_desktop.model.json_decoding import decode_json
from pulse_desktop.protocol.task_message import PARENT, REQUESTED_BY, RERUN_OF, RETRIES, TASK_NAME
from pulse_desktop.protocol.task_result import TaskResult
from pulse_desktop.state.list_difference import ListComparer, ListDifference, is_long
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.task_schemas import TaskSchemas

MAX_ROWS: Final = 2_000
"""Rows of a comparison; more are counted."""
_MAX_DEPTH: Final = 32
_OWN_LABELS: Final = frozenset({TASK_NAME, RERUN_OF, REQUESTED_BY, RETRIES, PARENT})
"""Labels that say which run it is, and not how it was called."""


class Section(enum.StrEnum):
    """A part of a run. The values are stable: scripts rely on them."""

    RUN = "run"
    ARGUMENTS = "arguments"
    LABELS = "labels"
    RESULT = "result"
    ERROR = "error"


class Difference(enum.StrEnum):
    """How two values compare. The values are stable: scripts rely on them."""

    SAME = "same"
    DIFFERENT = "different"
    ONLY_FIRST = "only_first"
    ONLY_SECOND = "only_second"
    UNKNOWN = "unknown"


class Row(msgspec.Struct, frozen=True):
    """One value of both runs.

    Attributes:
        section: the part of the run.
        path: of the value in it, such as `language` or `message_ids[0]`.
        first: of the first run, None also if it has none: see `difference`.
        second: of the second run, likewise.
        difference: how they compare; `UNKNOWN` if one of them is not known.
        expected: whether they differ between any two runs, such as times: no difference to look at.
        items: how two long lists differ, which are compared as one value; None for other values.
    """

    section: Section
    path: str
    first: Any
    second: Any
    difference: Difference
    expected: bool = False
    items: ListDifference | None = None

    @property
    def matters(self) -> bool:
        """Whether it is a difference to look at."""
        return self.difference is not Difference.SAME and not self.expected


class Missing(enum.Enum):
    """Stands for a value that is not there."""

    ABSENT = "absent"
    UNKNOWN = "unknown"


_ABSENT: Final = Missing.ABSENT
NO_VALUE: Final = Missing.ABSENT
"""The result of a run that failed: it has an error instead."""
UNKNOWN: Final = Missing.UNKNOWN
"""A result that was not read, or is not stored any more."""


class RunComparison(msgspec.Struct, frozen=True):
    """Two runs, and their values.

    Attributes:
        first: the run that is asked about.
        second: the run it is compared with.
        rows: the values: why a run failed and its state, then how it was called, times last.
        left_out: number of further values that were not compared.
    """

    first: TaskRun
    second: TaskRun
    rows: tuple[Row, ...]
    left_out: int = 0

    @property
    def differences(self) -> list[Row]:
        """The rows that are differences to look at."""
        return [row for row in self.rows if row.matters]


def compare_runs(
    first: TaskRun,
    second: TaskRun,
    first_result: Any = UNKNOWN,
    second_result: Any = UNKNOWN,
    names: Sequence[str] = (),
) -> RunComparison:
    """Compare two runs.

    Args:
        first: the run that is asked about.
        second: the run it is compared with.
        first_result: its return value, `UNKNOWN` if it is not known.
        second_result: likewise.
        names: of the positional arguments of both, as far as they are known.
    """
    rows = [*_facts(first, second)]
    found = _Values()
    found.compare(Section.ARGUMENTS, "", _arguments(first, names), _arguments(second, names))
    found.compare(Section.LABELS, "", _labels(first), _labels(second))
    found.compare(Section.RESULT, "", first_result, second_result)
    rows += found.rows
    rows += _errors(first, second)
    rows.sort(key=_rank)
    return RunComparison(first, second, tuple(rows), found.left_out)


def result_value(result: TaskResult) -> Any:
    """Return what a result is compared by: its value, `NO_VALUE` if the run failed without one."""
    return NO_VALUE if result.is_err and result.return_value is None else result.return_value


class ReturnValue(NamedTuple):
    """What a run returned, to be compared.

    Attributes:
        value: see `result_value`; `UNKNOWN` if it is not known.
        problem: why its stored result could not be read, empty if it was, or if none is stored.
    """

    value: Any
    problem: str = ""


def argument_names(first: TaskRun, second: TaskRun, schemas: TaskSchemas) -> tuple[str, ...]:
    """Return the names of the positional arguments of two runs of one task, none if unknown."""
    schema = schemas.get(first.name) if first.name == second.name else None
    return tuple(argument.name for argument in schema.arguments) if schema is not None else ()


def _facts(first: TaskRun, second: TaskRun) -> Iterator[Row]:
    for path, one, other, expected in (
        ("task", first.name, second.name, False),
        ("state", str(first.state), str(second.state), False),
        ("worker", first.worker, second.worker, False),
        ("attempts", first.attempt, second.attempt, False),
        ("queued_at", first.queued_at, second.queued_at, True),
        ("wait_s", first.wait_s, second.wait_s, True),
        ("run_s", first.run_s, second.run_s, True),
        ("result_bytes", _size(first), _size(second), False),
    ):
        has_one, has_other = one not in ("", None), other not in ("", None)
        if not has_one and not has_other:
            continue
        difference = Difference.UNKNOWN if has_one != has_other else _difference(one, other)
        yield Row(Section.RUN, path, one, other, difference, expected)


def _rank(row: Row) -> int:
    """Return the place of a row: what explains a difference of two runs comes first."""
    if row.section is Section.ERROR:
        return 0
    if row.section is Section.RUN:
        return {"state": 1, "task": 2, "worker": 5, "attempts": 5}.get(row.path, 8)
    if row.section is Section.ARGUMENTS:
        is_scalar = not any(isinstance(each, list | dict) for each in (row.first, row.second))
        is_nested = "." in row.path or "[" in row.path[1:]
        return 3 if is_scalar and not is_nested else 6
    return 4 if row.section is Section.LABELS else 7


def _size(run: TaskRun) -> int | None:
    return run.stored_outcome.size if run.stored_outcome is not None else None


def _errors(first: TaskRun, second: TaskRun) -> Iterator[Row]:
    if not first.reason and not second.reason:
        return
    one, other = first.error, second.error
    messages = [each.error.message if each.error else each.reason for each in (first, second)]
    pairs = (
        ("type", one.type if one else "", other.type if other else ""),
        ("message", *messages),
    )
    for path, a, b in pairs:
        if a or b:
            yield Row(Section.ERROR, path, a or None, b or None, _presence(bool(a), bool(b), a, b))


def _presence(has_one: bool, has_other: bool, one: object, other: object) -> Difference:
    if has_one and has_other:
        return _difference(one, other)
    return Difference.ONLY_FIRST if has_one else Difference.ONLY_SECOND


def _arguments(run: TaskRun, names: Sequence[str]) -> Any:
    """Return the arguments of a run as one object: positional ones by name, else by index."""
    if run.request is None:
        return UNKNOWN
    args, kwargs = decode_json(run.request.args), decode_json(run.request.kwargs)
    found: dict[str, Any] = {}
    if isinstance(args, list):
        found |= {
            names[index] if index < len(names) else f"[{index}]": value
            for index, value in enumerate(args)
        }
    if isinstance(kwargs, dict):
        found |= kwargs
    return found


def _labels(run: TaskRun) -> Any:
    if run.request is None:
        return UNKNOWN
    labels = decode_json(run.request.labels)
    if not isinstance(labels, dict):
        return {}
    return {name: value for name, value in labels.items() if name not in _OWN_LABELS}


class _Values:
    """Compares values of JSON, and collects the rows."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.left_out = 0
        self._lists = ListComparer()

    def compare(self, section: Section, path: str, one: Any, other: Any, depth: int = 0) -> None:
        if one is other and isinstance(one, Missing):
            return
        if self._is_full():
            self.left_out += 1
        elif depth < _MAX_DEPTH and isinstance(one, dict) and isinstance(other, dict):
            keys = [*one, *(key for key in other if key not in one)]
            for number, key in enumerate(keys):
                if self._is_full():
                    self.left_out += len(keys) - number
                    return
                inner = self._inner(path, key)
                self.compare(
                    section, inner, one.get(key, _ABSENT), other.get(key, _ABSENT), depth + 1
                )
        elif depth < _MAX_DEPTH and isinstance(one, list) and isinstance(other, list):
            if is_long(one, other):
                self._compare_long(section, path, one, other, depth)
                return
            for index in range(max(len(one), len(other))):
                self.compare(
                    section,
                    f"{path}[{index}]",
                    one[index] if index < len(one) else _ABSENT,
                    other[index] if index < len(other) else _ABSENT,
                    depth + 1,
                )
            if not one and not other:
                self._add(section, path, one, other)
        else:
            self._add(section, path, one, other)

    def _is_full(self) -> bool:
        return len(self.rows) >= MAX_ROWS

    def _compare_long(
        self, section: Section, path: str, one: list[Any], other: list[Any], depth: int
    ) -> None:
        """Compare lists as one value, or value by value what has changed in few of their items."""
        found = self._lists.compare(one, other)
        if found is None:
            self.left_out += max(len(one), len(other))
            return
        for index in found.changed:
            self.compare(section, f"{path}[{index}]", one[index], other[index], depth + 1)
        if not found.changed:
            difference = Difference.SAME if found.items is None else Difference.DIFFERENT
            self.rows.append(Row(section, path, one, other, difference, items=found.items))

    @staticmethod
    def _inner(path: str, key: Any) -> str:
        name = str(key)
        if name.startswith("[") and not path:
            return name
        return f"{path}.{name}" if path else name

    def _add(self, section: Section, path: str, one: Any, other: Any) -> None:
        if one is UNKNOWN or other is UNKNOWN:
            difference = Difference.UNKNOWN
        elif one is _ABSENT:
            difference = Difference.ONLY_SECOND
        elif other is _ABSENT:
            difference = Difference.ONLY_FIRST
        else:
            difference = _difference(one, other)
        self.rows.append(Row(section, path, _shown(one), _shown(other), difference))


def _shown(value: Any) -> Any:
    return None if isinstance(value, Missing) else value


def _difference(one: Any, other: Any) -> Difference:
    return Difference.SAME if _equal(one, other) else Difference.DIFFERENT


def _equal(one: Any, other: Any) -> bool:
    """Return whether two values of JSON are the same: 1 equals 1.0, and not true."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    try:
        return bool(one == other)
    except RecursionError:
        return False
