"""The frame of a page about one kind of thing: filter, charts, live table, details of a row.

A page says what its rows look like and what its charts draw; how they are filtered, told of
changes and kept in place is the same for all.
"""

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final, Generic, TypeVar

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSplitter, QVBoxLayout, QWidget

from pulse_desktop.state.collection import Collection, DirtyRows
from pulse_desktop.ui.charts.time_ranges import TIME_RANGES, auto_range, history_start
from pulse_desktop.ui.navigation import FilterPage, ShowItem, ShowRun, Target
from pulse_desktop.ui.shell.page import Page, PageContext
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.filter_bar import Facet, FilterBar
from pulse_desktop.ui.table.live_table import LiveTable
from pulse_desktop.ui.table.row_detail import RowDetail

RowT = TypeVar("RowT")

DRAW_S: Final = 0.5
"""Charts and counts are brought up to date this often; their buckets are seconds long."""

_MARGIN: Final = 14
_CHART_HEIGHT: Final = 208
_CHART_PADDING: Final = 12


class Clock:
    """What time the page is told it is, for cells that depend on it.

    Attributes:
        now: Unix seconds.
    """

    def __init__(self) -> None:
        self.now = 0.0


class TablePage(Page, Generic[RowT]):
    """A page with one table.

    Attributes:
        noun: what a row is, singular.
        filter_hint: what can be typed into the filter.
        empty_title: what is not here, while there are no rows.
        empty_sentence: what would make it appear.
        facets: parts of the rows that can be chosen.
        facets_own_line: whether the facets are too many for the line of the filter.
        strip_first: whether the strip stands above the filter.
        sorted_by: column that the rows are sorted by at first, empty for the newest on top.
        largest_first: direction of that sort.
        clock: the time of the latest refresh.
        table: the rows.
        detail: the panel beside the table.
        window_shown: what the charts show.
    """

    noun: ClassVar[str]
    filter_hint: ClassVar[str]
    empty_title: ClassVar[str]
    empty_sentence: ClassVar[str]
    facets: ClassVar[tuple[Facet, ...]] = ()
    facets_own_line: ClassVar[bool] = False
    strip_first: ClassVar[bool] = False
    sorted_by: ClassVar[str] = ""
    largest_first: ClassVar[bool] = False

    def __init__(self, context: PageContext) -> None:
        super().__init__(context)
        self.clock = Clock()
        self._window_chosen = TIME_RANGES[0]
        self.window_shown = self._window_chosen
        self._drawn_at = 0.0
        self._detailed: RowT | None = None
        self.table: LiveTable[RowT] = LiveTable(
            self.collection().rows,
            self.columns(),
            name=self.title,
            empty_title=self.empty_title,
            empty_text=self.empty_sentence,
        )
        self.detail = RowDetail(self.noun)
        charts = self.charts()
        self.bar: FilterBar[RowT] = FilterBar(
            self.in_facets,
            self.finder,
            hint=self.filter_hint,
            periods=[window.title for window in TIME_RANGES] if charts else (),
            own_line=self.facets_own_line,
        )
        for facet in self.facets:
            self.bar.add_facet(facet)
        if self.sorted_by:
            self.table.rows_model.set_sort(self.sorted_by, descending=self.largest_first)
        self._lay_out(charts)
        self._connect()

    # What a page has to say

    @abstractmethod
    def collection(self) -> Collection[RowT]:
        """Return the collection of the state that this page shows."""

    @abstractmethod
    def columns(self) -> Sequence[Column[RowT]]:
        """Return the columns of the table."""

    @abstractmethod
    def show_row(self, row: RowT) -> None:
        """Fill the details with a row."""

    def charts(self) -> Sequence[QWidget]:
        """Make the charts, from left to right."""
        return ()

    def draw(self, now: float) -> None:
        """Bring the charts up to date."""

    def strip(self) -> QWidget | None:
        """Make what stands between the filter and the charts, if anything does."""
        return None

    def text_of(self, row: RowT) -> str:
        """Return what the text filter looks into."""
        raise NotImplementedError

    def finder(self, words: Sequence[str]) -> Callable[[RowT], bool]:
        """Return a test for rows in which all of some words, in small letters, are found."""

        def found(row: RowT) -> bool:
            text = self.text_of(row).casefold()
            return all(word in text for word in words)

        return found

    def facet_of(self, row: RowT) -> str:
        """Return the key of the facet a row belongs to."""
        raise NotImplementedError

    def in_facets(self, row: RowT, chosen: frozenset[str]) -> bool:
        """Tell whether a row belongs to one of some facets."""
        return self.facet_of(row) in chosen

    def facet_counts(self) -> dict[str, int]:
        """Return how many rows each facet has."""
        return dict(Counter(map(self.facet_of, self.collection().rows)))

    # What it shares

    def _lay_out(self, charts: Sequence[QWidget]) -> None:
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        if charts:
            line = QHBoxLayout()
            line.setSpacing(12)
            for number, chart in enumerate(charts):
                line.addWidget(card(chart, _CHART_PADDING), 3 if number == 0 else 2)
                chart.setFixedHeight(_CHART_HEIGHT - 2 * _CHART_PADDING)
            column.addLayout(line)
        column.addWidget(card(self.table, 1), 1)
        self._split = QSplitter(Qt.Orientation.Horizontal)
        self._split.setHandleWidth(12)
        self._split.setChildrenCollapsible(False)
        self._split.addWidget(left)
        self._split.addWidget(self.detail)
        self._split.setStretchFactor(0, 1)
        self._split.setStretchFactor(1, 0)
        self.detail.setMinimumWidth(372)
        self.detail.hide()
        whole = QVBoxLayout(self)
        whole.setContentsMargins(_MARGIN, _MARGIN, _MARGIN, _MARGIN)
        whole.setSpacing(12)
        whole.addWidget(self.bar)
        strip = self.strip()
        if strip is not None:
            whole.insertWidget(0 if self.strip_first else 1, strip)
        whole.addWidget(self._split, 1)

    def _connect(self) -> None:
        self.bar.changed.connect(self._filter)
        self.bar.period_chosen.connect(self._choose_window)
        self.table.clear_filter_requested.connect(self.bar.clear)
        self.table.current_changed.connect(lambda _: self._show_current())
        self.table.row_activated.connect(lambda _: self._show_current(open_=True))
        self.table.clicked.connect(lambda _: self._show_current(open_=True))
        self.table.rows_model.counts_changed.connect(self._count)
        self.detail.closed.connect(self.close_detail)
        self.detail.run_asked.connect(lambda task_id: self.context.navigate(ShowRun(task_id)))

    def refresh(self, changes: DirtyRows, now: float) -> None:
        """Show what changed in this frame."""
        self.clock.now = now
        self.table.refresh(now, changes.of(self.collection()))
        self._show_current()
        if now - self._drawn_at >= DRAW_S or now < self._drawn_at:
            self._draw(now)

    def on_show(self, now: float) -> None:
        """Catch up with what happened while another page was shown."""
        self.clock.now = now
        self.table.catch_up(now)
        self._show_current()
        self._draw(now)
        self._count()

    def tables(self) -> Sequence[LiveTable[Any]]:
        """Return the one table."""
        return (self.table,)

    def focus_filter(self) -> None:
        """Put the keyboard into the filter."""
        self.bar.focus_text()

    def navigate(self, target: Target) -> None:
        """Filter by a text; an item that cannot be shown in full is filtered by its id."""
        match target:
            case FilterPage(text=text) | ShowItem(id=text):
                self.bar.choose()
                self.bar.set_text(text)

    def on_escape(self) -> bool:
        """Close the details, else clear the filter."""
        if not self.detail.isHidden():
            self.close_detail()
            return True
        return self.bar.clear()

    def close_detail(self) -> None:
        """Give the room back to the table."""
        self.detail.hide()
        self._detailed = None
        self.table.setFocus()

    def _draw(self, now: float) -> None:
        self._drawn_at = now
        since = history_start(self.context.state.log)
        self.window_shown = auto_range(self._window_chosen, since, now)
        self.draw(now)
        if self.facets or self.facets_own_line:
            self.bar.set_counts(self.facet_counts())

    def _filter(self) -> None:
        self.table.set_filter(self.bar.predicate())
        self._count()

    def _count(self) -> None:
        model = self.table.rows_model
        self.bar.set_shown(model.shown_count, model.total_count, self.noun)

    def _choose_window(self, index: int) -> None:
        self._window_chosen = TIME_RANGES[index]
        self._draw(self.clock.now)

    def _show_current(self, *, open_: bool = False) -> None:
        if not open_ and self.detail.isHidden():
            return
        row = self.table.current_row()
        if row is None or row is self._detailed:
            return  # what is shown stays when its row is filtered out or forgotten
        self._detailed = row
        self.show_row(row)
        if self.detail.isHidden():
            self.detail.show()
            wide = self._split.width()
            right = max(372, min(480, wide * 36 // 100))
            self._split.setSizes([wide - right, right])


def card(inside: QWidget, padding: int) -> QFrame:
    """Return a card around a widget."""
    frame = QFrame()
    frame.setProperty("card", "true")
    layout = QVBoxLayout(frame)
    layout.setContentsMargins(padding, padding, padding, padding)
    layout.addWidget(inside)
    return frame
