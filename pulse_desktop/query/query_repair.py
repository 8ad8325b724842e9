"""Remove the part of a query that an error is about, and nothing else."""

from collections.abc import Sequence
from typing import Final

from pulse_desktop.query.errors import QueryError
from pulse_desktop.query.tokens import Token, TokenKind, tokenize

_OF_COMPARISON: Final = frozenset(
    {TokenKind.FIELD, TokenKind.OPERATOR, TokenKind.VALUE, TokenKind.COMMA, TokenKind.RANGE}
)
_AFTER_FIELD: Final = _OF_COMPARISON - {TokenKind.FIELD}
_CONNECTORS: Final = (TokenKind.AND, TokenKind.OR)
_KEYWORDS: Final = (*_CONNECTORS, TokenKind.NOT)


def without_error(text: str, error: QueryError) -> tuple[str, int]:
    """Return a query without the part that an error is about, and the place of that part.

    That is a condition with its negation and with the word that joins it to the others; one value
    where it is in a list; or a lone bracket or keyword. If there are more errors, they stay.

    Args:
        text: of the query.
        error: of this very text.
    """
    try:
        tokens = tokenize(text, unfinished=True)
    except QueryError:
        return _cut(text, *_word_around(text, error))
    touched = [
        number
        for number, token in enumerate(tokens)
        if token.start < max(error.end, error.start + 1) and token.end > error.start
    ]
    if not touched:
        return _cut(text, error.start, max(error.end, error.start + 1))
    first, last = touched[0], touched[-1]
    in_list = _in_list(tokens, first, last)
    if in_list is not None:
        start, end = in_list
        return text[:start] + text[end:], start
    if tokens[first].kind in _OF_COMPARISON:
        while tokens[first].kind is not TokenKind.FIELD and first:
            first -= 1
        while last + 1 < len(tokens) and tokens[last + 1].kind in _AFTER_FIELD:
            last += 1
    is_lone = first == last and tokens[first].kind in (
        *_KEYWORDS,
        TokenKind.OPEN,
        TokenKind.CLOSE,
    )
    if not is_lone:
        first, last = _with_connector(tokens, first, last)
    return _cut(text, tokens[first].start, tokens[last].end)


def _in_list(tokens: Sequence[Token], first: int, last: int) -> tuple[int, int] | None:
    """Return what to cut for one value of a list, with its comma; None for anything else."""
    if first != last or tokens[first].kind is not TokenKind.VALUE:
        return None
    if first + 1 < len(tokens) and tokens[first + 1].kind is TokenKind.COMMA:
        return tokens[first].start, tokens[first + 1].end
    if tokens[first - 1].kind is TokenKind.COMMA:
        return tokens[first - 1].start, tokens[first].end
    return None


def _with_connector(tokens: Sequence[Token], first: int, last: int) -> tuple[int, int]:
    """Widen a part by what would be left over: negations, `and`, `or`, and empty brackets."""

    def kind(number: int) -> TokenKind | None:
        return tokens[number].kind if 0 <= number < len(tokens) else None

    while True:
        while kind(first - 1) is TokenKind.NOT:
            first -= 1
        if kind(first - 1) is TokenKind.OPEN and kind(last + 1) is TokenKind.CLOSE:
            first, last = first - 1, last + 1
            continue
        if kind(first - 1) in _CONNECTORS:
            return first - 1, last
        if kind(last + 1) in _CONNECTORS:
            return first, last + 1
        return first, last


def _word_around(text: str, error: QueryError) -> tuple[int, int]:
    start, end = error.start, max(error.end, error.start)
    while start > 0 and not text[start - 1].isspace():
        start -= 1
    while end < len(text) and not text[end].isspace():
        end += 1
    return start, end


def _cut(text: str, start: int, end: int) -> tuple[str, int]:
    """Return a text without a part, with one space where it was."""
    before, after = text[:start].rstrip(), text[end:].lstrip(" \t\n,")
    needs_space = before and after and before[-1] != "(" and after[0] != ")"
    before += " " if needs_space else ""
    return before + after, len(before)
