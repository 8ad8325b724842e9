"""Two runs are compared by the structure of their arguments and results."""

from typing import Any

import msgspec
import pytest

from pulse_desktop.state import run_comparison
from pulse_desktop.state.good_runs import last_good_run
from pulse_desktop.state.list_difference import ListComparer
from pulse_desktop.state.run import Attempt, TaskRun
from pulse_desktop.state.run_comparison import (
    MAX_ROWS,
    NO_VALUE,
    UNKNOWN,
    Difference,
    RunComparison,
    Section,
    compare_runs,
)
from pulse_desktop.state.run_updates import update_from_unreadable_result
from pulse_desktop.state.serialize import run_to_dict
from pulse_desktop.state.serialize_details import comparison_to_dict
from pulse_desktop.text.comparison_text import (
    change_text,
    delta_text,
    row_title,
    summary_text,
    values_text,
)
from tests.kit.labelled_tasks import task
from tests.kit.state_builder import NOW, StateBuilder
from tests.unit.state.state_builders import stored_object


@pytest.fixture
def builder() -> StateBuilder:
    builder = StateBuilder(NOW)
    builder.state.fold(
        [
            task("good", "m:f", [["a", "b"], 5], NOW, language="en"),
            task("bad", "m:f", [["a", "c", "d"], 5.0], NOW + 10, language="pl", parent_task_id="x"),
        ]
    )
    builder.started("good", NOW + 1)
    builder.succeeded("good", 2.0, NOW + 3)
    builder.started("bad", NOW + 12)
    builder.failed("bad", "ProviderTimeout", "no answer", NOW + 20, run_s=8.0)
    return builder


def run(builder: StateBuilder, task_id: str) -> TaskRun:
    found = builder.state.runs.get(task_id)
    assert found is not None
    return found


def marks(comparison: RunComparison, section: Section) -> dict[str, Difference]:
    return {row.path: row.difference for row in comparison.rows if row.section is section}


def test_that_a_result_cannot_be_decoded_is_no_error_of_a_run(builder: StateBuilder) -> None:
    for number, key in enumerate(("good", "bad")):
        stored = stored_object(NOW + 30, key, number + 1)
        builder.state.runs.put(update_from_unreadable_result(stored, "the pickle asks for x"))
    good, bad = run(builder, "good"), run(builder, "bad")
    assert (good.reason, bad.reason) == ("", "ProviderTimeout: no answer")
    rows = [row for row in compare_runs(good, bad).rows if row.section is Section.ERROR]
    assert {row.path: row.second for row in rows} == {
        "type": "ProviderTimeout", "message": "no answer",
    }  # fmt: skip
    assert run_to_dict(good)["error"] is None


def test_a_result_may_have_the_name_of_a_time(builder: StateBuilder) -> None:
    good, bad = run(builder, "good"), run(builder, "bad")
    comparison = comparison_to_dict(compare_runs(good, bad, {"queued_at": "now"}, {"queued_at": 5}))
    assert [row["first"] for row in comparison["rows"] if row["section"] == "result"] == ["now"]


def test_a_run_of_which_nothing_else_is_known_says_why_its_result_cannot_be_decoded(
    builder: StateBuilder,
) -> None:
    update = update_from_unreadable_result(stored_object(NOW, "other"), "it is no message")
    builder.state.runs.put(update)
    assert run(builder, "other").reason == "it is no message"


def results(one: Any, other: Any) -> dict[str, Difference]:
    return marks(compare_runs(TaskRun("a"), TaskRun("b"), one, other), Section.RESULT)


def test_every_part_of_two_runs_is_compared(builder: StateBuilder) -> None:
    comparison = compare_runs(run(builder, "bad"), run(builder, "good"))
    assert marks(comparison, Section.ARGUMENTS) == {
        "[0][0]": Difference.SAME,
        "[0][1]": Difference.DIFFERENT,
        "[0][2]": Difference.ONLY_FIRST,
        "[1]": Difference.SAME,
    }
    assert marks(comparison, Section.LABELS) == {"language": Difference.DIFFERENT}
    assert marks(comparison, Section.ERROR) == {
        "type": Difference.ONLY_FIRST,
        "message": Difference.ONLY_FIRST,
    }
    facts = marks(comparison, Section.RUN)
    assert (facts["task"], facts["state"]) == (Difference.SAME, Difference.DIFFERENT)
    assert summary_text(comparison) == "6 differences"
    texts = {row_title(row): (*values_text(row), delta_text(row)) for row in comparison.rows}
    assert texts["duration"] == ("8.00 s", "2.00 s", "−6.00 s, × 0.25")
    assert texts["queued"][2] == "10 s earlier"
    assert texts["argument [0][1]"] == ('"c"', '"b"', "")
    assert texts["label language"] == ('"pl"', '"en"', "")
    assert texts["error type"] == ("ProviderTimeout", "", "")


def test_times_are_no_difference_to_look_at(builder: StateBuilder) -> None:
    good = run(builder, "good")
    builder.state.fold([task("again", "m:f", [["a", "b"], 5], NOW + 30, language="en")])
    builder.started("again", NOW + 31)
    builder.succeeded("again", 2.5, NOW + 33.5)
    comparison = compare_runs(good, run(builder, "again"))
    assert comparison.differences == []
    assert summary_text(comparison) == "No differences except timing"


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (1, 1.0, {"": Difference.SAME}),
        (1, True, {"": Difference.DIFFERENT}),
        (None, 0, {"": Difference.DIFFERENT}),
        ({"a": None}, {}, {"a": Difference.ONLY_FIRST}),
        ({}, {"a": 1}, {"a": Difference.ONLY_SECOND}),
        (
            {"a": [1, {"b": 2}]},
            {"a": [1, {"b": 3}]},
            {"a[0]": Difference.SAME, "a[1].b": Difference.DIFFERENT},
        ),
        ({"a": 1}, [1], {"": Difference.DIFFERENT}),
        ([], [], {"": Difference.SAME}),
        (UNKNOWN, 1, {"": Difference.UNKNOWN}),
        (UNKNOWN, UNKNOWN, {}),
    ],
)
def test_values_of_json(one: Any, other: Any, expected: dict[str, Difference]) -> None:
    assert results(one, other) == expected


def test_the_reason_comes_first_and_times_last(builder: StateBuilder) -> None:
    comparison = compare_runs(run(builder, "bad"), run(builder, "good"), NO_VALUE, {"rows": 3})
    differences = [
        row_title(row) for row in comparison.rows if row.difference is not Difference.SAME
    ]
    assert differences == [
        "error type",
        "error message",
        "state",
        "label language",
        "argument [0][1]",
        "argument [0][2]",
        "result",
        "queued",
        "wait",
        "duration",
    ]
    assert change_text(comparison.rows[-1]) == "8.00 s → 2.00 s"


def test_long_lists_are_compared_by_their_items() -> None:
    one = [f"m{number}" for number in range(12)]
    other = ["new", *one[:4], *one[5:11]]
    comparison = compare_runs(TaskRun("a"), TaskRun("b"), {"ids": one}, {"ids": other})
    (row,) = (row for row in comparison.rows if row.section is Section.RESULT)
    assert (row_title(row), row.difference) == ("result ids", Difference.DIFFERENT)
    assert change_text(row) == ('12 items, 2 only here: "m4", "m11" → 11 items, 1 only here: "new"')
    assert summary_text(comparison) == "1 difference"
    moved = compare_runs(TaskRun("a"), TaskRun("b"), one, one[::-1])
    (row,) = (row for row in moved.rows if row.section is Section.RESULT)
    assert (change_text(row), delta_text(row)) == ("12 items → 12 items", "in another order")


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ([1] * 9, [1.0] * 9, {"": Difference.SAME}),
        ([1] * 9, [True] * 9, {"": Difference.DIFFERENT}),
        ([1] * 9, [1] * 10, {"": Difference.DIFFERENT}),
        (
            [{"id": number} for number in range(9)],
            [{"id": number if number != 4 else 40} for number in range(9)],
            {"[4].id": Difference.DIFFERENT},
        ),
    ],
)
def test_items_of_long_lists(one: Any, other: Any, expected: dict[str, Difference]) -> None:
    assert results(one, other) == expected


@pytest.mark.parametrize(
    ("one", "other", "only_first", "only_second"),
    [
        ({"n": 1.0, "t": "a-05"}, {"t": "a-05", "n": 1}, 0, 0),
        ({"n": -0.0}, {"n": 0}, 0, 0),
        ({"t": "v1.0,"}, {"t": "v1,"}, 1, 1),
        ({"t": 'say \\"1.0,'}, {"t": 'say \\"1,'}, 1, 1),
        ({"n": 1.0}, {"n": True}, 1, 1),
        ([1.0, [1.0]], [1, [1]], 0, 0),
        ([1.05], [15], 1, 1),
    ],
)
def test_items_that_are_spelled_differently(
    one: Any, other: Any, only_first: int, only_second: int
) -> None:
    """1 and 1.0 are the same number, wherever an item has moved; text is compared as it is."""
    rest = [{"id": number} for number in range(9)]
    found = ListComparer().compare([one, *rest], [*rest[::-1], other])
    assert found is not None
    assert found.items is not None
    assert (found.items.only_first, found.items.only_second) == (only_first, only_second)


def test_a_list_is_compared_once_however_deep_its_change_is() -> None:
    """Only what is different is looked at value by value, and text is written once per level."""
    items = [{"id": number, "score": number / 2} for number in range(1_000)]
    one: list[Any] = [*items]
    other: list[Any] = [*items[::-1]]
    text = len(msgspec.json.encode(one))
    for _level in range(3):
        one, other = [*range(9), one], [*range(9), other]
    comparer = ListComparer()
    for level in range(4):
        found = comparer.compare(one, other)
        assert found is not None
        assert found.changed == ((9,) if level < 3 else ())
        if level < 3:
            one, other = one[9], other[9]
    assert comparer.written < 4 * 2 * text + 2 * 60 * (3 * 10 + 2_000)


def test_lists_that_take_too_long_to_compare_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    one: dict[str, Any] = {"a": list(range(1_000)), "b": 1, "c": list(range(20))}
    other = one | {"a": [float(each) for each in range(1_000)], "b": 2}
    monkeypatch.setattr(run_comparison, "ListComparer", lambda: ListComparer(100_000))
    comparison = compare_runs(TaskRun("a"), TaskRun("b"), one, other)
    assert marks(comparison, Section.RESULT) == {"b": Difference.DIFFERENT}
    assert comparison.left_out == 1_020
    comparer = ListComparer(5_000)
    assert comparer.compare(one["a"], other["a"]) is None
    assert comparer.written < 5_100


def test_what_does_not_fit_is_not_walked_through() -> None:
    """A value of a thousand parts that is left out counts as one."""
    wide = {str(number): number for number in range(1_000)}
    one = {str(number): wide for number in range(MAX_ROWS)}
    comparison = compare_runs(TaskRun("a"), TaskRun("b"), one, one)
    assert comparison.left_out == MAX_ROWS - 2


def test_long_texts_are_shown_where_they_differ() -> None:
    one, other = "x" * 500 + "left", "x" * 500 + "right"
    comparison = compare_runs(TaskRun("a"), TaskRun("b"), one, other)
    (row,) = (row for row in comparison.rows if row.section is Section.RESULT)
    first, second = values_text(row)
    assert (first, second) == ("…" + "x" * 12 + 'left"', "…" + "x" * 12 + 'right"')


def test_a_comparison_is_bounded_and_says_what_was_left_out() -> None:
    size = MAX_ROWS + 500
    numbers: dict[str, int] = {str(number): number for number in range(size)}
    comparison = compare_runs(TaskRun("a"), TaskRun("b"), numbers, dict.fromkeys(numbers, 0))
    assert len([row for row in comparison.rows if row.section is Section.RESULT]) == MAX_ROWS
    assert comparison.left_out == 500
    assert "500 further values not compared" in summary_text(comparison)
    deep_one: Any = 1
    deep_other: Any = 2
    for _level in range(500):
        deep_one, deep_other = [deep_one], [deep_other]
    assert list(results(deep_one, deep_other).values()) == [Difference.DIFFERENT]


def test_unknown_arguments_are_not_taken_for_none(builder: StateBuilder) -> None:
    builder.succeeded("seen")
    comparison = compare_runs(run(builder, "bad"), run(builder, "seen"))
    assert marks(comparison, Section.ARGUMENTS) == {"": Difference.UNKNOWN}


def test_the_last_good_run_is_the_one_before(builder: StateBuilder) -> None:
    runs = builder.state.runs
    for number in range(3):
        builder.state.fold([task(f"later-{number}", "m:f", [], NOW + 100 + number)])
        builder.succeeded(f"later-{number}", at=NOW + 101 + number)
    builder.state.fold([task("other", "m:g", [], NOW + 9)])
    builder.succeeded("other", at=NOW + 9)
    found = last_good_run(runs, run(builder, "bad"))
    assert found is not None
    assert found.task_id == "good"
    first = last_good_run(runs, run(builder, "good"))
    assert first is not None
    assert first.task_id == "later-2"
    assert last_good_run(runs, run(builder, "other")) is None


def test_the_last_good_run_is_the_last_in_time_in_whatever_order_they_became_known(
    builder: StateBuilder,
) -> None:
    for name, at in (("last", 60), ("earlier", 50)):
        builder.state.fold([task(name, "m:h", [], NOW + at)])
        builder.succeeded(name, at=NOW + at + 1)
    builder.state.fold([task("failed", "m:h", [], NOW + 70)])
    found = last_good_run(builder.state.runs, run(builder, "failed"))
    assert not builder.state.runs.in_order
    assert found is not None
    assert found.task_id == "last"


def test_a_run_whose_queued_event_is_unknown_began_with_its_start() -> None:
    """A later update of such a run moves no start, and so no comparison."""
    started = TaskRun("a", "m:f", attempts=(Attempt(1, NOW - 60),), last_seen=NOW)
    assert started.began_at == NOW - 60
    assert TaskRun("a", last_seen=NOW).began_at == NOW
    assert TaskRun("a", queued_at=NOW - 90, attempts=started.attempts).began_at == NOW - 90
