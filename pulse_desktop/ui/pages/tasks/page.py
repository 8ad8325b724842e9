"""The Tasks page: runs and failure groups, each on a tab."""

from collections.abc import Sequence
from typing import Any, ClassVar

from pulse_desktop.text.translation import _
from pulse_desktop.ui.navigation import OpenView, ShowGroups, ShowPage, Target
from pulse_desktop.ui.page.actions import PageAction
from pulse_desktop.ui.page.tabbed_page import TabbedPage
from pulse_desktop.ui.pages.tasks import actions
from pulse_desktop.ui.pages.tasks.groups_page import GroupsPage
from pulse_desktop.ui.pages.tasks.runs_page import RunsPage


class TasksPage(TabbedPage):
    """Page with the table of task runs and, on a second tab, that of failure groups."""

    key = RunsPage.key
    title = RunsPage.title
    icon = RunsPage.icon
    section = RunsPage.section
    tab_titles: ClassVar = {RunsPage: _("Runs"), GroupsPage: GroupsPage.title}

    @property
    def runs(self) -> RunsPage:
        """The runs."""
        return self.tab(RunsPage)

    @property
    def groups(self) -> GroupsPage:
        """The failure groups."""
        return self.tab(GroupsPage)

    def navigate(self, target: Target) -> None:
        """Show a failure group, a run, a filter of runs or a saved view, on its tab."""
        if isinstance(target, ShowGroups):
            self.show_groups()
        elif isinstance(target, OpenView):
            self.show_tab_with_key(target.tab or self.key)
        elif not isinstance(target, ShowPage):
            self.show_tab(RunsPage)
        self.shown_part.navigate(target)

    @classmethod
    def page_actions(cls) -> Sequence[PageAction[Any]]:
        """Return the actions that show a tab, and those of the tabs."""
        return (
            PageAction(actions.SHOW_FAILED, cls.show_failed, everywhere=True),
            PageAction(actions.SHOW_GROUPS, cls.show_groups, everywhere=True),
            *super().page_actions(),
        )

    def show_failed(self) -> None:
        """Show only failed runs and soft failures."""
        self.show_tab(RunsPage)
        self.runs.show_failed()

    def show_groups(self) -> None:
        """Show the failure groups."""
        self.show_tab(GroupsPage)
