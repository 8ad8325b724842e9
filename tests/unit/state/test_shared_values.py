"""What failures share and successes do not."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from pulse_desktop.state.run import Attempt, Request, TaskRun
from pulse_desktop.state.shared_values import RunValues, SharedCounts, SharedValue, shared_values

VALUES = RunValues(
    lambda name: ("offset", "limit") if name == "m:f" else (),
    lambda worker: {"w-1": "2.0", "w-2": "1.9"}.get(worker, ""),
)


def run(
    *args: Any, worker: str = "w-1", labels: dict[str, str] | None = None, **kwargs: Any
) -> TaskRun:
    request = Request(
        2,
        0,
        "m:f",
        json.dumps(args).encode(),
        json.dumps(kwargs).encode(),
        json.dumps(labels or {}).encode(),
    )
    return TaskRun("a" * 32, "m:f", request, attempts=(Attempt(1, 1.0, worker),))


def counts(runs: Sequence[TaskRun]) -> SharedCounts:
    found: SharedCounts = Counter()
    for each in runs:
        VALUES.count_run(each, found)
    return found


def shared(failures: Sequence[TaskRun], successes: Sequence[TaskRun]) -> tuple[SharedValue, ...]:
    return shared_values(counts(failures), [counts(successes)])


def found(failures: Sequence[TaskRun], successes: Sequence[TaskRun]) -> list[tuple[str, str]]:
    return [(each.field, each.value) for each in shared(failures, successes)]


def test_an_argument_that_only_the_failures_have_is_told() -> None:
    failures = [run(number, language="pl") for number in range(15)]
    successes = [run(number, language=("en", "de", "pl")[number % 3]) for number in range(30)]
    (value,) = shared(failures, successes)
    assert value == SharedValue("args.language", "pl", 15, 15, 10, 30)
    assert value.is_in_all


def test_what_the_successes_have_as_well_explains_nothing() -> None:
    failures = [run(number, language="pl", source="a") for number in range(9)]
    assert found(failures, [run(number, language="pl", source="a") for number in range(9)]) == []


def test_worker_version_label_and_position_are_compared_too() -> None:
    failures = [run(7, worker="w-2", labels={"tenant": "acme"}) for _number in range(4)]
    successes = [run(number, worker="w-1", labels={"tenant": "other"}) for number in range(4)]
    assert found(failures, successes) == [
        ("args.offset", "7"),
        ("label.tenant", "acme"),
        ("version", "1.9"),
        ("worker", "w-2"),
    ]


def test_nothing_is_told_with_too_little_to_compare() -> None:
    failures, successes = [run(language="pl")], [run(language="en")] * 5
    assert found(failures, successes) == []
    assert found(failures * 5, successes[:2]) == []
    assert found(failures * 5, []) == []


def test_most_of_the_failures_are_enough() -> None:
    failures = [*[run(language="pl")] * 9, run(language="en")]
    (value,) = shared(failures, [run(language="en")] * 9)
    assert (value.value, value.members, value.is_in_all) == ("pl", 9, False)
    assert found([*[run(language="pl")] * 7, *[run(language="en")] * 3], [run()] * 9) == []


def test_odd_arguments_are_left_out() -> None:
    odd = TaskRun("b" * 32, "m:f", Request(2, 0, "m:f", b"{", b"[]", b"7"))
    long = run({"nested": 1}, ["list"], text="x" * 500, large=list(range(9_000)))
    assert found([odd, long], [run(language="en")] * 5) == []
    assert VALUES.of(run(None, True, 1.5, text="")) == {
        "worker": "w-1",
        "attempt": "1",
        "version": "2.0",
        "args.offset": "null",
        "args.limit": "true",
        "args.2": "1.5",
    }


def test_successes_known_from_their_results_alone_are_not_compared_in_what_is_unknown() -> None:
    failures = [run(number, labels={"tenant": "a"}) for number in range(3)]
    results = [TaskRun(f"{number:032x}", "m:f") for number in range(50)]
    same = [run(number + 10, labels={"tenant": "a"}) for number in range(5)]
    assert shared(failures, [*results, *same]) == ()
    others = [run(number + 10, worker="w-2", labels={"tenant": "a"}) for number in range(5)]
    assert shared(failures, [*results, *others]) == (
        SharedValue("version", "2.0", 3, 3, 0, 5),
        SharedValue("worker", "w-1", 3, 3, 0, 5),
    )
    assert shared(failures, [*results, *others[:2]]) == ()
    assert shared([*failures, *results], others) == shared(failures, others)
