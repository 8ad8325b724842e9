"""The syntax of queries."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pulse_desktop.query import QueryError, parse, quote
from pulse_desktop.query.syntax import (
    MAX_DEPTH,
    MAX_LENGTH,
    MAX_TOKENS,
    And,
    Comparison,
    FreeText,
    Node,
    Not,
    Or,
    Value,
    ValueRange,
)
from tests.unit.query.query_texts import QUERIES


def outline(node: Node | None) -> object:
    """Return a node without its positions."""
    match node:
        case And(operands):
            return ("and", *map(outline, operands))
        case Or(operands):
            return ("or", *map(outline, operands))
        case Not(operand):
            return ("not", outline(operand))
        case FreeText(text, quoted):
            return f'"{text}"' if quoted else text
        case Comparison(field, operator, values):
            return (field, operator, *map(outline_value, values))
    return None


def outline_value(value: Value | ValueRange) -> object:
    """Return a value without its position."""
    if isinstance(value, ValueRange):
        return (value.low and value.low.text, "..", value.high and value.high.text)
    return f'"{value.text}"' if value.quoted else value.text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        (" , ", None),
        ("send mail", ("and", "send", "mail")),
        ("a and b or c", ("or", ("and", "a", "b"), "c")),
        ("a AND (b OR c)", ("and", "a", ("or", "b", "c"))),
        ("And Or Not", ("and", "And", "Or", "Not")),
        ("not a b", ("and", ("not", "a"), "b")),
        ("-a -(b c)", ("and", ("not", "a"), ("not", ("and", "b", "c")))),
        ("not not -a", ("not", ("not", ("not", "a")))),
        ("a-b -", ("and", "a-b", "-")),
        ("state:failed,soft_failed", ("state", ":", "failed", "soft_failed")),
        ("state:failed, ran>5s", ("and", ("state", ":", "failed"), ("ran", ">", "5s"))),
        ("state: failed", ("state", ":", "failed")),
        ("ran > 5s ran<=1h", ("and", ("ran", ">", "5s"), ("ran", "<=", "1h"))),
        ('language="pl", limit=5', ("and", ("language", "=", '"pl"'), ("limit", "=", "5"))),
        ('a="x","y z",w', ("a", "=", '"x"', '"y z"', "w")),
        ("args.user.name!=bob", ("args.user.name", "!=", "bob")),
        ('args."odd name":x', ('args."odd name"', ":", "x")),
        ("worker:w-1@host:7", ("worker", ":", "w-1@host:7")),
        ("w-1@host:7", "w-1@host:7"),
        ("args.f:g(x) (b)", ("and", ("args.f", ":", "g(x)"), "b")),
        ("(a:b)", ("a", ":", "b")),
        ('tags=["a", "b)"] c', ("and", ("tags", "=", '"["a", "b)"]"'), "c")),
        ("tags=[a b", ("and", ("tags", "=", "[a"), "b")),
        ("queued:22:00..23:30", ("queued", ":", "22:00..23:30")),
        ('queued:"22:00".."23:30"', ("queued", ":", ("22:00", "..", "23:30"))),
        ('queued:.."23:30"', ("queued", ":", (None, "..", "23:30"))),
        ('queued:22:00.."23:30"', ("queued", ":", ("22:00", "..", "23:30"))),
        ('queued:"22:00".. x', ("and", ("queued", ":", ("22:00", "..", None)), "x")),
        ('"a \\"b\\" \\\\ \\u0416\\ud83d\\ude00\\n"', '"a "b" \\ Ж😀\n"'),
        ("розбір", "розбір"),
        ('args.""=x', ('args.""', "=", "x")),
        ("args.", "args."),
        ("args. x", ("and", "args.", "x")),
        ("e.g.:x", "e.g.:x"),
        ("wait...", "wait..."),
    ],
)
def test_syntax(text: str, expected: object) -> None:
    assert outline(parse(text).root) == expected


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("(", 0, 1),
        ("a (b", 2, 3),
        ("a)", 1, 2),
        ("()", 0, 2),
        ("a or", 2, 4),
        ("or a", 0, 2),
        ("a and or b", 2, 5),
        ("not", 0, 3),
        ("a -(", 3, 4),
        ("x state:", 2, 8),
        ("state:,a", 0, 6),
        ('x "abc', 2, 6),
        ('args.="x"', 0, 5),
        ("x args.:y", 2, 7),
        ("data..b=1", 0, 5),
        ("labels.=1", 0, 7),
        ("not label. >= 5", 4, 10),
        ("kwargs..a=x", 0, 7),
        ('args."a.b".=x', 0, 11),
        ("args.a.b.!=x", 0, 9),
        ("who.=x", 0, 4),
        (r'"a\d"', 2, 4),
        (r'f:"ab\q"', 5, 7),
    ],
)
def test_an_error_has_a_position(text: str, start: int, end: int) -> None:
    with pytest.raises(QueryError) as caught:
        parse(text)
    assert (caught.value.start, caught.value.end) == (start, end)
    assert caught.value.message == str(caught.value)


def test_limits() -> None:
    parse("a" * MAX_LENGTH)
    with pytest.raises(QueryError, match="2,048 characters") as caught:
        parse("a" * (MAX_LENGTH + 3))
    assert (caught.value.start, caught.value.end) == (MAX_LENGTH, MAX_LENGTH + 3)
    parse("a " * MAX_TOKENS)
    with pytest.raises(QueryError, match="128 parts"):
        parse("a " * (MAX_TOKENS + 1))
    parse("(" * MAX_DEPTH + "a" + ")" * MAX_DEPTH)
    with pytest.raises(QueryError, match="32 levels") as caught:
        parse("-(" * (MAX_DEPTH // 2) + "(a)" + ")" * (MAX_DEPTH // 2))
    assert caught.value.start == MAX_DEPTH


_PIECES = st.lists(
    st.sampled_from(
        [
            "a", "state", ":", "=", "!=", ">", "<=", "..", ",", "(", ")", "-", " ", '"', "\\", "or",
            "and", "not", "*", "args.", "[", "]", "{", "}", "1", "5s", "22:00", "é", "\n", "😀",
        ]
    )
).map("".join)  # fmt: skip


@given(QUERIES | _PIECES)
@example("not (state:failed) (worker:w)")
@example("-((a)) x")
def test_the_text_of_a_node_is_the_same_condition(text: str) -> None:
    try:
        root = parse(text).root
    except QueryError:
        return
    for node in nodes_of(root):
        assert outline(parse(text[node.start : node.end]).root) == outline(node)


def nodes_of(node: Node | None) -> Iterator[Node]:
    """Yield a node and all nodes below it."""
    if node is None:
        return
    yield node
    match node:
        case And(operands) | Or(operands):
            for each in operands:
                yield from nodes_of(each)
        case Not(operand):
            yield from nodes_of(operand)


@given(_PIECES | st.text())
def test_any_text_is_parsed_or_has_an_error_within_it(text: str) -> None:
    error = None
    try:
        check_places(parse(text).root, text)
    except QueryError as caught:
        error = caught
    if error is not None:
        assert 0 <= error.start <= error.end <= len(text)
        assert error.message


def check_places(node: Node | None, text: str) -> None:
    """Check that nodes lie in the text, one after another and each within its parent."""
    if node is None:
        return
    assert 0 <= node.start < node.end <= len(text)
    match node:
        case And(operands) | Or(operands):
            assert len(operands) > 1
            for before, after in pairwise(operands):
                assert before.end <= after.start
            for each in operands:
                assert node.start <= each.start
                assert each.end <= node.end
                check_places(each, text)
        case Not(operand):
            check_places(operand, text)
        case Comparison():
            assert text[node.field_start : node.field_end] == node.field
            assert node.source in text[node.start : node.end]
            assert node.values


@given(st.text(min_size=1, max_size=100))
def test_a_quoted_value_stands_for_itself(value: str) -> None:
    after_operator = parse(f"f={quote(value)}").root
    assert isinstance(after_operator, Comparison)
    (only,) = after_operator.values
    assert isinstance(only, Value)
    assert only.text == value
    assert only.quoted or "*" not in value
    alone = parse(quote(value)).root
    assert isinstance(alone, FreeText)
    assert alone.text == value


def test_plain_values_need_no_quotes() -> None:
    for value in ("failed", "w-1@host:7", "2026-11-29T22:00", "розбір", "3.5"):
        assert quote(value) == value
    for value in ("", "or", "-x", "a b", "a:b", "1..2", "a*", "a,b", "(a", "[1]", 'a"b', "=5"):
        assert quote(value).startswith('"')
