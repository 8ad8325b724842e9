"""A single page without a window: its state, its session, and what it asks of the window."""

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from pulse_desktop.ui.page.actions import ActionTable
from pulse_desktop.ui.page.page import Page, PageContext
from tests.kit.state_builder import NOW, StateBuilder
from tests.ui.fake_session import FakeSession
from tests.ui.window_builder import run_at_once

if TYPE_CHECKING:
    from pulse_desktop.profiles.profile import Profile
    from pulse_desktop.ui.navigation import Target
    from pulse_desktop.ui.page.notification import Notification

PageT = TypeVar("PageT", bound=Page)


class PageHarness:
    """Opens a page and updates it like a window.

    Attributes:
        builder: builds the state.
        session: records what the page asks of the server; it has no results.
        notifications: what the page showed.
        targets: where the page navigated.
        profile_name: name of the connection, empty if it has none.
    """

    def __init__(self, qtbot: QtBot, window: QWidget) -> None:
        self.builder = StateBuilder(NOW - 1)
        self.session = FakeSession(self.builder.state)
        self.session.default_result = None
        self.notifications: list[Notification] = []
        self.targets: list[Target] = []
        self.profile_name = ""
        self._qtbot = qtbot
        self._pages: list[Page] = []  # kept: a test may hold a tab of a page alone
        self._actions = ActionTable(window)
        self._context = PageContext(
            state=self.builder.state,
            tasks=self.session,
            results=self.session,
            workers=self.session,
            group_marks=self.session.group_marks,
            connection=self.session,
            actions=self._actions,
            run_in_background=run_at_once,
            notify=self.notifications.append,
            navigate=self.targets.append,
            profile_name=lambda: self.profile_name,
        )

    def use_profile(self, profile: "Profile", label: str) -> None:
        """Open pages of a profile from now on; `label` is how the window calls it."""
        self._context = replace(self._context, profile=profile, profile_label=label)

    def open(self, page_class: type[PageT]) -> PageT:
        """Create a page, show it, and bring it up to date."""
        pages: list[PageT] = []
        for action in page_class.page_actions():
            if action.action.id in self._actions:
                continue  # a second page of this class, as after another session
            self._actions.add_page_action(action, page_class.key, lambda: pages[0])
        page = page_class(self._context)
        pages.append(page)
        self._pages.append(page)
        self._actions.show_page(page.key)
        self._qtbot.addWidget(page)
        page.resize(1200, 760)
        with self._qtbot.waitExposed(page):
            page.show()
        page.on_show(NOW)
        return page

    def update(self, page: Page, now: float = NOW) -> None:
        """Draw a frame of a page."""
        page.refresh(self.builder.state.take_changes(), now)
