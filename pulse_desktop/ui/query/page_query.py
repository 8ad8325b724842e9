"""The query of a page: checked at each key, the last valid one stays in force."""

from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from pulse_desktop.query.completion import Completion, complete
from pulse_desktop.query.errors import QueryError
from pulse_desktop.query.fields import FieldSet
from pulse_desktop.query.matcher import Matcher, compile_all, compile_query
from pulse_desktop.query.open_value import conditions_around
from pulse_desktop.query.parser import parse
from pulse_desktop.ui.query.value_counts import RestOfFilter, ValueCounts

RowT = TypeVar("RowT")

RECOMPILE_S: Final = 5.0
"""How often a query whose result depends on the time is compiled for the present."""


class PageQuery(Generic[RowT]):
    """The query in force, and what the operator is typing.

    Attributes:
        fields: of the rows.
        values: the values that the fields have.
        text: the query in force.
        matcher: it, compiled; None without a condition.
    """

    def __init__(
        self,
        fields: FieldSet[RowT],
        values: ValueCounts[RowT],
        rest: Callable[[tuple[str, ...]], RestOfFilter[RowT] | None],
        now: Callable[[], float],
    ) -> None:
        """Start without a query.

        Args:
            fields: of the rows.
            values: the values that the fields have, for completion.
            rest: returns what restricts the rows if these conditions do, None if nothing does.
            now: the present time, Unix seconds.
        """
        self.fields = fields
        self.values = values
        self.text = ""
        self.matcher: Matcher[RowT] | None = None
        self._rest = rest
        self._now = now
        self._compiled_at = 0.0

    def check(self, text: str) -> QueryError | None:
        """Return why a text is not a valid query, None if it is."""
        try:
            compile_query(parse(text), self.fields, self._now())
        except QueryError as error:
            return error
        return None

    def complete(self, text: str, cursor: int) -> Completion:
        """Return what can be typed at a place of a text."""
        self.values.begin()
        around = [each for each in conditions_around(text, cursor) if self.check(each) is None]
        rest = self._rest(tuple(around))
        return complete(text, cursor, self.fields, lambda name: self.values.values(name, rest))

    def set_text(self, text: str) -> bool:
        """Put a query in force; return False, and keep the former one, if it is not valid."""
        now = self._now()
        try:
            query = parse(text)
            matcher = compile_query(query, self.fields, now)
        except QueryError:
            return False
        self.text, self._compiled_at = text, now
        self.matcher = matcher if query.active else None
        return True

    def matcher_with(self, condition: str) -> Matcher[RowT]:
        """Return the query in force together with another one, compiled."""
        return self.matcher_of((self.text, condition))

    def matcher_of(self, texts: Sequence[str]) -> Matcher[RowT]:
        """Return some queries together, compiled."""
        return compile_all([parse(each) for each in texts], self.fields, self._now())

    def is_due(self, now: float) -> bool:
        """Return whether the query has to be compiled anew, because its result has changed."""
        matcher = self.matcher
        if matcher is None or not matcher.time_dependent:
            return False
        return abs(now - self._compiled_at) >= RECOMPILE_S

    def recompile(self) -> None:
        """Compile the query in force for the present time."""
        self.set_text(self.text)
