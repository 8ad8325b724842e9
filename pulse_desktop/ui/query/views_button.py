"""The button with the current view of a page, and the menu in which views are opened and saved."""

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QMenu

from pulse_desktop.text.translation import _
from pulse_desktop.ui.query.page_views import PageViews
from pulse_desktop.ui.query.saved_views import SavedView
from pulse_desktop.ui.query.view_dialogs import UnsavedViewDialog, ViewNameDialog
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.plain_text import without_mnemonic
from pulse_desktop.ui.theme.style_sheet import set_style_property
from pulse_desktop.ui.theme.theme import theme
from pulse_desktop.ui.widgets.elided_button import ElidedButton

WIDTH: Final = 176
"""The same for all views, so that the query field stays where it is."""

ShowProblem = Callable[[str, str], None]
"""Shows a title and a sentence to the operator."""


class ViewsButton(ElidedButton):
    """Shows the name of the current view, and whether what is shown differs from it.

    Attributes:
        views: the views of the page.
    """

    def __init__(
        self, views: PageViews, show_problem: ShowProblem, copy_query: Callable[[], None]
    ) -> None:
        """Create the button.

        Args:
            views: the views of the page.
            show_problem: tells why something is not possible.
            copy_query: copies the query.
        """
        super().__init__()
        self.views = views
        self._show_problem, self._copy_query = show_problem, copy_query
        self.setFixedWidth(WIDTH)
        self.clicked.connect(self.open_menu)
        views.changed.connect(self._show_view)
        theme().changed.connect(self._show_view)
        self._show_view()

    def _show_view(self) -> None:
        name, modified = self.views.current.name, self.views.is_modified
        text = _("{view} · changed").format(view=name) if modified else name
        if not modified and not self.views.is_written:
            text = _("{view} · not saved").format(view=name)
        details = _("Saved views of this page (Ctrl+Shift+V)")
        if modified:
            details = _("{view}: what is shown is not saved in it. {details}").format(
                view=name, details=details
            )
        short = _("Changed · {view}").format(view=name) if modified else ""
        self.show_text(text, details, short)
        icons.set_button_icon(self, "edit" if modified else "chevron-down", "muted", 12)
        self.setAccessibleName(_("View: {view}").format(view=text))
        set_style_property(self, "modified", "true" if modified else "")

    # Menu

    def open_menu(self) -> None:
        """Open the menu below the button."""
        self.views.reload()
        menu = self.menu_of_views()
        menu.popup(self.mapToGlobal(QPoint(0, self.height() + 2)))
        checked = next((each for each in menu.actions() if each.isChecked()), None)
        if checked is not None:
            menu.setActiveAction(checked)

    def menu_of_views(self) -> QMenu:
        """Return the menu: the views, then what can be done with the current one."""
        views, current = self.views, self.views.current
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.setAccessibleName(_("Saved views"))
        for view in views.system:
            self._add_view(menu, view)
        if views.own:
            menu.addSeparator()
        for view in views.own:
            self._add_view(menu, view)
        menu.addSeparator()
        modified, is_own = views.is_modified, not current.is_system
        for title, act, enabled in (
            (_("Save changes"), self.save, is_own and (modified or not views.is_written)),
            (_("Save as…"), self.save_as, True),
            (_("Discard changes"), views.discard, modified),
            (_("Rename…"), self.rename, is_own),
            (_("Delete"), self.delete, is_own),
            (_("Copy the query"), self._copy_query, True),
        ):
            entry = menu.addAction(title)
            entry.triggered.connect(lambda _checked=False, act=act: act())
            entry.setEnabled(enabled)
        if is_own and views.profile:
            menu.addSeparator()
            self._add_limit(menu)
        return menu

    def _add_limit(self, menu: QMenu) -> None:
        title = _("Only for the connection “{name}”").format(name=self.views.profile)
        entry = menu.addAction(without_mnemonic(title))
        entry.setCheckable(True)
        entry.setChecked(bool(self.views.current.profile))
        entry.triggered.connect(lambda checked: self._done(self.views.limit(limited=checked)))

    def _add_view(self, menu: QMenu, view: SavedView) -> None:
        title = without_mnemonic(view.name)
        if view.profile:
            title = _("{view} · {connection}").format(
                view=title, connection=without_mnemonic(view.profile)
            )
        if view.refusal:
            title = _("{view} (later version)").format(view=title)
        entry = menu.addAction(title)
        entry.setCheckable(True)
        entry.setChecked(self._is_current(view))
        entry.triggered.connect(lambda _checked=False: self.open_view(view))

    # Actions

    def open_view(self, view: SavedView) -> None:
        """Show a view, after asking about unsaved changes of the current one."""
        if view.refusal:
            self._show_problem(_("“{view}” cannot be opened").format(view=view.name), view.refusal)
        elif self.views.has_unsaved and not self._is_current(view):
            dialog = UnsavedViewDialog(self.views.current.name, self.window())
            dialog.saved.connect(lambda: self.save() and self.views.open(view))
            dialog.discarded.connect(lambda: self.views.open(view))
            dialog.open()
        elif self._is_current(view) and not view.is_system:
            return  # its changes are discarded by an entry of their own
        else:
            self.views.open(view)

    def _is_current(self, view: SavedView) -> bool:
        current = self.views.current
        return (view.name, view.profile) == (current.name, current.profile)

    def save(self) -> bool:
        """Save the changes of the current view, as a new one if it belongs to the program."""
        if self.views.current.is_system:
            self.save_as()
            return False
        return self._done(self.views.save())

    def save_as(self) -> None:
        """Ask for a name and save what is shown under it."""
        current = self.views.current
        name = "" if current.is_system else current.name
        dialog = ViewNameDialog(_("Save the view as"), name, self._check_save, self.window())
        dialog.named.connect(lambda name: self._done(self.views.save(name)))
        dialog.open()

    def rename(self) -> None:
        """Ask for another name of the current view."""
        name = self.views.current.name
        dialog = ViewNameDialog(_("Rename the view"), name, self._check_rename, self.window())
        dialog.named.connect(lambda name: self._done(self.views.rename(name)))
        dialog.open()

    def delete(self) -> None:
        """Delete the current view; what is shown stays, and can be saved again."""
        self._done(self.views.delete())

    def _done(self, problem: str) -> bool:
        if problem:
            self._show_problem(_("The view was not saved"), problem)
        return not problem

    def _check_save(self, name: str) -> tuple[str, str]:
        found = self.views.find(name)
        if found is None:
            return _("Save"), ""
        if found.is_system:
            return "", _("A view of Pulse Desktop has this name.")
        if found.refusal:
            return "", found.refusal
        return _("Replace"), _("A view of this name exists.")

    def _check_rename(self, name: str) -> tuple[str, str]:
        if name == self.views.current.name:
            return _("Rename"), ""
        taken = self.views.find(name) is not None
        return ("", _("A view of this name exists.")) if taken else (_("Rename"), "")
