"""A page that holds other pages as tabs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final, TypeVar, cast

from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QTabBar, QVBoxLayout

from pulse_desktop.state.collection import DirtyRows
from pulse_desktop.text.translation import _
from pulse_desktop.ui.page.actions import Action, PageAction
from pulse_desktop.ui.page.page import Page, PageContext
from pulse_desktop.ui.table.live_table import LiveTable

PageT = TypeVar("PageT", bound=Page)

_TAB_MARGIN: Final = 14
NEXT_TAB: Final = Action("tab.next", _("Next tab of the page"), "Ctrl+Tab|Ctrl+PgDown", _("View"))
PREVIOUS_TAB: Final = Action(
    "tab.previous", _("Previous tab of the page"), "Ctrl+Shift+Tab|Ctrl+PgUp", _("View")
)


class TabbedPage(Page):
    """Base class of the pages with tabs. What the window asks of the page, it asks of a tab.

    Attributes:
        tab_titles: title of each tab, by the class of its page. The first tab is created with the
            page, the others when they are first shown.
        tabs: the bar with the titles.
    """

    tab_titles: ClassVar[Mapping[type[Page], str]]

    def __init__(self, context: PageContext) -> None:
        super().__init__(context)
        self._kinds = tuple(self.tab_titles)
        self._created: dict[type[Page], Page] = {}
        self.tabs = QTabBar()
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        self.tabs.setAccessibleName(_("Parts of the page"))
        for title in self.tab_titles.values():
            self.tabs.addTab(title)
        self._stack = QStackedWidget()
        row = QHBoxLayout()
        row.setContentsMargins(_TAB_MARGIN, 4, _TAB_MARGIN, 0)
        row.addWidget(self.tabs)
        row.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(row)
        layout.addWidget(self._stack, 1)
        self.tab(self._kinds[0])
        self.tabs.currentChanged.connect(self._on_tab_changed)

    # Tabs

    def tab(self, kind: type[PageT]) -> PageT:
        """Return the page of a tab, created if necessary."""
        page = self._created.get(kind)
        if page is None:
            page = self._created[kind] = kind(replace(self.context, container=self._stack))
            self._stack.addWidget(page)
            self.part_created.emit(page)
        return cast("PageT", page)

    def show_tab(self, kind: type[Page]) -> None:
        """Show a tab."""
        self.tabs.setCurrentIndex(self._kinds.index(kind))

    def show_next_tab(self, by: int = 1) -> None:
        """Show the tab some places to the right, or to the left if negative, around the ends."""
        self.tabs.setCurrentIndex((self.tabs.currentIndex() + by) % self.tabs.count())

    def show_previous_tab(self) -> None:
        """Show the tab to the left, or the last one."""
        self.show_next_tab(-1)

    def on_go_again(self) -> None:
        """Show the first tab: the way back to it is the key of the page."""
        self.tabs.setCurrentIndex(0)

    @classmethod
    def part_kinds(cls) -> Sequence[type[Page]]:
        """Return the classes of the pages of all tabs."""
        return tuple(cls.tab_titles)

    def show_tab_with_key(self, key: str) -> None:
        """Show the tab whose page has a key."""
        self.show_tab(next(kind for kind in self._kinds if kind.key == key))

    @property
    def shown_part(self) -> Page:
        """The page of the tab that is shown."""
        return self.tab(self._kinds[self.tabs.currentIndex()])

    def parts(self) -> Sequence[Page]:
        """Return the pages of the tabs that were shown so far."""
        return tuple(self._created[kind] for kind in self._kinds if kind in self._created)

    def _on_tab_changed(self, _index: int) -> None:
        before, shown = self._stack.currentWidget(), self.shown_part
        if isinstance(before, Page):
            before.on_hide()
        self._stack.setCurrentWidget(shown)
        if self.isVisible():
            connection = self.context.connection
            shown.on_show(connection.data_time or connection.now())
        self.take_focus()

    # Page

    @classmethod
    def page_actions(cls) -> Sequence[PageAction[Any]]:
        """Return the actions of all tabs, each available while a tab that has it is shown.

        Those that change to another tab follow.
        """
        by_action: dict[Action, dict[type[Page], PageAction[Any]]] = {}
        for kind in cls.tab_titles:
            for each in kind.page_actions():
                by_action.setdefault(each.action, {})[kind] = each
        return [
            *(_of_shown_tab(action, by_kind) for action, by_kind in by_action.items()),
            PageAction(NEXT_TAB, cls.show_next_tab),
            PageAction(PREVIOUS_TAB, cls.show_previous_tab),
        ]

    def refresh(self, changes: DirtyRows, now: float) -> None:
        """Show the changes of a frame in the tab that is shown."""
        self.shown_part.refresh(changes, now)

    def on_show(self, now: float) -> None:
        """Catch up in the tab that is shown; the others follow when they are."""
        self.shown_part.on_show(now)

    def on_time_range(self, now: float) -> None:
        """Show another time range in the tab that is shown; the others follow when they are."""
        self.shown_part.on_time_range(now)

    def on_hide(self) -> None:
        """Stop expensive work of the tab that is shown."""
        self.shown_part.on_hide()

    def tables(self) -> Sequence[LiveTable[Any]]:
        """Return the tables of all tabs."""
        return tuple(table for part in self.parts() for table in part.tables())

    def take_focus(self) -> None:
        """Give the keyboard focus to the tab that is shown."""
        self.shown_part.take_focus()

    def focus_filter(self) -> None:
        """Give the keyboard focus to the filter of the tab that is shown."""
        self.shown_part.focus_filter()

    def likely_actions(self) -> Sequence[Action]:
        """Return what one most likely wants now on the tab that is shown."""
        return self.shown_part.likely_actions()

    def can_export(self) -> bool:
        """Return whether the tab that is shown has rows to export."""
        return self.shown_part.can_export()

    def export(self) -> None:
        """Export the rows of the tab that is shown."""
        self.shown_part.export()

    def can_copy(self) -> bool:
        """Return whether rows of the tab that is shown are selected."""
        return self.shown_part.can_copy()

    def copy_with_headings(self) -> None:
        """Copy the selected rows of the tab that is shown."""
        self.shown_part.copy_with_headings()

    def close_details(self) -> bool:
        """Close the details in the tab that is shown."""
        return self.shown_part.close_details()

    def on_escape(self) -> bool:
        """Clear what Esc clears in the tab that is shown."""
        return self.shown_part.on_escape()


def _of_shown_tab(
    action: Action, by_kind: Mapping[type[Page], PageAction[Any]]
) -> PageAction[TabbedPage]:
    """Return an action that does what the tab that is shown does, if it has the action."""

    def run(page: TabbedPage) -> None:
        tab = page.shown_part
        by_kind[type(tab)].run(tab)

    def is_enabled(page: TabbedPage) -> bool:
        tab = page.shown_part
        own = by_kind.get(type(tab))
        return own is not None and (own.enabled is None or own.enabled(tab))

    return PageAction(action, run, is_enabled)
