"""The value that is typed at the cursor, and the conditions around what is typed there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pulse_desktop.query.errors import QueryError
from pulse_desktop.query.parser import parse
from pulse_desktop.query.syntax import And, Node, Not, Or
from pulse_desktop.query.tokens import Token, TokenKind, tokenize

_WORD_ENDS: Final = frozenset(' \t\r\n()",')
_HOLE: Final = '"x"'
"""Stands for what is typed, so that the rest can be parsed."""
_LIST_START: Final = "f:x"
"""Stands for the first value of a list."""


@dataclass(frozen=True, slots=True)
class OpenValue:
    """The value that the cursor is in.

    Attributes:
        field: name of its field, as typed.
        typed: what is typed of it.
        start: index of its first character.
        quoted: whether it is quoted.
        term_start: index of the first character of its condition.
    """

    field: str
    typed: str
    start: int
    quoted: bool
    term_start: int


def value_at(text: str, cursor: int, tokens: Sequence[Token]) -> OpenValue | None:
    """Return the value that is typed at the cursor, None if none is.

    Args:
        text: of the query, finished or not.
        cursor: index at which the next character would be typed.
        tokens: of the text before the cursor.
    """
    index = len(tokens) - 1
    last = tokens[index] if tokens else None
    if last is None:
        return None
    if last.kind is TokenKind.OPERATOR:
        if text[last.end : cursor].strip():
            return None
        name = tokens[index - 1]
        return OpenValue(name.text, "", cursor, quoted=False, term_start=name.start)
    if last.end < cursor and text[last.end : cursor] != ",":
        return None
    if last.kind is not TokenKind.VALUE or (last.quoted and not last.open and last.end == cursor):
        return None
    while tokens[index].kind is not TokenKind.FIELD:
        index -= 1
    name = tokens[index]
    if last.end < cursor:  # a comma: the next value of a list
        return OpenValue(name.text, "", cursor, quoted=False, term_start=name.start)
    return OpenValue(name.text, last.text, last.start, quoted=last.quoted, term_start=name.start)


def conditions_around(text: str, cursor: int) -> tuple[str, ...]:
    """Return the conditions that rows have to match besides the one at the cursor.

    What is joined to it by "or" restricts nothing. If the rest is not a query, nothing does.

    Args:
        text: of the query, finished or not.
        cursor: index at which the next character would be typed.
    """
    cursor = max(0, min(cursor, len(text)))
    try:
        tokens = tokenize(text[:cursor], unfinished=True)
        start, end = _term_at(text, cursor, tokens)
        before, after = text[:start], text[end:]
        depth = sum(
            _depth_change(token) for token in tokenize(f"{before} {after}", unfinished=True)
        )
        gap = "" if before.endswith(("-", "(")) else " "
        around = f"{before}{gap}{_HOLE} {after}{' )' * depth}"
        root = parse(around).root
    except QueryError:
        return ()
    if root is None:
        return ()
    return tuple(around[each.start : each.end] for each in _beside(root, start + len(gap)))


def _term_at(text: str, cursor: int, tokens: Sequence[Token]) -> tuple[int, int]:
    """Return where the condition or word at the cursor starts and ends."""
    value = value_at(text, cursor, tokens)
    if value is not None:
        end = quote_end(text, cursor) if value.quoted else word_end(text, cursor)
        return value.term_start, _list_end(text, end)
    last = tokens[-1] if tokens else None
    if last is None or last.end < cursor or last.kind is not TokenKind.TEXT or last.text == "-":
        return cursor, cursor
    return last.start, word_end(text, cursor)


def _list_end(text: str, end: int) -> int:
    """Return where the list ends in which a value ends at an index."""
    if not text.startswith(",", end):
        return end
    last = len(_LIST_START)
    for token in tokenize(_LIST_START + text[end:], unfinished=True)[2:]:
        if token.kind not in (TokenKind.VALUE, TokenKind.COMMA, TokenKind.RANGE):
            break
        last = token.end
    return end + last - len(_LIST_START)


def _depth_change(token: Token) -> int:
    return {TokenKind.OPEN: 1, TokenKind.CLOSE: -1}.get(token.kind, 0)


def _beside(node: Node, index: int) -> list[Node]:
    """Return what has to match besides the node at an index of the text."""
    found: list[Node] = []
    while True:
        match node:
            case Not(operand):
                node = operand
            case And(operands) | Or(operands):
                inner = next((each for each in operands if each.start <= index < each.end), None)
                if inner is None:
                    return found
                if isinstance(node, And):
                    found += [each for each in operands if each is not inner]
                node = inner
            case _:
                return found


def word_end(text: str, cursor: int) -> int:
    """Return where the word at the cursor ends."""
    end = cursor
    while end < len(text) and text[end] not in _WORD_ENDS:
        end += 1
    return end


def quote_end(text: str, cursor: int) -> int:
    """Return where the quoted value at the cursor ends: after its quote, or at the cursor."""
    end = cursor
    while end < len(text) and text[end] != '"':
        end += 2 if text[end] == "\\" else 1
    return end + 1 if end < len(text) else cursor
