"""The framework of a page with a table: filter bar, charts, live table and details of a row.

A page describes its rows, columns, facets and charts. Filtering, updating, selecting and opening
details are the same for all pages.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, TypeVar

from PySide6.QtWidgets import QVBoxLayout

from pulse_desktop.model.time_range import ALL_RETAINED
from pulse_desktop.query.quoting import text_query
from pulse_desktop.state.collection import DirtyRows
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _
from pulse_desktop.ui.charts.time_ranges import ChartRange
from pulse_desktop.ui.clipboard import copy_line
from pulse_desktop.ui.connection_phase import (
    EmptyReason,
    as_of_text,
    empty_reason,
    stale_text,
    states_text,
)
from pulse_desktop.ui.navigation import FilterPage, OpenView, ShowItem, ShowRun, Target
from pulse_desktop.ui.page.bar_filter import BarFilter
from pulse_desktop.ui.page.detail_panel import DetailPanel
from pulse_desktop.ui.page.detail_splitter import DetailSplitter
from pulse_desktop.ui.page.export_action import ExportAction
from pulse_desktop.ui.page.export_button import ExportButton
from pulse_desktop.ui.page.notification import Notification
from pulse_desktop.ui.page.page import PageContext
from pulse_desktop.ui.page.page_charts import PageCharts
from pulse_desktop.ui.page.page_counts import PageCounts
from pulse_desktop.ui.page.page_filter import PageFilter
from pulse_desktop.ui.page.page_time import PageTime
from pulse_desktop.ui.page.range_note import RangeNote
from pulse_desktop.ui.page.row_menus import RowMenus
from pulse_desktop.ui.page.table_area import TableArea
from pulse_desktop.ui.page.table_page_base import TablePageBase
from pulse_desktop.ui.query.filter_state import FilterState
from pulse_desktop.ui.query.page_views import PageViews
from pulse_desktop.ui.query.views_button import ViewsButton
from pulse_desktop.ui.table.column_chooser import ColumnChooser
from pulse_desktop.ui.table.export import ExportFormat, column_format
from pulse_desktop.ui.table.live_table import LiveTable
from pulse_desktop.ui.table.view import MAX_COPIED_ROWS
from pulse_desktop.ui.throttle import Elapsed

RowT = TypeVar("RowT")
DetailT = TypeVar("DetailT", bound=DetailPanel)

_MARGIN: Final = 14
_GAP: Final = 12


class TablePage(TablePageBase[RowT, DetailT], Generic[RowT, DetailT]):
    """A page with one table.

    Attributes:
        now: time of the latest refresh, Unix seconds.
        table: the rows.
        detail: the panel beside the table.
        filter_bar: query and facets.
        filter: applies it to the table.
        row_menus: the context menu of the rows.
        views: the saved views.
        views_button: opens and saves them.
        export_action: writes the rows that are shown to a file.
        export_button: offers that, and to copy them.
        selection_bar: what can be done with several selected rows, None without one.
        page_charts: the charts above the table.
    """

    def __init__(self, context: PageContext) -> None:
        super().__init__(context)
        self.now = 0.0
        self._time: PageTime[RowT] = PageTime(
            context.time,
            self.row_times,
            self.time_fields,
            has_times=self.has_times,
            shows_past=self.shows_past,
        )
        self._since_updated = Elapsed()
        self._shown_row: RowT | None = None
        self._shown_position = -1  # of that row, -1 if it is not in the table
        self.table: LiveTable[RowT] = LiveTable(
            self.collection().rows,
            self.columns(),
            name=self.title,
            empty_title=self.empty_title,
            empty_text=self.empty_text,
        )
        self.detail: DetailT = self.make_detail()
        self.selection_bar = self.make_selection_bar()
        self.page_charts: PageCharts[RowT] = PageCharts(self, context, self.table)
        self.filter_bar = self.make_filter_bar()
        self.filter: PageFilter[RowT] = PageFilter(
            self, self.filter_bar, self.table, self.make_fields(), context.time
        )
        self._range_note = RangeNote(
            self.table,
            context.time,
            self.retained_text,
            has_filter=lambda: self.filter.has_conditions,
            clear_filter=self.filter_bar.clear,
            reading=self.filter.reading,
        )
        self._bar_filter = BarFilter(self.filter, context.time, self)
        self.views = PageViews(
            self.system_views(),
            context.views,
            self.filter,
            self.table.column_layout,
            self,
            profile=context.profile_name,
        )
        self.views_button = ViewsButton(self.views, self._warn_of_views, self.copy_query)
        self.filter_bar.add_before(self.views_button)
        self.row_menus = RowMenus(
            self, self.table, self.filter, self.argument_values, self.row_menu
        )
        if self.default_sort:
            self.table.rows_model.set_sort(self.default_sort, descending=self.sort_descending)
        self._splitter = DetailSplitter(self.detail_width, self)
        self.area = TableArea(
            self.page_charts.widgets,
            self.table,
            self.selection_bar,
            self._splitter,
            height_for_charts=self.height_for_charts,
            even=self.even_charts,
        )
        self._splitter.fill(self.area, self.detail)
        self.export_action = ExportAction(
            context, self, self.table, self.export_format, self.export_remark
        )
        self.export_button = ExportButton(self.table, self.export)
        self.filter_bar.add_after(self.export_button)
        self._counts = PageCounts(
            self.table,
            self.filter,
            self.filter_bar,
            self.selection_bar,
            self.row_text,
            self._is_stale,
        )
        self._lay_out()
        self._connect()

    # Construction

    @property
    def time_range(self) -> ChartRange:
        """What the charts show."""
        return self.page_charts.time_range

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(_MARGIN, _MARGIN, _MARGIN, _MARGIN)
        layout.setSpacing(_GAP)
        layout.addWidget(self.filter_bar)
        summary = self.make_summary()
        if summary is not None:
            layout.addWidget(summary)
        layout.addWidget(self._splitter, 1)

    def _connect(self) -> None:
        table, bar, counts = self.table, self.filter_bar, self._counts
        table.column_layout.make_extra = self.extra_column
        table.header.chooser_requested.connect(self.choose_columns)
        table.copied_in_part.connect(self._warn_of_copied_part)
        bar.changed.connect(self.apply_filter)
        bar.submitted.connect(table.setFocus)
        for shown in (counts.update_rows, self.views.update):  # also what is not valid, nor applied
            bar.changed.connect(shown)
        self.filter.applied.connect(counts.update_rows)
        self.filter.applied.connect(self._request_update)
        self.filter.applied.connect(self.views.update)
        self.filter.applied.connect(self._show_filtered_out)
        bar.validity_changed.connect(counts.update_rows)
        self.filter.former.navigated.connect(self.views.close_for_navigation)
        self.filter.former.returned.connect(self.views.reopen_former)
        self.filter.former.kept.connect(self.views.forget_former)
        for answered in (bar.notice.back_requested, bar.notice.forget_requested):
            answered.connect(table.setFocus)  # the button is gone
        self.filter.facets.counted.connect(counts.update_facets)
        self.page_charts.group.series_chosen.connect(self.filter_by_series)
        self.page_charts.group.bar_chosen.connect(self.filter_by_bar)
        self.area.charts_toggled.connect(lambda _shown: self._update(self.now))
        table.current_changed.connect(lambda _row: self._show_current())
        table.row_activated.connect(lambda _row: self._open_current())
        table.clicked.connect(lambda _index: self._open_current())
        table.rows_model.counts_changed.connect(counts.update_rows)
        table.rows_model.counts_changed.connect(self._on_counts_changed)
        self.detail.close_requested.connect(self.close_detail)
        self.detail.show_run_requested.connect(
            lambda task_id: self.context.navigate(ShowRun(task_id))
        )
        if self.selection_bar is not None:
            self.selection_bar.all_requested.connect(table.selectAll)
            self.selection_bar.none_requested.connect(table.release)
            table.selection_changed.connect(counts.update_selection)
            table.rows_model.headerDataChanged.connect(lambda *_section: counts.update_selection())

    # Page

    def refresh(self, changes: DirtyRows, now: float) -> None:
        """Show the changes of a frame."""
        self.now = now
        shown = self._time.shown_time(now)
        changed = changes.of(self.collection())
        if changed:
            self.page_charts.note_changed_rows(self.wall_time(now))
        dirty = changed | self._leaving_range(now)
        dirty |= self.filter.refresh(dirty, now)
        self.table.refresh(shown, dirty)
        self.update_detail(shown)
        if self._is_update_due(now):
            self._update(now)

    def on_show(self, now: float) -> None:
        """Catch up with what happened while another page was visible."""
        self.now = now
        self.filter.facets.resume()
        if self._time.has_changed:
            self.apply_filter()
        else:
            self.filter.facets.restart()
        shown = self._time.shown_time(now)
        self.table.catch_up(shown)
        self.update_detail(shown)
        self.reset_charts()
        self._update(now)
        self._counts.update_rows()
        self._counts.update_selection()

    def on_hide(self) -> None:
        """Stop counting: everything is counted anew when the page is shown."""
        self.filter.facets.pause()

    def tables(self) -> Sequence[LiveTable[Any]]:
        """Return the one table."""
        return (self.table,)

    def focus_filter(self) -> None:
        """Give the keyboard focus to the filter."""
        self.filter_bar.focus_text()

    def navigate(self, target: Target) -> None:
        """Filter by a text, or by the id of an item. Subclasses open the details of items."""
        match target:
            case OpenView(name=name):
                if (view := self.views.find(name)) is not None:
                    self.views_button.open_view(view)
            case FilterPage(text=text):
                self.filter.former.navigate(FilterState(text))
            case ShowItem(id=text):
                self.filter.former.navigate(FilterState(text_query(text)))

    def close_details(self) -> bool:
        """Close the detail panel; return whether it was open."""
        if self.detail.isHidden():
            return False
        self.close_detail()
        return True

    def on_escape(self) -> bool:
        """Clear the selection, else the filter."""
        return self.table.release() or self.filter_bar.clear()

    # Export

    def export_format(self) -> ExportFormat[RowT]:
        """Return how rows are exported; by default as the columns that are shown."""
        return column_format(self.table.shown_columns(), self.table.rows_model.now)

    def export_remark(self) -> str:
        """Return what may be wrong in the rows that are exported now, empty for nothing."""
        if self.shows_states and states_text(self.context.connection):
            return _(
                "History was still being read: runs shown as “reading…” are written as queued."
            )
        return ""

    def can_export(self) -> bool:
        """Return whether any row is shown."""
        return self.table.rows_model.shown_count > 0

    def export(self, suffix: str = ".csv") -> None:
        """Ask for a file, and write the rows that are shown to it."""
        self.export_action.choose_file(self.key, suffix)

    # Selection

    def rows_to_act_on(self) -> list[RowT]:
        """Return the selected rows, none if the operator cannot know which ones they are.

        A selected row leaves the screen when the table is scrolled, or when rows arrive above it.
        It is then shown first, and the same key acts on it. The bar counts several selected rows,
        wherever they are.
        """
        rows = self.table.selected_rows()
        counted = self.selection_bar is not None and len(rows) > 1
        in_details = not self.detail.isHidden() and rows == [self._shown_row]
        if not rows or counted or in_details or self.table.selection_is_visible():
            return rows
        self.table.scroll_to_selection()
        self.context.notify(
            Notification(
                _("Nothing done yet"),
                _("The selection was not on the screen. It is shown now: act again to apply."),
                key="selection",
            )
        )
        return []

    def copy_selected(self) -> None:
        """Copy the selected rows to the clipboard, tab-separated."""
        self.table.copy_selection()

    def clear_filter(self) -> None:
        """Show all rows."""
        self.filter_bar.set_filter()

    # Details

    def open_row(self, position: int) -> None:
        """Select a row and show its details; widen filter and time range if they hide it.

        Args:
            position: of the row.
        """
        row = self.rows()[position]
        accepts = self.filter.predicate()
        if accepts is not None and not accepts(row):
            is_in_range = self._time.includes(row)
            everything = FilterState(time_range=None if is_in_range else ALL_RETAINED)
            why = _("Your filter hides it, so everything is shown.")
            if not is_in_range:
                why = _("It is not in your filter and time range, so everything is shown.")
            self.filter.former.navigate(everything, why)
        if self.table.rows_model.view_row(position) is None:
            self.table.set_paused(False)
            self.table.catch_up(self.now)
        self.table.select_position(position)
        self.open_detail(row)

    def open_detail(self, row: RowT) -> None:
        """Show a row in the detail panel."""
        former_row, former_position = self._shown_row, self._shown_position
        self._shown_row = row
        current = self.table.currentIndex().row()
        is_current = row is self.table.rows_model.row_object(current)
        self._shown_position = self.table.rows_model.position_at(current) if is_current else -1
        self.show_row(row)
        # A row that has changed is another object at the same position.
        if row is not former_row and not (0 <= self._shown_position == former_position):
            self.detail.scroll_to_top()
        self._splitter.show_detail()
        self.context.on_details()
        self._show_filtered_out()

    def close_detail(self) -> None:
        """Hide the detail panel."""
        self.detail.hide()
        self._shown_row = None
        self.table.setFocus()

    def update_detail(self, now: float) -> None:  # noqa: ARG002  a page may need it
        """Update the row in the detail panel; it stays when it is filtered out or evicted."""
        rows, position = self.table.rows_model.live_rows, self._shown_position
        if self.detail.isHidden() or not rows.start <= position < rows.stop:
            return
        row = rows[position]
        if row is not self._shown_row:
            self._shown_row = row
            self.show_row(row)

    def _show_current(self) -> None:
        if not self.detail.isHidden():
            self._open_current()

    def _open_current(self) -> None:
        row = self.table.current_row()
        if row is not None and row is not self._shown_row:
            self.open_detail(row)

    def _show_filtered_out(self) -> None:
        """Say in the open details whether the filter hides their row: they stay on it."""
        row = self._shown_row
        is_out = row is not None and self.table.rows_model.is_filtered_out(row)
        self.detail.set_filtered_out(filtered_out=is_out)

    def _warn_of_views(self, title: str, sentence: str) -> None:
        self.context.notify(Notification(title, sentence, severity="warning", key="views"))

    def _warn_of_copied_part(self, selected: int) -> None:
        title = _("Only the first {count} of {total} selected rows were copied")
        title = title.format(count=formats.count(MAX_COPIED_ROWS), total=formats.count(selected))
        sentence = _("Export writes all rows that are shown to a file.")
        self.context.notify(Notification(title, sentence, severity="warning", key="copy"))

    def go_back_to_filter(self) -> None:
        """Restore the operator's filter, which navigation has replaced."""
        self.filter.former.go_back()

    def copy_query(self) -> None:
        """Copy query, facets and time range as one query, as the command line takes it."""
        copy_line(self.filter.effective_query)

    def choose_columns(self) -> None:
        """Open the dialog in which columns are chosen."""
        table = self.table
        offered = self.extra_columns()
        chooser = ColumnChooser(table.column_layout, table.rows_model, offered, self)
        chooser.changed.connect(self.views.update)
        chooser.open()

    def reset_columns(self) -> None:
        """Restore the default columns, widths and order."""
        self.table.column_layout.reset()

    def filter_by_row(self) -> None:
        """Open a menu of the conditions that the current row offers."""
        self.row_menus.open_conditions()

    # Filter, counts and charts

    def apply_filter(self) -> None:
        """Apply the filter bar to the table."""
        self._time.apply(self.now)
        self.filter.apply()

    def reset_charts(self) -> None:
        """Update the charts with the next frame, whenever that was done before."""
        self._since_updated.reset()
        self.page_charts.reset()

    def _request_update(self) -> None:
        """Update what is beside the table soon: another filter is in force."""
        self.reset_charts()
        self.context.request_frame()

    def _on_counts_changed(self) -> None:
        if self.page_charts.has_filter_ended:
            self.context.request_frame()

    def filter_by_series(self, key: str) -> None:
        """Show only the rows of a series of a chart, which was clicked; all if they are shown."""
        if self.series_field:
            self.filter.toggle_condition(self.series_field, key)
        else:
            checked = self.filter_bar.checked_facets
            self.filter_bar.set_filter(() if checked == {key} else (key,), self.filter_bar.text)

    def filter_by_bar(self, key: str, start: float, end: float) -> None:
        """Show only the rows of a bar of a chart: those of its series, in its time.

        Args:
            key: of the facet that the series stands for.
            start: of the bar, Unix seconds.
            end: of the bar, Unix seconds; one that is not over yet ends now.
        """
        end = max(start, min(end, self.context.time.now()))
        self._bar_filter.show(key, self.bar_query(start, end), start, end)

    def limited_to_time(
        self, accepts: Callable[[RowT], bool] | None
    ) -> Callable[[RowT], bool] | None:
        """Return a test that also rejects the rows outside of the time range."""
        return self._time.limited(accepts)

    def time_query(self) -> str:
        """Return the time range as a condition of a query, empty for all that is retained."""
        return self._time.query()

    def _leaving_range(self, now: float) -> set[int]:
        """Return the positions of the oldest rows, which a live range has moved past."""
        if not self._time.move_on(now):
            return set()
        self.filter.facets.leave_behind()
        return self.table.rows_model.oldest_not_accepted()

    def empty_reason(self, now: float) -> EmptyReason | None:
        """Return why there may be rows that are not shown; shown while there are none."""
        return empty_reason(self.context.connection, self.context.state, now, self.sources)

    def _is_update_due(self, now: float) -> bool:
        """Return whether to update what is beside the table: now and then, or after filtering."""
        if self.page_charts.has_filter_ended:
            self.reset_charts()  # what a filter matches is known only now
        return self._since_updated.seconds(self.wall_time(now)) >= self.update_interval_s

    def _is_stale(self) -> bool:
        """Return whether rows may have changed, are not fully known yet, or not of the range."""
        connection = self.context.connection
        is_unknown = self.shows_states and bool(states_text(connection))
        return connection.data_time is not None or is_unknown or bool(self.not_past_text())

    def not_past_text(self) -> str:
        """Return that the rows are of now, and the time range is not; empty if it fits them."""
        return self._time.not_past_text()

    def _update(self, now: float) -> None:
        self.views.update()
        self._show_filtered_out()
        wall = self.wall_time(now)
        self._since_updated.restart(wall)
        connection, reason = self.context.connection, self.empty_reason(wall)
        self.page_charts.set_reason(reason.title if reason is not None else "")
        self.page_charts.update(wall, is_shown=self.area.charts_shown)
        not_past = self.not_past_text()
        self.update_summary(now, stale_text(connection) or not_past)
        self.table.overlay.set_reason(reason)
        stale = self._is_stale()
        as_of = as_of_text(connection) or (states_text(connection) if self.shows_states else "")
        self.table.set_stale(stale=stale)
        self.detail.set_stale(stale=stale)
        self._counts.set_data_state(reason, as_of or not_past)
