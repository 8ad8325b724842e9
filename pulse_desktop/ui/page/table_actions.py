"""The actions that every page with a table has: on its query, its rows and its columns."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from pulse_desktop.text.translation import _
from pulse_desktop.ui.page.actions import Action, ActionTable
from pulse_desktop.ui.page.page import Page
from pulse_desktop.ui.page.table_page import TablePage

AnyTablePage = TablePage[Any, Any]

FILTER_BY_ROW: Final = Action(
    "query.row",
    _("Filter by a value of this row…"),
    "F",
    _("Filter"),
    "filter",
    _("only this not exclude include cell"),
)
BACK_TO_FILTER: Final = Action(
    "query.back",
    _("Back to your filter"),
    "Ctrl+Shift+B",
    _("Filter"),
    "retry",
    _("former undo"),
    needs=_("There is none: what is shown did not replace a filter of yours"),
)
COPY_QUERY: Final = Action(
    "query.copy", _("Copy the query"), "Ctrl+Shift+Q", _("Filter"), "copy", _("filter command line")
)
CHOOSE_COLUMNS: Final = Action(
    "columns",
    _("Choose columns…"),
    "Ctrl+Shift+L",
    _("View"),
    "columns",
    _("show hide order label argument"),
)
OPEN_VIEWS: Final = Action(
    "views", _("Saved views…"), "Ctrl+Shift+V", _("Filter"), "overview", _("open query")
)
SAVE_VIEW: Final = Action(
    "views.save", _("Save the view"), "Ctrl+Shift+S", _("Filter"), "save", _("keep query columns")
)
SAVE_VIEW_AS: Final = Action("views.save_as", _("Save the view as…"), "", _("Filter"), "save")
DISCARD_CHANGES: Final = Action(
    "views.discard", _("Discard the changes of the view"), "", _("Filter"), "close"
)
RESET_COLUMNS: Final = Action("columns.reset", _("Reset columns"), "", _("View"), "columns")


def add_table_actions(actions: ActionTable, current: Callable[[], Page | None]) -> None:
    """Add the actions to the table of a window.

    Args:
        actions: the table.
        current: returns the page that is shown.
    """

    def shown_table_page() -> AnyTablePage | None:
        page = current()
        part = page.shown_part if page is not None else None
        return part if isinstance(part, TablePage) else None

    def run(act: Callable[[AnyTablePage], object]) -> None:
        if (page := shown_table_page()) is not None:
            act(page)

    def is_possible(test: Callable[[AnyTablePage], bool]) -> bool:
        page = shown_table_page()
        return page is not None and test(page)

    for action, act, test in (
        (FILTER_BY_ROW, _filter_by_row, _has_rows),
        (BACK_TO_FILTER, _go_back_to_filter, _has_former),
        (COPY_QUERY, _copy_query, _is_table),
        (CHOOSE_COLUMNS, _choose_columns, _is_table),
        (RESET_COLUMNS, _reset_columns, _is_table),
        (OPEN_VIEWS, _open_views, _is_table),
        (SAVE_VIEW, _save_view, _is_table),
        (SAVE_VIEW_AS, _save_view_as, _is_table),
        (DISCARD_CHANGES, _discard_changes, _is_modified),
    ):
        actions.add(action, partial(run, act), partial(is_possible, test))


# The methods are called on the page: `TablePage.copy_query` by itself would pass over what a page
# overrides.


def _filter_by_row(page: AnyTablePage) -> None:
    page.filter_by_row()


def _go_back_to_filter(page: AnyTablePage) -> None:
    page.go_back_to_filter()


def _copy_query(page: AnyTablePage) -> None:
    page.copy_query()


def _choose_columns(page: AnyTablePage) -> None:
    page.choose_columns()


def _reset_columns(page: AnyTablePage) -> None:
    page.reset_columns()


def _open_views(page: AnyTablePage) -> None:
    page.views_button.open_menu()


def _save_view(page: AnyTablePage) -> None:
    page.views_button.save()


def _save_view_as(page: AnyTablePage) -> None:
    page.views_button.save_as()


def _discard_changes(page: AnyTablePage) -> None:
    page.views.discard()


def _is_modified(page: AnyTablePage) -> bool:
    return page.views.is_modified


def _is_table(_page: AnyTablePage) -> bool:
    return True


def _has_rows(page: AnyTablePage) -> bool:
    return page.table.rows_model.shown_count > 0


def _has_former(page: AnyTablePage) -> bool:
    return page.filter.former.exists
