"""The conditions beside the one at the cursor, from texts that are no query yet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse_desktop.query.open_value import conditions_around
from pulse_desktop.query.parser import parse


@pytest.mark.parametrize(
    ("typed", "around"),
    [
        ("|", []),
        ("task:a|", []),
        ("task:a |", ["task:a"]),
        ("task:a language=|", ["task:a"]),
        ("task:a language=p|l ran>1s", ["task:a", "ran>1s"]),
        ('task:a language="p|l" ran>1s', ["task:a", "ran>1s"]),
        ("task:a la|", ["task:a"]),
        ("task:a -|", ["task:a"]),
        ("task:a -language=|", ["task:a"]),
        ("task:a not (language=| ran>1s)", ["task:a", "ran>1s"]),
        ("task:a (language=|", ["task:a"]),
        ("task:a (x (language=|", ["task:a", "x"]),
        ("task:a or language=|", []),
        ("task:a b or x language=|", ["x"]),
        ("(task:a or b) language=|", ["(task:a or b)"]),
        ("state:fa|iled,retrying task:a", ["task:a"]),
        ("state:failed,| task:a", ["task:a"]),
        ("state:failed,re|trying,done task:a", ["task:a"]),
        ('args."my name"=| task:a', ["task:a"]),
        ("task:a ) language=|", []),
        ("ran> language=|", []),
    ],
)
def test_what_is_joined_by_and_restricts(typed: str, around: list[str]) -> None:
    cursor = typed.index("|")
    assert list(conditions_around(typed.replace("|", ""), cursor)) == around


@given(
    st.lists(
        st.sampled_from(
            ["task", ":", "=", "a", " ", '"', "(", ")", "-", ",", "..", "or", "not", "\\q", "😀"]
        ),
        max_size=14,
    ).map("".join),
    st.integers(-2, 40),
)
def test_every_condition_around_is_a_query(text: str, cursor: int) -> None:
    for condition in conditions_around(text, cursor):
        assert parse(condition).root is not None
