"""What failures share is shown as it is typed in a query."""

import json
from typing import Any

import pytest

from pulse_desktop.fields.run_fields import run_fields
from pulse_desktop.fields.shared_condition import shared_condition, shared_text, shared_tooltip
from pulse_desktop.query import compile_query, parse
from pulse_desktop.state.run import Attempt, Request, TaskRun
from pulse_desktop.state.shared_values import RunValues, SharedValue


def names(task_name: str) -> tuple[str, ...]:
    return ("offset",) if task_name == "m:named" else ()


def run(args: list[Any], kwargs: dict[str, Any], labels: dict[str, Any], name: str) -> TaskRun:
    raw = [json.dumps(each).encode() for each in (args, kwargs, labels)]
    request = Request(2, 0, name, raw[0], raw[1], raw[2])
    return TaskRun("a" * 32, name, request, attempts=(Attempt(1, 1.0, "w 1"),))


RUNS = [
    run([7, 10, "x y"], {"language": "pl", "task": "t", "not": True}, {"n": "0"}, "m:f"),
    run([5], {"a.b": None, "Größe": 1.5, "state": "odd"}, {"a b": 'say "no"'}, "m:named"),
]


@pytest.mark.parametrize("each", RUNS, ids=lambda each: each.name)
def test_all_that_is_shared_can_be_typed(each: TaskRun) -> None:
    other = run([], {}, {}, "m:named")
    for field, value in RunValues(names).of(each).items():
        condition = shared_condition(SharedValue(field, value, 2, 2, 0, 3))
        accepts = compile_query(parse(condition), run_fields(names), 0.0).accepts
        assert accepts(each), condition
        assert accepts(other) == (field in ("worker", "attempt")), condition


def test_labels_and_positions_are_named_as_such() -> None:
    shown = [shared_condition(SharedValue(f, v, 58, 58, 0, 3)) for f, v in (
        ("label.n", "0"), ("args.1", "10"), ("args.language", "pl"), ("args.task", "a b"),
        ("version", "2.0"), ("worker", "w@h:1"),
    )]  # fmt: skip
    assert shown == [
        "label.n=0", "args.1=10", "language=pl", 'args.task="a b"', "version 2.0", "worker=w@h:1",
    ]  # fmt: skip
    shared = SharedValue("label.n", "x" * 100, 58, 58, 1, 3)
    assert shared_text(shared) == f'label.n="{"x" * 59}…" in all 58'
    assert shared_tooltip(shared).startswith(f"label.n={'x' * 100} in all 58; of 3 successes")


@pytest.mark.parametrize("name", [*run_fields().names(), "labels", "task_id", "a.b", "1"])
def test_an_argument_with_the_name_of_a_field_is_named_as_an_argument(name: str) -> None:
    condition = shared_condition(SharedValue(f"args.{name}", "x", 2, 2, 0, 3))
    assert condition.startswith("args.")
