"""Adding conditions to the text of a query."""

import pytest

from pulse_desktop.query import parse, with_condition
from pulse_desktop.query.query_edit import without_last


@pytest.mark.parametrize(
    ("text", "negated", "expected"),
    [
        ("", False, 'task="a b"'),
        ("", True, 'task!="a b"'),
        ("state:failed x", False, 'state:failed x task="a b"'),
        ("a or b", True, '(a or b) task!="a b"'),
        ("(a or b) c", False, '(a or b) c task="a b"'),
        ('task="A B" x', True, 'x task!="a b"'),
        ('not task:"a b" x', False, 'x task="a b"'),
        ("task=c", False, 'task=c task="a b"'),
        ("(not finished", False, 'task="a b"'),
    ],
)
def test_only_this_and_not_this(text: str, negated: bool, expected: str) -> None:
    changed = with_condition(text, "task", "a b", negated=negated)
    assert changed == expected
    assert parse(changed).active


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
