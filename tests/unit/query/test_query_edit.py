"""Adding conditions to the text of a query."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pulse_desktop.fields.run_fields import run_fields
from pulse_desktop.model.run_state import RunState
from pulse_desktop.query import QueryError, compile_query, parse, with_condition
from pulse_desktop.query.matcher import compile_all
from pulse_desktop.query.query_edit import joined, without_last
from pulse_desktop.query.syntax import MAX_TOKENS
from pulse_desktop.state.run import Attempt, Request, TaskRun
from tests.unit.query.query_texts import QUERIES


@pytest.mark.parametrize(
    ("text", "negated", "expected"),
    [
        ("", False, 'task="a b"'),
        ("", True, 'task!="a b"'),
        ("state:failed x", False, 'state:failed x task="a b"'),
        ("a or b", True, '(a or b) task!="a b"'),
        ("(a or b) c", False, '(a or b) c task="a b"'),
        ('task="A B" x', True, 'x task!="a b"'),
        ('task:"A B" x', True, 'x task!="a b"'),
        ('not task:"a b" x', False, 'x task="a b"'),
        ("task=c", False, 'task=c task="a b"'),
        ("(not finished", False, 'task="a b"'),
        ("not (state:failed) x", False, 'not (state:failed) x task="a b"'),
        ("not (state:failed)", True, 'not (state:failed) task!="a b"'),
        ("(a or b)", True, '(a or b) task!="a b"'),
        ("(a) or (b)", False, '((a) or (b)) task="a b"'),
        ("a or task:f(x", False, '(a or task:f(x ) task="a b"'),
        ('x task="a b" > 5', True, '(x) (>) (5) (task!="a b")'),
        ('not task:"a b"', True, 'not task:"a b" task!="a b"'),
        ('task:"a b"', False, 'task="a b"'),
    ],
)
def test_only_this_and_not_this(text: str, negated: bool, expected: str) -> None:
    changed = with_condition(text, "task", "a b", negated=negated)
    assert changed == expected
    assert parse(changed).active


RUNS = [
    TaskRun(
        f"{name}-{worker}-{kwargs!r}",
        name,
        Request(1, 0, name, b"[]", kwargs, b"{}"),
        attempts=(Attempt(1, 1.0, worker),),
        state=state,
    )
    for name in ("send", "send mail", "x")
    for worker in ("w-1", "w-2", "W-1")
    for kwargs in (b'{"n":5}', b'{"n":[1,5]}', b'{"n":"5 = 6"}', b"{}")
    for state in (RunState.RUNNING, RunState.FAILED)
]


def ids_matching(text: str) -> set[str]:
    """Return the ids of the runs that match a query."""
    accepts = compile_query(parse(text), run_fields(), 100.0).accepts
    return {f"{run.task_id} {run.state}" for run in RUNS if accepts(run)}


def is_query(text: str) -> bool:
    """Return whether a text is a query for runs."""
    try:
        ids_matching(text)
    except QueryError:
        return False
    return True


@given(QUERIES.filter(is_query), st.booleans(), st.sampled_from(["task=send", "worker=w-1", "n=5"]))
def test_a_condition_narrows_a_query_to_the_rows_of_both(
    text: str, negated: bool, condition: str
) -> None:
    field, _, value = condition.partition("=")
    wanted = condition.replace("=", "!=") if negated else condition
    # A condition that contradicts this one is replaced, `field:value` as well.
    assume(ids_matching(text) & ids_matching(wanted))
    assume(not negated or f"{field}:" not in text)
    changed = with_condition(text, field, value, negated=negated)
    assert ids_matching(changed) == ids_matching(text) & ids_matching(wanted)


@given(QUERIES.filter(is_query), QUERIES.filter(is_query))
def test_joined_queries_match_the_rows_of_both(first: str, second: str) -> None:
    both = ids_matching(first) & ids_matching(second)
    assert ids_matching(joined(first, second)) == both
    matcher = compile_all((parse(first), parse(second)), run_fields(), 100.0)
    assert {f"{run.task_id} {run.state}" for run in RUNS if matcher.accepts(run)} == both


def test_queries_are_compiled_together_however_long_they_are() -> None:
    queries = [parse(f"task:send {'x ' * 120}"), parse(""), parse("state:failed,running " * 20)]
    assert not compile_all(queries, run_fields(), 100.0).accepts(RUNS[0])
    assert not compile_all([parse(""), parse(" ")], run_fields(), 100.0).active


def test_a_long_query_is_narrowed_all_the_same() -> None:
    text = " ".join(["x"] * MAX_TOKENS)
    assert with_condition(text, "task", "send") == f"{text} task=send"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("task=b", ""),
        (" x task=b ", "x"),
        ("x AND task=b", "x"),
        ('"x and" task=b', '"x and"'),
        ("(not x) task=b", "(not x)"),
        ("(x or y) and task=b", "(x or y)"),
        ("not task=b", None),
        ("x -task=b", None),
        ("x or task=b", None),
        ("x or y task=b", None),
        ("x (y task=b)", None),
        ("x task=bb", None),
        ("(x task=b", None),
        ("", None),
    ],
)
def test_a_condition_is_cut_off_only_where_the_rest_keeps_its_meaning(
    text: str, expected: str | None
) -> None:
    assert without_last(text, "task=b") == expected
