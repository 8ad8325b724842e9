"""What a page with a table says of itself: rows, columns, query fields, facets and charts."""

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import ClassVar, Generic, TypeVar

from PySide6.QtWidgets import QWidget

from pulse_desktop.model.history_extent import HistoryExtent
from pulse_desktop.query.dictionary_columns import DictionaryColumns
from pulse_desktop.query.fields import FieldSet
from pulse_desktop.state.collection import Collection
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _
from pulse_desktop.ui.page.actions import Action
from pulse_desktop.ui.page.detail_panel import DetailPanel
from pulse_desktop.ui.page.detail_splitter import DetailWidth
from pulse_desktop.ui.page.facet import Facet
from pulse_desktop.ui.page.filter_bar import FilterBar
from pulse_desktop.ui.page.page import Page
from pulse_desktop.ui.page.selection_bar import SelectionBar
from pulse_desktop.ui.query.cell_filter import CellValue
from pulse_desktop.ui.query.conditions import facet_query
from pulse_desktop.ui.query.saved_views import SavedView
from pulse_desktop.ui.rows.row_source import RowSource
from pulse_desktop.ui.table.column import Column

RowT = TypeVar("RowT")
DetailT = TypeVar("DetailT", bound=DetailPanel)


class TablePageBase(Page, Generic[RowT, DetailT]):
    """Base class of the pages with a table: what a page says of its rows.

    Attributes:
        filter_hint: what the text filter searches, such as "Filter by author or text".
        empty_title: title of the note while there are no rows.
        empty_text: what would appear here, and how to make it appear.
        facets: categories of rows, each a filter chip.
        facet_field: query field whose values are the keys of the facets, empty for none.
        facet_columns: the columns that decide which facets a row belongs to, at most two;
            empty if the rows do.
        shows_states: whether the rows have the states of runs.
        other_facet: key of the facet of all rows that belong to no other one, empty for none.
        time_fields: query fields with the first and the last time of a row.
        default_sort: key of the column that the table is sorted by at first, empty for newest
            first.
        sort_descending: whether that sort starts with the largest value.
        series_field: query field that the series of charts stand for; empty if they are facets.
        row_menu: context menu of the rows, None for a separator.
        detail_width: width of the detail panel.
        update_interval_s: seconds between two updates of charts and counts.
        has_times: whether rows belong to a time, so that the time range limits them; if not, they
            are the present state of something, dimmed while the range is frozen.
        shows_past: whether rows without a time are shown as at the end of a frozen range.
        height_for_charts: height of the page below which its charts are hidden at first.
        even_charts: whether its charts are equally wide.
        sources: which of events, tasks and results on the server the rows come from.
    """

    filter_hint: ClassVar[str]
    empty_title: ClassVar[str]
    empty_text: ClassVar[str]
    facets: ClassVar[tuple[Facet, ...]] = ()
    facet_field: ClassVar[str] = ""
    facet_columns: ClassVar[Sequence[str]] = ()
    shows_states: ClassVar[bool] = False
    series_field: ClassVar[str] = ""
    other_facet: ClassVar[str] = ""
    time_fields: ClassVar[tuple[str, str]] = ("time", "time")
    default_sort: ClassVar[str] = ""
    sort_descending: ClassVar[bool] = False
    row_menu: ClassVar[Sequence[Action | None]] = ()
    detail_width: ClassVar[DetailWidth] = DetailWidth(minimum=372, maximum=480, percent=36)
    update_interval_s: ClassVar[float] = 0.5
    has_times: ClassVar[bool] = True
    shows_past: ClassVar[bool] = False
    height_for_charts: ClassVar[int] = 0
    even_charts: ClassVar[bool] = False
    sources: ClassVar[tuple[str, ...]] = ("events",)

    @abstractmethod
    def collection(self) -> Collection[RowT]:
        """Return the collection of the state that this page shows."""

    @abstractmethod
    def columns(self) -> Sequence[Column[RowT]]:
        """Return the columns of the table."""

    @abstractmethod
    def make_detail(self) -> DetailT:
        """Create the detail panel."""

    @abstractmethod
    def show_row(self, row: RowT) -> None:
        """Fill the detail panel with a row."""

    @abstractmethod
    def count_text(self, count: int) -> str:
        """Return a number of rows as text, such as "1,204 runs"."""

    def row_text(self, total: int, shown: int | None) -> str:
        """Return how many rows there are, and how many of them are shown, as text.

        Args:
            total: number of rows.
            shown: number of those that the filter shows, None while there is no filter.
        """
        text = self.count_text(total)
        if shown is None:
            return text
        return _("{shown} of {total}").format(shown=formats.count(shown), total=text)

    def retained_text(self, total: int) -> str:
        """Return as text how many rows there are at any time, empty for none.

        Args:
            total: number of rows.
        """
        return self.count_text(total) if total else ""

    @abstractmethod
    def make_fields(self) -> FieldSet[RowT]:
        """Return the query fields of the rows."""

    def make_charts(self) -> Sequence[QWidget]:
        """Create the charts, from left to right."""
        return ()

    def update_charts(self, now: float) -> None:
        """Update the charts up to a time, Unix seconds: the present, or the end of the range."""

    def update_costly_charts(self, wall: float, end: float) -> None:
        """Update the charts of other rows than those of the table, if they are due.

        Args:
            wall: the present time, Unix seconds.
            end: the end of what is shown, Unix seconds.
        """

    def rows_ahead(self, end: float) -> int:  # noqa: ARG002  few pages know
        """Return how many rows belong to a time (Unix seconds) or later: a clock may be ahead."""
        return 0

    def bar_query(self, start: float, end: float) -> str:  # noqa: ARG002  few charts have bars
        """Return the query for the rows that a bar counts, by its ends in Unix seconds."""
        return ""

    def row_times(self, row: RowT) -> tuple[float, float]:
        """Return the first and the last time of a row, Unix seconds."""
        raise NotImplementedError

    def update_summary(self, now: float, stale: str) -> None:
        """Update the widget between filter bar and charts.

        Args:
            now: Unix seconds for which the state is true.
            stale: why that is not the time that is asked for, empty if it is.
        """

    def make_summary(self) -> QWidget | None:
        """Create the widget between filter bar and charts, None for none."""
        return None

    def make_selection_bar(self) -> SelectionBar | None:
        """Create the bar for selected rows, None for none."""
        return None

    def make_filter_bar(self) -> FilterBar:
        """Create the filter bar."""
        return FilterBar(self.facets, hint=self.filter_hint)

    @classmethod
    def system_views(cls) -> Sequence[SavedView]:
        """Return the views that belong to the program, at least one of all rows."""
        return (SavedView(cls.key, _("Everything"), is_system=True),)

    def facet_of(self, row: RowT) -> str:
        """Return the key of the facet that a row belongs to."""
        raise NotImplementedError

    def facets_of(self, row: RowT) -> Sequence[str]:
        """Return the keys of the facets that a row belongs to, usually one."""
        return (self.facet_of(row),)

    def facet_query(self, checked: frozenset[str]) -> str:
        """Return a query for the rows of some facets, empty if a query cannot tell."""
        known = (facet.key for facet in self.facets)
        return facet_query(self.facet_field, checked, known, self.other_facet)

    def facet_counts(self) -> Mapping[str, int]:
        """Return the number of rows of each facet, whatever the query."""
        return dict(Counter(map(self.facet_of, self.collection().rows)))

    def value_counters(self) -> Mapping[str, Callable[[], Mapping[str, int]]]:
        """Return counters of values by query field, for completion; others are sampled."""
        return {}

    def dictionary_columns(self) -> DictionaryColumns | None:
        """Return the dictionary columns of the rows, None if they have none."""
        return self.collection().columns

    def keys_of(self, field: str, row: RowT) -> Iterable[str]:  # noqa: ARG002
        """Return the names in a keyed field of a row, for completion."""
        return ()

    def rows(self) -> RowSource[RowT]:
        """Return the rows, live."""
        return self.collection().rows

    def history_extent(self) -> HistoryExtent:
        """Return how much of the stored history has been read."""
        return self.context.connection.history_extent

    def extra_columns(self) -> Sequence[Column[RowT]]:
        """Return columns that are on offer besides those of the table."""
        return ()

    def extra_column(self, key: str) -> Column[RowT] | None:  # noqa: ARG002
        """Return an extra column by its key, None if there is none."""
        return None

    def argument_values(self, row: RowT, key: str) -> Sequence[CellValue]:  # noqa: ARG002
        """Return values within a cell, such as the arguments of a call; none for the whole cell.

        Args:
            row: the row.
            key: of the column.
        """
        return ()
