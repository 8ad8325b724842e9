"""Complete a query while it is typed: first the field, then the operator, then a value.

The text before the cursor is rarely a query yet, so completion works on its tokens.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from pulse_desktop.query.errors import QueryError
from pulse_desktop.query.fields import Field, FieldKind, FieldSet
from pulse_desktop.query.open_value import OpenValue, quote_end, value_at, word_end
from pulse_desktop.query.predicates import EQUAL
from pulse_desktop.query.quoting import keyed_field, quote
from pulse_desktop.query.tokens import Token, TokenKind, tokenize

MAX_ITEMS: Final = 50

_ORDER: Final = (">", ">=", "<", "<=")
_TIMES: Final = ("15m", "1h", "24h", "today", "yesterday")
_DURATIONS: Final = ("100ms", "1s", "10s", "1m", "1h")
_SIZES: Final = ("1kB", "100kB", "1MB")
_SUGGESTED: Final = {
    FieldKind.TIME: _TIMES,
    FieldKind.DURATION: _DURATIONS,
    FieldKind.SIZE: _SIZES,
}


@dataclass(frozen=True, slots=True)
class ValueCount:
    """A value of a field.

    Attributes:
        value: as text.
        count: in how many rows it was seen, None if it is known without having been seen there.
    """

    value: str
    count: int | None = None


SeenValues = Callable[[str], Sequence[ValueCount]]
"""Returns the values seen in a field, the most frequent first. With a dot at the end, such as
`args.`, it returns the names seen in a keyed field."""


@dataclass(frozen=True, slots=True)
class CompletionItem:
    """A proposal.

    Attributes:
        insert: text that replaces what is completed.
        label: text shown; of a field its title, else the same as `insert` without quotes.
        kind: what it is.
        count: in how many rows a value was seen, None if it is not a seen value.
    """

    insert: str
    label: str
    kind: Literal["field", "operator", "value", "keyword"]
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """Proposals for the place of the cursor.

    Attributes:
        start: index of the first character that a proposal replaces.
        end: index after the last one.
        items: the proposals, the best first.
    """

    start: int
    end: int
    items: tuple[CompletionItem, ...] = ()


def complete(text: str, cursor: int, fields: FieldSet[Any], values: SeenValues) -> Completion:
    """Return proposals for a query at the cursor.

    Args:
        text: of the query, finished or not.
        cursor: index at which the next character would be typed.
        fields: of the rows.
        values: returns the values seen in a field.
    """
    cursor = max(0, min(cursor, len(text)))
    try:
        tokens = tokenize(text[:cursor], unfinished=True)
    except QueryError:  # an unknown escape, or too long
        return Completion(cursor, cursor)
    last = tokens[-1] if tokens else None
    value = value_at(text, cursor, tokens)
    if value is not None:
        return _complete_value(text, cursor, value, fields, values)
    if last is None or last.end < cursor or last.kind in (TokenKind.OPEN, TokenKind.CLOSE):
        return Completion(cursor, cursor, _terms("", tokens, fields, values))
    if last.quoted or last.kind is TokenKind.VALUE:
        return Completion(cursor, cursor)
    if last.text == "-":
        return Completion(cursor, cursor, _terms("", tokens, fields, values))
    return _complete_word(text, cursor, tokens, fields, values)


def ends_in_word(text: str, cursor: int) -> bool:
    """Return whether the text up to the cursor ends in a word that may become the name of a field.

    Args:
        text: of the query, finished or not.
        cursor: index at which the next character would be typed.
    """
    try:
        tokens = tokenize(text[:cursor], unfinished=True)
    except QueryError:
        return False
    last = tokens[-1] if tokens else None
    if last is None or last.end < cursor:
        return False
    return last.kind is TokenKind.TEXT and not last.quoted


def _complete_value(
    text: str, cursor: int, value: OpenValue, fields: FieldSet[Any], values: SeenValues
) -> Completion:
    field = fields.get(value.field)
    if field is None:
        return Completion(cursor, cursor)
    seen = list(values(value.field))
    if not seen:
        known = dict.fromkeys((*field.choices.values(), *_SUGGESTED.get(field.kind, ())))
        seen = [ValueCount(each) for each in known]
    typed = value.typed.casefold()
    items = [
        CompletionItem(quote(each.value), each.value, "value", each.count)
        for each in _ranked(seen, typed)
        if each.value.casefold() != typed or value.quoted
    ]
    end = quote_end(text, cursor) if value.quoted else word_end(text, cursor)
    return Completion(value.start, end, tuple(items[:MAX_ITEMS]))


def _ranked(seen: Iterable[ValueCount], typed: str) -> list[ValueCount]:
    """Return the values that contain what is typed: seen ones first, then those that begin so."""
    if not typed:
        return list(seen)
    found = [each for each in seen if typed in each.value.casefold()]
    return sorted(
        found, key=lambda each: (each.count is None, not each.value.casefold().startswith(typed))
    )


def _complete_word(
    text: str, cursor: int, tokens: Sequence[Token], fields: FieldSet[Any], values: SeenValues
) -> Completion:
    """Complete a word at the cursor; offer operators after the name of a field."""
    word = tokens[-1]
    typed = text[word.start : cursor]
    end = word_end(text, cursor)
    field = _named_field(typed, fields)
    if field is not None and end == cursor:
        longer = _terms(typed, tokens[:-1], fields, values, but=typed)
        operators = (*EQUAL, *_ORDER) if field.ordered else EQUAL
        if not longer:
            return Completion(
                cursor, cursor, tuple(CompletionItem(each, each, "operator") for each in operators)
            )
        items = [CompletionItem(typed + each, each, "operator") for each in operators]
        return Completion(word.start, cursor, (*longer, *items)[:MAX_ITEMS])
    return Completion(word.start, end, _terms(typed, tokens[:-1], fields, values))


def _named_field(typed: str, fields: FieldSet[Any]) -> Field[Any] | None:
    """Return the field that a word names, None if it is any word."""
    try:
        tokens = tokenize(f"{typed}:x")
    except QueryError:
        return None
    if not tokens or tokens[0].kind is not TokenKind.FIELD or not fields.is_known(typed):
        return None
    return fields.get(typed)


def _terms(
    typed: str,
    before: Sequence[Token],
    fields: FieldSet[Any],
    values: SeenValues,
    but: str = "",
) -> tuple[CompletionItem, ...]:
    """Return fields, names in keyed fields, and keywords that begin with what is typed."""
    wanted = typed.casefold()
    base, dot, key = wanted.rpartition(".")
    if dot:
        keyed = fields.fields.get(base)
        if keyed is None or not keyed.keyed:
            return ()
        names = (_named_item(base, each) for each in _ranked(values(f"{base}."), key))
        return tuple(name for name in names if name.insert.casefold() != but.casefold())[:MAX_ITEMS]
    items = [
        CompletionItem(field.name, field.title, "field")
        for field in fields.fields.values()
        if field.name.startswith(wanted) and field.name != but
    ]
    if wanted and fields.fallback:
        items += [
            _named_item(fields.fallback, each)
            for each in values(f"{fields.fallback}.")
            if each.value.casefold().startswith(wanted)
        ]
    follows = bool(before) and before[-1].kind not in (
        TokenKind.OPEN,
        TokenKind.NOT,
        TokenKind.AND,
        TokenKind.OR,
    )
    keywords = ("and", "or", "not") if follows else ("not",)
    items += [
        CompletionItem(keyword, keyword, "keyword")
        for keyword in keywords
        if keyword.startswith(wanted) and keyword != wanted
    ]
    if wanted:
        items += _names_of_keyed(wanted, fields, values, {item.insert for item in items})
    return tuple(items[:MAX_ITEMS])


def _names_of_keyed(
    wanted: str, fields: FieldSet[Any], values: SeenValues, offered: Collection[str]
) -> Iterable[CompletionItem]:
    """Return the names seen in the keyed fields that begin with what is typed: `label.NAME`."""
    for field in fields.fields.values():
        if field.keyed and field.name.startswith(wanted):
            named = (_named_item(field.name, each) for each in values(f"{field.name}."))
            yield from (item for item in named if item.insert not in offered)


def _named_item(keyed: str, seen: ValueCount) -> CompletionItem:
    """Return the proposal of a name in a keyed field."""
    return CompletionItem(keyed_field(keyed, seen.value), seen.value, "field", seen.count)
