"""Values are completed with the number of rows that have them, as far as it was counted."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pulse_desktop.fields.event_fields import event_fields
from pulse_desktop.fields.run_fields import run_fields
from pulse_desktop.fields.worker_fields import worker_fields
from pulse_desktop.query import FieldSet, QueryError, ValueCount, compile_query, complete, parse
from pulse_desktop.query.explanation import Explainer
from pulse_desktop.query.query_repair import without_error
from pulse_desktop.state.run import Request, TaskRun

NOW = 1_796_000_000.0


def test_known_values_that_were_not_counted_have_no_count() -> None:
    counted = complete("state:", 6, run_fields(), lambda _field: [ValueCount("failed", 0)])
    assert [(item.insert, item.count) for item in counted.items] == [("failed", 0)]
    known = complete("state:", 6, run_fields(), lambda _field: [])
    assert "failed" in {item.insert for item in known.items}
    assert {item.count for item in known.items} == {None}


_PIECES = st.lists(
    st.sampled_from(
        [
            *("a", "state", "args", ".", 'args."a', 'label."', ":", "=", ">", "..", ",", "(", ")"),
            *(
                "-",
                " ",
                '"',
                "\\",
                "\\q",
                "\\ud800",
                '\\"',
                "or",
                "not",
                "*",
                "[1",
                "]",
                "5s",
                "😀",
            ),
            *("failed", "22:00", "\n", "\udc00", "n:1..", "text:"),
        ]
    ),
    max_size=12,
).map("".join)
FIELD_SETS: tuple[FieldSet[Any], ...] = (run_fields(), event_fields(), worker_fields())
RUN = TaskRun("1", "send", Request(0, 0, "send", b"[1]", b'{"a": [1, "x"]}', b"{}"))


@given(_PIECES | st.text(st.characters(codec=None)), st.integers(-2, 60))
@example('args."a\\q":', 12)
@example('args."a\\q"', 11)
@example('args."a\\q".x:y', 12)
@example('x args."a\\ud800":y', 18)
def test_any_text_is_completed_and_checked(text: str, cursor: int) -> None:
    seen = [ValueCount("failed", 1), ValueCount('a "b"\\')]
    for fields in FIELD_SETS:
        completion = complete(text, cursor, fields, lambda _field: seen)
        assert 0 <= completion.start <= completion.end <= len(text)
        complete(text, cursor, fields, lambda _field: ())
        if (error := error_of(text, fields)) is not None:
            assert 0 <= error.start <= error.end <= len(text)
            without_error(text, error)


def error_of(text: str, fields: FieldSet[Any]) -> QueryError | None:
    """Return why a text is no query, None if it is one."""
    try:
        compile_query(parse(text), fields, NOW)
    except QueryError as error:
        return error
    return None


@given(_PIECES)
@example('"\\ud800"')
@example('id:"\\ud800" or "a\\ud800"=1')
def test_a_valid_query_decides_and_explains_any_row(text: str) -> None:
    try:
        query = parse(text)
        matcher = compile_query(query, run_fields(), NOW)
    except QueryError:
        return
    explainer = Explainer(query, run_fields(), NOW)
    explainer.look_at([RUN])
    assert explainer.matching == matcher.accepts(RUN)
    explainer.explanations()


@pytest.mark.parametrize(
    ("text", "start"), [('args."a\\q":x', 7), ('x -label."b".c."\\\\\\z"=1', 18)]
)
def test_an_unknown_escape_in_a_name_is_underlined(text: str, start: int) -> None:
    with pytest.raises(QueryError, match="Unknown escape") as caught:
        parse(text)
    assert (caught.value.start, caught.value.end) == (start, start + 2)
