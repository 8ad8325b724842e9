"""Change the text of a query: add conditions."""

from pulse_desktop.query.basic_tests import EQUAL
from pulse_desktop.query.errors import QueryError
from pulse_desktop.query.parser import parse
from pulse_desktop.query.quoting import quote
from pulse_desktop.query.syntax import And, Comparison, Node, Not, Or, Query, Value


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
        query = parse(text)
    except QueryError:
        return condition
    root = query.root
    if root is None:
        return condition
    if isinstance(root, Or):
        return f"({text.strip()}) {condition}"
    operands = root.operands if isinstance(root, And) else (root,)
    kept = [text[each.start : each.end] for each in operands if not _is_about(each, field, value)]
    return " ".join((*kept, condition))


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


def both(query: Query, other: Query) -> Query:
    """Return a query for the rows that match two queries."""
    first, second = query.root, other.root
    if first is None or second is None:
        return query if second is None else other
    return Query(f"({query.text}) ({other.text})", And((first, second), first.start, first.end))


def _is_about(node: Node, field: str, value: str) -> bool:
    """Return whether a node is a condition on this very value of a field."""
    while isinstance(node, Not):
        node = node.operand
    if not isinstance(node, Comparison) or node.field != field or len(node.values) != 1:
        return False
    only = node.values[0]
    return (
        node.operator in EQUAL
        and isinstance(only, Value)
        and only.text.casefold() == value.casefold()
    )
