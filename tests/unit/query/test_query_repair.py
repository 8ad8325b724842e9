"""The part of a query that an error is about is removed, and nothing else."""

import pytest

from pulse_desktop.fields.run_fields import run_fields
from pulse_desktop.query import QueryError, compile_query, parse
from pulse_desktop.query.query_repair import without_error

FIELDS = run_fields()


def error_of(text: str) -> QueryError | None:
    try:
        compile_query(parse(text), FIELDS, 1e9)
    except QueryError as error:
        return error
    return None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("task:a ran>fast worker:w", "task:a worker:w"),
        ("ran>fast", ""),
        ("task:a or ran>fast", "task:a"),
        ("ran>fast or task:a", "task:a"),
        ("task:a and not ran>fast", "task:a"),
        ("task:a -ran>fast x", "task:a x"),
        ("(task:a or ran>fast) x", "(task:a) x"),
        ("task:a or (not (ran>fast)) x", "task:a x"),
        ("state:failed,failde task:a", "state:failed task:a"),
        ("state:failde,failed task:a", "state:failed task:a"),
        ('language="pl", ran>fast, limit=5', 'language="pl", limit=5'),
        ("ran:1s..x task:a", "task:a"),
        ("task:a queued:25:00", "task:a"),
        ("task:a or", "task:a"),
        ("or task:a", "task:a"),
        ("task:a or or b", "task:a or b"),
        ("task:a () b", "task:a b"),
        ("task:a (b", "task:a b"),
        ("task:a) b", "task:a b"),
        ("worker: task:a ran>", "worker: task:a"),
        ('task:a error:"not closed', "task:a"),
        ('task:a "not closed', "task:a"),
        (r'task:a error:"x \q y"', 'task:a error:"x y"'),
        ("task:a text>5", "task:a"),
    ],
)
def test_only_the_wrong_part_is_removed(text: str, expected: str) -> None:
    error = error_of(text)
    assert error is not None
    changed, cursor = without_error(text, error)
    assert changed == expected
    assert 0 <= cursor <= len(changed)
    assert error_of(changed) is None


@pytest.mark.parametrize(
    "text",
    [
        "ran>fast or (state:failde and queued:25:00)",
        "(((ran>x",
        ")) or not",
        "not " * 40 + "a",
        "(" * 40 + "a" + ")" * 40,
        " ".join(f"ran>{number}" for number in range(60)),
        "x" * 3_000,
        r'"\q" "\w',
        "ran:.. state:,, text>..",
    ],
)
def test_removing_part_after_part_ends_with_a_valid_query(text: str) -> None:
    while (error := error_of(text)) is not None:
        changed, _cursor = without_error(text, error)
        assert len(changed) < len(text)
        text = changed
