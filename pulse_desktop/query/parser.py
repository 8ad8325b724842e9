"""Parse the text of a query into its syntax tree: by hand, for the positions of errors.

query      := or
or         := and ("or" and)*
and        := not ("and"? not)*
not        := ("not" | "-") not | primary
primary    := "(" or ")" | comparison | word | "quoted phrase"
comparison := field operator value ("," value)*
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from pulse_desktop.query.errors import QueryError
from pulse_desktop.query.syntax import (
    MAX_DEPTH,
    And,
    Comparison,
    FreeText,
    Node,
    Not,
    Or,
    Query,
    Value,
    ValueRange,
)
from pulse_desktop.query.tokens import Token, TokenKind, tokenize
from pulse_desktop.text.translation import _

_KEYWORDS: Final = (TokenKind.AND, TokenKind.OR, TokenKind.NOT)
_TERM_STARTS: Final = (TokenKind.OPEN, TokenKind.NOT, TokenKind.FIELD, TokenKind.TEXT)


def parse(text: str) -> Query:
    """Parse a query.

    Raises:
        QueryError: the text is not a query, at the position that it gives.
    """
    tokens = tokenize(text)
    return Query(text, _Parser(text, tokens).parse() if tokens else None)


class _Parser:
    def __init__(self, text: str, tokens: Sequence[Token]) -> None:
        self._text = text
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def parse(self) -> Node:
        node = self._or()
        if (token := self._peek()) is not None:
            raise QueryError(_("There is no ( for this )"), token.start, token.end)
        return node

    def _peek(self) -> Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _next_is(self, *kinds: TokenKind) -> bool:
        token = self._peek()
        return token is not None and token.kind in kinds

    def _take(self) -> Token:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _or(self) -> Node:
        operands = [self._and()]
        while self._next_is(TokenKind.OR):
            self._take()
            operands.append(self._and())
        if len(operands) == 1:
            return operands[0]
        return Or(tuple(operands), operands[0].start, operands[-1].end)

    def _and(self) -> Node:
        operands = [self._not()]
        while self._next_is(TokenKind.AND, *_TERM_STARTS):
            if self._next_is(TokenKind.AND):
                self._take()
            operands.append(self._not())
        if len(operands) == 1:
            return operands[0]
        return And(tuple(operands), operands[0].start, operands[-1].end)

    def _not(self) -> Node:
        if not self._next_is(TokenKind.NOT):
            return self._primary()
        token = self._take()
        self._enter(token)
        operand = self._not()
        self._depth -= 1
        return Not(operand, token.start, operand.end)

    def _enter(self, token: Token) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            message = _("Brackets and negations are nested deeper than {count} levels")
            raise QueryError(message.format(count=MAX_DEPTH), token.start, token.end)

    def _primary(self) -> Node:
        token = self._peek()
        if token is None or token.kind not in _TERM_STARTS:
            raise self._missing_term(token)
        self._take()
        if token.kind is TokenKind.FIELD:
            return self._comparison(token)
        if token.kind is TokenKind.TEXT:
            return FreeText(token.text, token.quoted, token.start, token.end)
        self._enter(token)
        node = self._or()
        self._depth -= 1
        if not self._next_is(TokenKind.CLOSE):
            raise QueryError(_("There is no ) for this ("), token.start, token.end)
        return replace(node, start=token.start, end=self._take().end)

    def _missing_term(self, token: Token | None) -> QueryError:
        """Return the error of a condition that is missing before a token, or at the end."""
        before = self._tokens[self._at - 1] if self._at else None
        if before is not None and before.kind in _KEYWORDS:
            message = _("A condition is missing after “{keyword}”").format(keyword=before.text)
            return QueryError(message, before.start, before.end)
        if token is not None and token.kind in _KEYWORDS:
            message = _("A condition is missing before “{keyword}”").format(keyword=token.text)
            return QueryError(message, token.start, token.end)
        if before is not None and token is not None:
            return QueryError(_("There is nothing in the brackets"), before.start, token.end)
        if token is not None:
            return QueryError(_("There is no ( for this )"), token.start, token.end)
        opening = before or self._tokens[0]
        return QueryError(_("There is no ) for this ("), opening.start, opening.end)

    def _comparison(self, field: Token) -> Comparison:
        operator = self._take()
        values: list[Value | ValueRange] = []
        while self._next_is(TokenKind.VALUE, TokenKind.RANGE):
            values.append(self._value())
            if not self._next_is(TokenKind.COMMA):
                break
            self._take()
        if not values:
            message = _("A value is missing after “{operator}”").format(operator=operator.text)
            raise QueryError(message, field.start, operator.end)
        end = values[-1].end
        return Comparison(
            field.text,
            operator.text,
            tuple(values),
            self._text[field.start : end],
            field.start,
            end,
            field.start,
            field.end,
        )

    def _value(self) -> Value | ValueRange:
        """Read a value: a range begins with two dots, or has them after its lower end."""
        if self._next_is(TokenKind.RANGE):
            return self._range_from(None)
        low = self._single()
        return self._range_from(low) if self._next_is(TokenKind.RANGE) else low

    def _range_from(self, low: Value | None) -> ValueRange:
        dots = self._take()
        high = self._single() if self._next_is(TokenKind.VALUE) else None
        start = dots.start if low is None else low.start
        return ValueRange(low, high, start, dots.end if high is None else high.end)

    def _single(self) -> Value:
        token = self._take()
        return Value(token.text, token.quoted, token.start, token.end)
