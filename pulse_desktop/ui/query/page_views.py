"""The saved views of a page: which one is open, and whether what is shown differs from it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec
from PySide6.QtCore import QObject, Signal

from pulse_desktop.model.time_range import ALL_RETAINED, TimeRange, range_from_text, range_to_text
from pulse_desktop.query.syntax import QUERY_VERSION
from pulse_desktop.text.translation import _
from pulse_desktop.ui.query.filter_state import FilterState
from pulse_desktop.ui.query.former_filter import FormerFilter
from pulse_desktop.ui.query.saved_views import SavedView, SavedViews

_COMPARED: Final = ("columns", "order", "sort")
"""Parts of the columns that make a view another one; widths do not."""


class ViewedFilter(Protocol):
    """The filter of a page, as far as views need it.

    Attributes:
        former: the operator's own filter while another one is shown.
    """

    former: FormerFilter

    @property
    def state(self) -> FilterState:
        """What is shown."""

    def show(self, state: FilterState) -> None:
        """Show another filter."""


class ViewedColumns(Protocol):
    """The columns of a table, as far as views need them."""

    def state(self) -> dict[str, Any]:
        """Return columns and sort order."""

    def reset(self) -> None:
        """Restore the default columns."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Show columns and sort order as they were."""


class PageViews(QObject):
    """Opens and saves the views of one page.

    Attributes:
        current: the view that was opened last.

    Signals:
        changed: another view is open, or it differs from what is shown, or does not any more.
    """

    changed = Signal()

    def __init__(
        self,
        system: Sequence[SavedView],
        saved: SavedViews,
        filter_: ViewedFilter,
        columns: ViewedColumns,
        parent: QObject,
        profile: Callable[[], str] = str,
    ) -> None:
        """Open the first view of the program without showing it.

        Args:
            system: the views of the program for the page, at least one.
            saved: the views of the operator.
            filter_: the filter of the page.
            columns: those of its table.
            parent: owner.
            profile: returns the name of the connection, empty if it has none.
        """
        super().__init__(parent)
        self.system = tuple(system)
        self.current = self.system[0]
        self._profile = profile
        self._saved = saved
        self._filter, self._columns = filter_, columns
        self._was_modified = False
        self._former: SavedView | None = None  # the current one before navigation
        self._former_columns: dict[str, Any] | None = None  # if a view has changed them since
        saved.profile_renamed.connect(self._follow_rename)
        saved.changed.connect(self._follow_saved)

    @property
    def page(self) -> str:
        """Key of the page."""
        return self.system[0].page

    @property
    def profile(self) -> str:
        """Name of the connection, empty if it has none."""
        return self._profile()

    @property
    def own(self) -> Sequence[SavedView]:
        """The views of the operator for the page and this connection, by name."""
        return self._saved.of(self.page, self.profile)

    def reload(self) -> None:
        """Read the views again that another program may have changed."""
        self._saved.reload()

    @property
    def is_modified(self) -> bool:
        """Whether what is shown differs from the current view.

        A time range is chosen for the window, and no change of a view that has none of its own.
        """
        view, shown = self.current, self._shown(self.current.name)
        same_filter = (view.query.strip(), view.facets) == (shown.query, shown.facets)
        same_time = view.time_range in ("", shown.time_range)
        return not (same_filter and same_time and _same_columns(view.columns, shown.columns or {}))

    @property
    def is_written(self) -> bool:
        """Whether the current view is kept when the program ends."""
        return self.current.is_system or self._saved.is_written(self.current)

    @property
    def has_unsaved(self) -> bool:
        """Whether changes of a view of the operator would be lost by opening another one."""
        return not self.current.is_system and self.is_modified

    def find(self, name: str) -> SavedView | None:
        """Return a view of the page by its name, None when there is none."""
        return next((view for view in (*self.system, *self.own) if view.name == name), None)

    def open(self, view: SavedView) -> str:
        """Show a view; return why that is not possible, empty if it is.

        A view without a time range of its own shows all that is retained. What belongs to no view
        of the operator can be restored afterwards: the filter, and the time range.
        """
        if view.refusal:
            return view.refusal
        is_limited = bool(self._shown("").time_range) and not self.current.time_range
        was_free = is_limited or (self.current.is_system and self.is_modified)
        before, columns = self.current, self._columns.state()
        self._show_columns(view)
        state = FilterState(view.query, frozenset(view.facets), _time_range(view.time_range))
        chained = self._filter.former.exists
        if was_free or chained:
            if chained:  # it leads back to before the first of them
                before, columns = self._former or before, self._former_columns or columns
            why = _("The view “{name}” is shown.").format(name=view.name)
            self._filter.former.navigate(state, why)
            self.forget_former()
            if self._filter.former.exists:
                self._former, self._former_columns = before, columns
        else:
            self._filter.former.forget()
            self.forget_former()
            self._filter.show(state)
        self.current = view
        self.update(force=True)
        return ""

    def close_for_navigation(self, is_replaced: bool) -> None:
        """Close the current view, because navigation shows rows of no view.

        Args:
            is_replaced: whether the filter of the operator is replaced: the view belongs to it.
        """
        if is_replaced:
            self._former, self._former_columns = self.current, None
        self.current = self.system[0]
        self.update(force=True)

    def reopen_former(self) -> None:
        """Make the view current that navigation has closed: its filter is shown again.

        The columns and the order are those before another view was opened.
        """
        if self._former is not None:
            self.current = self._former
        if self._former_columns is not None:
            self._columns.reset()
            self._columns.restore(self._former_columns)
        self.forget_former()
        self.update(force=True)

    def forget_former(self) -> None:
        """Forget the view that navigation has closed: the operator keeps the new filter."""
        self._former = self._former_columns = None

    def set_current(self, name: str) -> None:
        """Make a view the current one without showing it: its filter and columns are restored."""
        view = self.find(name)
        if view is not None and not view.refusal:
            self.current = view
            self.update(force=True)

    def discard(self) -> None:
        """Show the current view as it was saved; without a time range, that of the window stays."""
        view = self.current
        self._show_columns(view)
        time_range = _time_range(view.time_range) if view.time_range else None
        state = FilterState(view.query, frozenset(view.facets), time_range)
        self._filter.show(state)
        self.update(force=True)

    def save(self, name: str = "") -> str:
        """Save what is shown, under the name of the current view or another one.

        Args:
            name: another name; empty to change the current view. One without a time range stays so.

        Returns:
            Why it was not saved, empty if it was.
        """
        keeps_range = not (name.strip() or self.current.time_range)
        name = name.strip() or self.current.name
        if any(view.name == name for view in self.system):
            return _("“{name}” is a view of Pulse Desktop, which cannot be changed.").format(
                name=name
            )
        former = self._former_of(name)
        if former is not None and former.refusal:
            return former.refusal
        view = self._shown(name)
        if keeps_range:
            view = msgspec.structs.replace(view, time_range="")
        if former is not None:
            view = msgspec.structs.replace(view, profile=former.profile)
        problem = self._saved.save(view)
        if self._saved.has(view):
            self.current = view
        self.update(force=True)
        return problem

    def rename(self, name: str) -> str:
        """Rename the current view; return why that is not possible, empty if it is done."""
        name = name.strip()
        if any(view.name == name for view in self.system):
            return _("“{name}” is a view of Pulse Desktop.").format(name=name)
        return self._change(name, self.current.profile)

    def limit(self, *, limited: bool) -> str:
        """Keep the current view for this connection alone, or for all.

        Returns:
            Why that is not possible, empty if it is done.
        """
        return self._change(self.current.name, self.profile if limited else "")

    def _change(self, name: str, profile: str) -> str:
        former = self.current
        self.current = msgspec.structs.replace(former, name=name, profile=profile)
        problem = self._saved.change(former, name=name, profile=profile)
        if problem and self._is_kept(former):
            self.current = former
        self.update(force=True)
        return problem

    def _is_kept(self, view: SavedView) -> bool:
        """Return whether a view is among the saved ones, under its name and connection."""
        return self._saved.has(view)

    def _former_of(self, name: str) -> SavedView | None:
        """Return the saved view that is replaced by saving under a name: best the current one."""
        if name == self.current.name and self._is_kept(self.current):
            return self.current
        return self._saved.find(self.page, name, self.profile)

    def delete(self) -> str:
        """Delete the current view; what is shown stays. Return why it could not be written."""
        deleted, self.current = self.current, self.system[0]
        problem = self._saved.delete(deleted)
        self.update(force=True)
        return problem

    def update(self, *, force: bool = False) -> None:
        """Tell when the current view begins or ceases to differ from what is shown."""
        modified = self.is_modified
        if force or modified != self._was_modified:
            self._was_modified = modified
            self.changed.emit()

    def _show_columns(self, view: SavedView) -> None:
        if view.columns is None:
            return
        if "columns" in view.columns:
            self._columns.reset()
        self._columns.restore(view.columns)

    def _shown(self, name: str) -> SavedView:
        state = self._filter.state
        time_range = state.time_range
        limited = time_range is not None and time_range.limits_rows
        return SavedView(
            self.page,
            name,
            state.text,
            sorted(state.facets),
            range_to_text(time_range) if limited and time_range is not None else "",
            self._columns.state(),
            QUERY_VERSION,
        )

    def _follow_rename(self, former: str, profile: str) -> None:
        if not self.current.is_system and self.current.profile == former:
            self.current = msgspec.structs.replace(self.current, profile=profile)

    def _follow_saved(self) -> None:
        """Follow what another window has done with the current view."""
        if self.current.is_system:
            return
        if not self._is_kept(self.current):
            self.current = self.system[0]
        self.update(force=True)


def _time_range(text: str) -> TimeRange:
    try:
        return range_from_text(text) if text else ALL_RETAINED
    except ValueError:
        return ALL_RETAINED


def _same_columns(saved: Mapping[str, Any] | None, shown: Mapping[str, Any]) -> bool:
    """Return whether the columns are those of a view, which may leave some of them open."""
    if saved is None:
        return True
    default: Callable[[str], object] = {"columns": {}, "order": [], "sort": ["", False]}.get
    return all(
        list(saved[part]) == list(shown.get(part, ()))
        if part == "sort"
        else (saved[part] or default(part)) == (shown.get(part) or default(part))
        for part in _COMPARED
        if part in saved
    )
