"""What the filter of a page with a table needs of that page."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import ClassVar, Protocol, TypeVar

from pulse_desktop.model.history_extent import HistoryExtent
from pulse_desktop.query.dictionary_columns import DictionaryColumns
from pulse_desktop.ui.rows.row_source import RowSource

RowT = TypeVar("RowT")


class FilteredPage(Protocol[RowT]):
    """What the filter needs of its page.

    Attributes:
        now: Unix seconds.
        facet_columns: the columns that decide which facets a row belongs to, if any do.
    """

    now: float
    facet_columns: ClassVar[Sequence[str]]

    def rows(self) -> RowSource[RowT]:
        """Return the rows, live."""

    def history_extent(self) -> HistoryExtent:
        """Return how much of the stored history has been read."""

    def facet_query(self, checked: frozenset[str]) -> str:
        """Return a query for the rows of some facets, empty if a query cannot tell."""

    def facets_of(self, row: RowT) -> Sequence[str]:
        """Return the keys of the facets that a row belongs to."""

    def facet_counts(self) -> Mapping[str, int]:
        """Return the number of rows of each facet, whatever the query."""

    def value_counters(self) -> Mapping[str, Callable[[], Mapping[str, int]]]:
        """Return the counters of values by field, for completion."""

    def dictionary_columns(self) -> DictionaryColumns | None:
        """Return the dictionary columns of the rows, None if they have none."""

    def keys_of(self, field: str, row: RowT) -> Iterable[str]:
        """Return the names in a keyed field of a row, for completion."""

    def limited_to_time(
        self, accepts: Callable[[RowT], bool] | None
    ) -> Callable[[RowT], bool] | None:
        """Return a test that also rejects the rows outside of the time range."""

    def time_query(self) -> str:
        """Return the time range as a condition of a query, empty for all that is retained."""
