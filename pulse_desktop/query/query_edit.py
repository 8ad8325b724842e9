"""Change the text of a query: add conditions."""

from collections.abc import Sequence

from pulse_desktop.query.errors import QueryError
from pulse_desktop.query.parser import parse
from pulse_desktop.query.predicates import ANY, EQUAL
from pulse_desktop.query.quoting import quote
from pulse_desktop.query.syntax import And, Comparison, Node, Not, Or, Value
from pulse_desktop.query.tokens import RANGE, TokenKind, tokenize


def with_condition(text: str, field: str, value: str, *, negated: bool = False) -> str:
    """Return a query narrowed to the rows with a value in a field, or to those without it.

    A condition of the text on the same value is replaced, not contradicted.

    Args:
        text: of the query; conditions are added to it. A text that is no query is replaced.
        field: name of the field.
        value: wanted or unwanted.
        negated: whether rows with the value are left out.
    """
    condition = f"{field}{'!=' if negated else '='}{quote(value)}"
    try:
        root = parse(text).root
    except QueryError:
        return condition
    if root is None:
        return condition
    if isinstance(root, Or):
        return joined(text, condition)
    operands = root.operands if isinstance(root, And) else (root,)
    kept = [
        text[each.start : each.end]
        for each in operands
        if not _is_replaced(each, field, value, negated=negated)
    ]
    return _side_by_side((*kept, condition))


def joined(*queries: str) -> str:
    """Return a query for the rows that match all of some queries. Raises QueryError."""
    parts = []
    for text in map(str.strip, queries):
        root = parse(text).root
        if root is not None:
            # `or` binds less tightly than what follows, unless it has brackets around it.
            is_open = isinstance(root, Or) and root.start == root.operands[0].start
            parts.append(_in_brackets(text) if is_open else text)
    return _side_by_side(parts)


def _side_by_side(parts: Sequence[str]) -> str:
    """Return conditions one after the other, in brackets where they would run together.

    Without brackets `x` and the word `=` would be a comparison with what follows.
    """
    text = " ".join(parts)
    try:
        is_same = _outline(text) == [each for part in parts for each in _outline(part)]
    except QueryError:  # too long: the error is shown where the query is read
        return text
    return text if is_same else " ".join(map(_in_brackets, parts))


def _in_brackets(text: str) -> str:
    bracketed = f"({text})"
    try:
        is_same = _outline(bracketed)[1:-1] == _outline(text)
    except QueryError:
        return bracketed
    return bracketed if is_same else f"({text} )"  # a value `f(x` would take the bracket


def _outline(text: str) -> list[tuple[TokenKind, str, bool]]:
    return [(token.kind, token.text, token.quoted) for token in tokenize(text)]


def without_last(text: str, condition: str) -> str | None:
    """Return a query without the condition that narrows all of it and is its last.

    None if the query does not end with the condition, or if it stands there after "or" or "not".

    Args:
        text: of the query.
        condition: as it is written there.
    """
    try:
        root = parse(text).root
    except QueryError:
        return None
    operands = root.operands if isinstance(root, And) else (root,)
    last = operands[-1]
    if not isinstance(last, Comparison) or text[last.start :].strip() != condition:
        return None
    kept = text[: last.start].strip()
    try:
        parse(kept)
    except QueryError:  # it ends with "and"
        return kept[: -len("and")].rstrip()
    return kept


def _is_replaced(node: Node, field: str, value: str, *, negated: bool) -> bool:
    """Return whether a condition on a value of a field takes the place of a node.

    It does if the node contradicts it, or says nothing that it does not say as well.
    """
    is_not = False
    while isinstance(node, Not):
        node, is_not = node.operand, not is_not
    if not isinstance(node, Comparison) or node.field != field or len(node.values) != 1:
        return False
    only = node.values[0]
    if node.operator not in EQUAL or not isinstance(only, Value):
        return False
    if only.text.casefold() != value.casefold():
        return False
    if (is_not != (node.operator == "!=")) != negated:
        return True
    if only.quoted and node.operator != ":":
        return True
    is_range, is_pattern = RANGE in only.text, ANY in only.text
    return not is_range and not (negated and (is_pattern or node.operator == ":"))
