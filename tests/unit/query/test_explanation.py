"""Why nothing matches a query."""

from collections.abc import Iterable

import msgspec
import pytest

from pulse_desktop.fields.run_fields import run_fields
from pulse_desktop.query import QueryError, compile_query, parse
from pulse_desktop.query.explanation import MAX_REASONS, Explainer, Explanation, Reason
from pulse_desktop.state.run import Attempt, Request, TaskRun
from pulse_desktop.text.query_text import explanation_sentences, explanation_text

RUNS = [
    TaskRun(
        str(number),
        "shop.mail:send",
        Request(2, 0, "send", b"[]", b'{"language": "pl"}', b"{}"),
        attempts=(Attempt(1, 1.0, f"w-{number % 3}"),),
        last_seen=float(number),
    )
    for number in range(9)
]


def keys(field: str, run: TaskRun) -> Iterable[str]:
    """Return the names of arguments."""
    assert field == "args"
    assert run.request is not None
    return msgspec.json.decode(run.request.kwargs, type=dict[str, str])


def explain(text: str) -> list[Explanation]:
    """Return why none of the runs matches."""
    explainer = Explainer(
        parse(text),
        run_fields(),
        100.0,
        others={"the time range": lambda run: run.last_seen > 5},
        keys=keys,
    )
    explainer.look_at(RUNS[:4])
    explainer.look_at(RUNS[4:])
    return explainer.explanations()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "worker:w-9 send",
            ["Nothing matches worker:w-9.", "Without worker:w-9 there are 3 rows."],
        ),
        (
            "langauge=pl",
            [
                "Nothing has “langauge”. Did you mean “language”?",
                "Without langauge=pl there are 3 rows.",
            ],
        ),
        (
            "args.Language=pl -x",
            [
                "Nothing has “args.Language”. Did you mean “language”?",
                "Without args.Language=pl there are 3 rows.",
            ],
        ),
        (
            "language=pll",
            [
                "Nothing matches language=pll. There is “pl”.",
                "Without language=pll there are 3 rows.",
            ],
        ),
        (
            '"no such text" -x',
            ["Nothing contains “no such text”.", 'Without "no such text" there are 3 rows.'],
        ),
        (
            "id:0,1",
            ["Without the time range there are 2 rows.", "Without id:0,1 there are 3 rows."],
        ),
        (
            "ran>5s or error:*",
            [
                "Nothing has “ran”.",
                "Nothing has “error”.",
                "Without ran>5s or error:* there are 3 rows.",
            ],
        ),
        (
            "worker:w-0 worker:w-1",
            ["Without worker:w-0 there is 1 row.", "Without worker:w-1 there is 1 row."],
        ),
        (
            "id:0 (send or zz)",
            ["Without the time range there is 1 row.", "Without id:0 there are 3 rows."],
        ),
        (
            "id:0 (zz or (send yy))",
            [
                "Nothing contains “zz”.",
                "Nothing contains “yy”.",
            ],
        ),
        (
            "(error:* or -zz) (language=pll or -send)",
            ["Without (language=pll or -send) there are 3 rows."],
        ),
        ("text:zz", ["Nothing contains “zz”.", "Without text:zz there are 3 rows."]),
        (
            'text:zz,"y y"',
            [
                "Nothing contains “zz”.",
                "Nothing contains “y y”.",
                'Without text:zz,"y y" there are 3 rows.',
            ],
        ),
        ("-(language:pl) send", ["Without -(language:pl) there are 3 rows."]),
        ("-language=pl", ["Without -language=pl there are 3 rows."]),
        ("send", []),
    ],
)
def test_reasons(text: str, expected: list[str]) -> None:
    found = [explanation_text(each) for each in explain(text)]
    assert sorted(found) == sorted(expected)


def explain_argument(call: dict[str, object], text: str) -> list[str]:
    """Return why a run with some keyword arguments does not match."""
    request = Request(2, 0, "send", b"[]", msgspec.json.encode(call), b"{}")
    run = TaskRun("1", "shop.mail:send", request, last_seen=1.0)
    query = parse(text)
    explainer = Explainer(query, run_fields(), 100.0)
    explainer.look_at([run])
    return [explanation_text(each) for each in explainer.explanations()]


@pytest.mark.parametrize(
    ("call", "text", "expected"),
    [
        (
            {"size": 399},
            "size=399",
            (
                "Nothing matches size=399 (Size of the result)."
                " Did you mean the argument, args.size=399?"
            ),
        ),
        (
            {"task": "invoices 7"},
            'send task="invoices 7"',
            (
                'Nothing matches task="invoices 7" (Task).'
                ' Did you mean the argument, args.task="invoices 7"?'
            ),
        ),
        (
            {"attempt": 12},
            "(attempt>10)",
            "Nothing matches attempt>10 (Attempt). Did you mean the argument, args.attempt>10?",
        ),
        (
            {"id": "u1"},
            "task_id=zz or id=u1",
            "Nothing matches id=u1 (Task id). Did you mean the argument, args.id=u1?",
        ),
        (
            {"task_id": "u1"},
            "task_id=u1",
            "Nothing matches task_id=u1 (Task id). Did you mean the argument, args.task_id=u1?",
        ),
        ({"size": 399}, "size=400", "Nothing has “size”."),
        ({"label": "x"}, "label:y", "Nothing has “label”."),
    ],
)
def test_an_argument_that_is_named_like_a_field(
    call: dict[str, object], text: str, expected: str
) -> None:
    assert expected in explain_argument(call, text)


def test_a_value_that_a_field_cannot_have_may_be_that_of_an_argument() -> None:
    with pytest.raises(QueryError) as found:
        compile_query(parse('size="u399"'), run_fields(), 100.0)
    assert found.value.message.endswith(' An argument: args.size="u399"')
    with pytest.raises(QueryError) as found:
        compile_query(parse("state:opn"), run_fields(), 100.0)
    assert "args" not in found.value.message


def test_a_condition_that_hides_most_is_named_first() -> None:
    found = [each.count for each in explain("id:0,1,2,3") if each.reason is Reason.HIDES]
    assert found == sorted(found, reverse=True)
    assert found[0] == 4
    first = explain("id:0,1,2,3")[0]
    assert explanation_text(first) == "Without the time range there are 4 rows."


def test_a_partial_search_is_said_after_the_first_reasons() -> None:
    reasons = explain("langauge=pl") * MAX_REASONS
    found = explanation_sentences(reasons, is_complete=True)
    assert found == [explanation_text(each) for each in reasons[:MAX_REASONS]]
    partial = explanation_sentences(reasons, is_complete=False)
    assert partial == [*found, "Looked at the newest 50,000 rows."]
    assert explanation_sentences([], is_complete=False) == []
