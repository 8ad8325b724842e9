"""Saved views as actions, so that the palette finds them."""

from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import QObject

from pulse_desktop.text.translation import _
from pulse_desktop.ui.navigation import OpenView, Target
from pulse_desktop.ui.page.actions import Action, ActionTable
from pulse_desktop.ui.page.page import Page
from pulse_desktop.ui.query.saved_views import SavedView, SavedViews


class SavedViewActions(QObject):
    """Keeps an action for each view of the pages of a window, and of their tabs."""

    def __init__(
        self,
        actions: ActionTable,
        pages: Sequence[type[Page]],
        saved: SavedViews,
        navigate: Callable[[Target], None],
        profile: Callable[[], str] = str,
    ) -> None:
        """Add the actions.

        Args:
            actions: the table of the window.
            pages: its pages.
            saved: the views of the operator.
            navigate: shows a target.
            profile: returns the name of the connection, empty if it has none.
        """
        super().__init__(actions)
        self._actions, self._saved, self._navigate = actions, saved, navigate
        self._profile = profile
        self._parts = {
            part.key: (page, part)
            for page in pages
            for part in page.part_kinds()
            if part.system_views()
        }
        self._own: list[Action] = []
        for _page, part in self._parts.values():
            for view in part.system_views():
                self._add(view)
        saved.changed.connect(self.update)
        self.update()

    def update(self) -> None:
        """Follow the saved views, and the connection of the window."""
        for action in self._own:
            self._actions.remove(action)
        views = (view for view in self._saved.all(self._profile()) if view.page in self._parts)
        # A view for this connection alone hides one of all connections that has its name.
        by_name = {(view.page, view.name): view for view in sorted(views, key=lambda v: v.profile)}
        self._own = [self._add(view) for view in by_name.values()]

    def _add(self, view: SavedView) -> Action:
        page, part = self._parts[view.page]
        title = page.title if part.key == page.key else part.title
        kind = "system" if view.is_system else "own"
        action = Action(
            f"view.{kind}.{view.page}.{view.name}",
            _("View: {name}").format(name=view.name),
            "",
            title,
            part.icon,
            _("saved view filter query"),
        )
        self._actions.add(
            action, partial(self._navigate, OpenView(page.key, view.name, tab=view.page))
        )
        return action
