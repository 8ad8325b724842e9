"""The filter of a page with a table: its query, its facets with counts, and the former filter."""

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from PySide6.QtCore import QObject, Signal

from pulse_desktop.query.explanation import Explainer
from pulse_desktop.query.fields import FieldSet
from pulse_desktop.query.matcher import Matcher
from pulse_desktop.query.parser import parse
from pulse_desktop.query.query_edit import joined, with_condition, without_last
from pulse_desktop.query.quoting import keyed_field
from pulse_desktop.text.history_extent_text import reading_text
from pulse_desktop.text.translation import _
from pulse_desktop.ui.page.empty_explanation import EmptyExplanation
from pulse_desktop.ui.page.facet_counter import FacetCounter
from pulse_desktop.ui.page.filter_bar import FilterBar
from pulse_desktop.ui.page.filtered_page import FilteredPage
from pulse_desktop.ui.query.filter_state import FilterState
from pulse_desktop.ui.query.former_filter import FormerFilter
from pulse_desktop.ui.query.page_query import PageQuery
from pulse_desktop.ui.query.value_counts import RestOfFilter, ValueCounts
from pulse_desktop.ui.rows.positions import Positions
from pulse_desktop.ui.rows.row_filter import RowFilter
from pulse_desktop.ui.table.live_table import LiveTable
from pulse_desktop.ui.time.window_time import WindowTime

if TYPE_CHECKING:
    from pulse_desktop.model.time_range import TimeRange

RowT = TypeVar("RowT")

_RECHECK_ROW_S: Final = 6e-5
"""So many seconds per row pass between two passes over all rows for the same reason: they take a
small part of the processor however many rows there are."""


class PageFilter(QObject, Generic[RowT]):
    """Applies the filter bar of a page to its table.

    The rows shown match the query, belong to one of the checked facets, and are in the time range.
    The facets count the rows that match the query and are in the time range.

    Attributes:
        query: the query in force.
        facets: counts the rows of each facet.
        former: the operator's own filter while navigation shows another one.

    Signals:
        applied: another filter is in force.
    """

    applied = Signal()

    def __init__(
        self,
        page: FilteredPage[RowT],
        bar: FilterBar,
        table: LiveTable[RowT],
        fields: FieldSet[RowT],
        time: WindowTime,
    ) -> None:
        """Connect bar and table.

        Args:
            page: the page.
            bar: its filter bar.
            table: its table.
            fields: the fields of its rows.
            time: the time range of the window.
        """
        super().__init__(bar)
        self._page, self._bar, self._table, self._time = page, bar, table, time
        self._values = ValueCounts(
            page.rows, fields, page.value_counters(), page.keys_of, self._now, self
        )
        self.query = PageQuery(fields, self._values, self._rest_of_filter, self._now)
        self.facets = FacetCounter(page, table, self._counted, self._matching_positions, self)
        self.former = FormerFilter(bar.notice, lambda: self.state, self.show, self)
        self._rechecked_at = 0.0
        self._applied: tuple[frozenset[str], TimeRange] | None = None  # facets and time range
        self._settled = ""  # the last query in force that did not end in an unfinished word
        self._explanation = EmptyExplanation(table, page.rows, self._explainer, self.reading, self)
        self._toggled = ""  # condition
        bar.use_query(self.query.check, self.query.complete)
        bar.settled.connect(self._settle)
        bar.changed.connect(self.former.follow)
        bar.submitted.connect(self.former.follow_submitted)
        time.changed.connect(self.former.follow)
        self._values.changed.connect(bar.completer.complete_anew)
        bar.completer.open_changed.connect(self._on_suggestions)

    def _now(self) -> float:
        return self._page.now

    def reading(self) -> str:
        """Return what of the history is being read, a sentence; empty for nothing."""
        extent = self._page.history_extent()
        return f"{reading_text(extent, self._now())}." if extent.is_reading else ""

    # The filter in force

    @property
    def active(self) -> bool:
        """Whether the filter may exclude rows."""
        return bool(self._bar.checked_facets) or self._matches() is not None

    @property
    def has_conditions(self) -> bool:
        """Whether a query or facets may exclude rows, whatever the time range does."""
        return self._bar.active or self.query.matcher is not None

    @property
    def is_last_valid(self) -> bool:
        """Whether an earlier query is in force, because what is typed is not valid."""
        return not self._bar.is_valid

    @property
    def effective_query(self) -> str:
        """Query, checked facets and time range as one query."""
        text, facets = self.query.text.strip(), self._facet_query()
        text = joined(text, facets) if facets else text
        in_time = self._page.time_query()
        return joined(text, in_time) if in_time else text

    def apply(self) -> None:
        """Apply the filter bar to the table; a query that is not valid leaves the former one.

        That is the one before the word at the cursor: `label.te` was on the way to `label.tenant:`.
        """
        others = self._bar.checked_facets, self._time.range
        is_set = self.query.set_text(self._bar.text)
        if is_set:
            self._settle()
        elif self.query.text != self._settled:
            is_set = self.query.set_text(self._settled)
        if not is_set and others == self._applied:
            return  # it would scroll to the top at each key
        self._applied = others
        self._rechecked_at = self._now()
        self._table.set_filter(self.predicate())
        self._explanation.restart()
        self.facets.restart()
        self.applied.emit()

    def _settle(self) -> None:
        """Keep the query in force behind an error, unless a word of it is still being typed."""
        if self.query.text == self._bar.text and not self._bar.is_in_word:
            self._settled = self.query.text

    def predicate(self) -> Callable[[RowT], bool] | None:
        """Return the test that rows must pass now, None when all do."""
        checked = self._bar.checked_facets
        if not checked:
            return self._matches()
        facets = self._facet_query()
        if facets and self._page.dictionary_columns() is not None:
            matcher = self.query.matcher_with(facets)
            return self._page.limited_to_time(self._row_filter(matcher))
        matches, facets_of = self._matches(), self._page.facets_of

        def accepts(row: RowT) -> bool:
            return not checked.isdisjoint(facets_of(row)) and (matches is None or matches(row))

        return accepts

    def _facet_query(self) -> str:
        """Return the checked facets as a query, empty if there are none or a query cannot tell."""
        checked = self._bar.checked_facets
        return self._page.facet_query(checked) if checked else ""

    def _matches(self) -> Callable[[RowT], bool] | None:
        """Return the test of query and time range alone."""
        matcher = self.query.matcher
        accepts = None if matcher is None else self._row_filter(matcher)
        return self._page.limited_to_time(accepts)

    def _rest_of_filter(self, conditions: tuple[str, ...]) -> RestOfFilter[RowT] | None:
        """Return what restricts rows besides a condition that is typed, None for nothing.

        Args:
            conditions: the others of the query.
        """
        checked, page = self._bar.checked_facets, self._page
        if not conditions and not checked and page.limited_to_time(None) is None:
            return None

        def test() -> Callable[[RowT], bool] | None:
            facets, facets_of = page.facet_query(checked) if checked else "", page.facets_of
            texts = (*conditions, facets) if facets else conditions
            matches: Callable[[RowT], bool] | None = None
            if texts:
                matches = self._row_filter(self.query.matcher_of(texts))
            matches = page.limited_to_time(matches)
            if not checked or facets:
                return matches
            return lambda row: (
                not checked.isdisjoint(facets_of(row)) and (matches is None or matches(row))
            )

        return RestOfFilter((conditions, checked, self._time.range), test)

    def _on_suggestions(self) -> None:
        if not self._bar.completer.is_open:
            self._values.stop()

    def _row_filter(self, matcher: Matcher[RowT]) -> RowFilter[RowT]:
        return RowFilter(matcher, self._page.rows(), self._page.dictionary_columns())

    def _explainer(self) -> Explainer[RowT]:
        """Return what explains why nothing matches. Raises QueryError."""
        text, facets = self.query.text, self._facet_query()
        others: dict[str, Callable[[RowT], bool]] = {}
        if (in_time := self._page.limited_to_time(None)) is not None:
            others[_("the time range")] = in_time
        checked, facets_of = self._bar.checked_facets, self._page.facets_of
        if checked and not facets:
            others[_("the checked facets")] = lambda row: not checked.isdisjoint(facets_of(row))
        query = parse(joined(text, facets) if facets else text)
        keys = self._page.keys_of
        return Explainer(query, self.query.fields, self._now(), others=others, keys=keys)

    def refresh(self, dirty: Collection[int], now: float) -> set[int]:
        """Follow the changes of a frame, before the table does.

        A query that is relative to the time is compiled anew every few seconds. Most rows that it
        shows no more are the oldest: they leave at once. The others, and the rows that it shows
        only now, are found by a pass over all rows, which is made less often the more there are.

        Args:
            dirty: positions of changed rows.
            now: Unix seconds.

        Returns:
            The positions of rows that have left the filter as time has moved on.
        """
        self.facets.update(dirty)
        if not self.query.is_due(now):
            return set()
        self.query.recompile()
        accepts, model = self.predicate(), self._table.rows_model
        if accepts is None:
            return set()
        interval = _RECHECK_ROW_S * model.total_count
        is_due = abs(now - self._rechecked_at) >= interval and not model.filtering
        if is_due or not model.filtered:
            self._rechecked_at = now
            self.update()
            return set()
        model.move_filter(accepts)
        self.facets.move_on()
        return model.oldest_not_accepted()

    def update(self) -> None:
        """Apply the filter for the present time, keeping the scroll position."""
        accepts = self.predicate()
        if accepts is not None:
            self._table.update_filter(accepts)
        if self.facets.is_due:
            self.facets.restart()
        else:
            self.facets.move_on()

    def _counted(self) -> Callable[[RowT], bool] | None:
        """Return the test of the rows that facets count; None if there are no facets to show."""
        return self._matches() if self._bar.chips else None

    def _matching_positions(self, low: int, high: int) -> Positions | None:
        """Return what the table has found, if it shows the rows of all facets."""
        if self._applied is None or self._applied[0]:
            return None
        return self._table.rows_model.matches_between(low, high)

    def field_names(self, keyed: str) -> Sequence[str]:
        """Return the names of query fields that rows have in a keyed field, such as `args`."""
        names = (each.value for each in self._values.values(f"{keyed}."))
        return [keyed_field(keyed, name) for name in names]

    # Changing it

    @property
    def state(self) -> FilterState:
        """The filter that is shown."""
        return FilterState(self._bar.text, self._bar.checked_facets, self._time.range)

    def show(self, state: FilterState) -> None:
        """Show a filter; without a time range the present one stays."""
        self._bar.set_filter(state.facets, state.text)
        if state.time_range is not None:
            self._time.set_range(state.time_range)

    def edit(self, change: Callable[[str], str]) -> None:
        """Change the query in force, for example by a condition of a cell."""
        self._bar.set_filter(self._bar.checked_facets, change(self.query.text))

    def toggle_condition(self, field: str, value: str) -> None:
        """Show only the rows with a value in a field, in place of another value chosen so.

        The same value once more is given up.
        """
        former, chosen = self._toggled, with_condition("", field, value)
        text = self.query.text
        kept = without_last(text, former) if former else None
        if kept is not None:
            text = kept
        if kept is not None and chosen == former:
            self._toggled = ""
        else:
            self._toggled, text = chosen, with_condition(text, field, value)
        self.edit(lambda _text: text)

    def count_note(self) -> str:
        """Return what the number of rows is counted by, empty for what the bar shows."""
        return _("by the last valid filter") if self.is_last_valid else ""


def with_note(text: str, note: str) -> str:
    """Return a row count with a note."""
    return _("{count}, {note}").format(count=text, note=note) if text and note else text
