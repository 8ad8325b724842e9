"""Adding conditions to the text of a query."""

import pytest

from pulse_desktop.query import parse, with_condition


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
