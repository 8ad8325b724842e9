"""Everything the operator can have done, as one table.

Menus, shortcuts, buttons and the command palette are made from it, so that none of them can offer
what another does not know.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QAbstractButton, QWidget

from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.theme import theme


@dataclass(frozen=True, slots=True)
class Action:
    """Something that can be done.

    Attributes:
        id: name in the program.
        title: name for the operator, sentence case.
        callback: method of the window, or of the page, that does it; empty when it is given.
        shortcut: keys, in Qt's portable notation; several are separated by `|`.
        group: heading in the palette and menus.
        icon: of `icons`.
        page: key of the page it belongs to; empty for the window.
        enabled: name of a method of the same object that says whether it can be done now.
        words: more words to find it by.
    """

    id: str
    title: str
    callback: str = ""
    shortcut: str = ""
    group: str = ""
    icon: str = ""
    page: str = ""
    enabled: str = ""
    words: str = ""


WINDOW_ACTIONS: Final = (
    Action("palette", "Search or run a command", "open_palette", "Ctrl+K", "Window", "search"),
    Action(
        "run_task", "Run a task…", "run_task", "Ctrl+N", "Tasks", "plus", words="enqueue start new"
    ),
    Action("pause", "Pause or resume the tables", "toggle_pause", "Ctrl+P", "View", "pause"),
    Action("alerts", "Show what needs attention", "show_concerns", "Ctrl+I", "Go to", "bell"),
    Action("filter", "Filter this page", "focus_filter", "/|Ctrl+F", "View", "filter"),
    Action(
        "theme.dark", "Dark theme", "use_dark_theme", group="View", icon="theme", words="colour"
    ),
    Action(
        "theme.light", "Light theme", "use_light_theme", group="View", icon="theme", words="colour"
    ),
    Action("theme.system", "Theme of the desktop", "use_system_theme", group="View", icon="theme"),
    Action("rail", "Collapse or expand the navigation", "toggle_rail", "Ctrl+B", "View", "columns"),
    Action("full_screen", "Full screen", "toggle_full_screen", "F11", "View"),
    Action("quit", "Quit", "close", "Ctrl+Q", "Window", "close"),
)
"""What the window does itself. The composition root and the pages add theirs."""


class ActionTable(QObject):
    """The actions with their Qt counterparts, bound to the objects that carry them out.

    Attributes:
        actions: by id.
    """

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.actions: dict[str, Action] = {}
        self._window = window
        self._qt: dict[str, QAction] = {}
        self._targets: dict[str, Callable[[str], Any]] = {}
        theme().changed.connect(self._tint)

    def add(
        self,
        action: Action,
        target: Callable[[], object] | None = None,
        *,
        run: Callable[[], object] | None = None,
    ) -> QAction:
        """Offer an action.

        Args:
            action: what it is.
            target: returns the object that has its `callback`. It is asked when the action is
                triggered, for pages are made only when they are first shown.
            run: does it, instead of a target's callback.

        Raises:
            ValueError: there is an action of this id, or with this shortcut for the same page.
        """
        if action.id in self.actions:
            raise ValueError(f"two actions called {action.id}")
        keys = [QKeySequence(keys) for keys in action.shortcut.split("|") if keys]
        for other in self.actions.values():
            shared = set(action.shortcut.split("|")) & set(other.shortcut.split("|")) - {""}
            if shared and (other.page == action.page or not (other.page and action.page)):
                raise ValueError(f"{action.id} and {other.id} both want {shared.pop()}")
        entry = QAction(action.title, self._window)
        entry.setShortcuts(keys)
        entry.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
        if action.icon:
            entry.setIcon(icons.icon(action.icon))
        entry.triggered.connect(lambda: self.run(action.id))
        self._window.addAction(entry)
        self.actions[action.id] = action
        self._qt[action.id] = entry
        self._targets[action.id] = _finder(target, run)
        entry.setEnabled(not action.page)
        return entry

    def run(self, action_id: str) -> bool:
        """Do it, if it can be done now, and tell whether it was.

        Raises:
            KeyError: there is no such action.
        """
        if not self.is_enabled(action_id):
            return False
        self._targets[action_id](self.actions[action_id].callback)()
        return True

    def is_enabled(self, action_id: str) -> bool:
        """Tell whether an action can be done now."""
        action = self.actions[action_id]
        if not self._qt[action_id].isEnabled():
            return False
        return not action.enabled or bool(self._targets[action_id](action.enabled)())

    def show_page(self, page: str) -> None:
        """Let the shortcuts of this page work, and those of other pages rest."""
        for action_id, action in self.actions.items():
            self._qt[action_id].setEnabled(action.page in ("", page))

    def qt(self, action_id: str) -> QAction:
        """Return the Qt action, for a menu. Raises KeyError."""
        return self._qt[action_id]

    def offered(self) -> list[Action]:
        """Return the actions that can be done now, in the order in which they were added."""
        return [action for key, action in self.actions.items() if self.is_enabled(key)]

    def bind_button(self, button: QAbstractButton, action_id: str) -> None:
        """Let a button do an action, and say in its tooltip what and by which key."""
        action = self.actions[action_id]
        keys = shortcut_text(action)
        button.setToolTip(f"{action.title} ({keys})" if keys else action.title)
        button.setAccessibleName(button.text().strip() or action.title)
        button.clicked.connect(lambda: self.run(action_id))

    def _tint(self) -> None:
        for key, action in self.actions.items():
            if action.icon:
                self._qt[key].setIcon(icons.icon(action.icon, SemanticColor.MUTED))


def _finder(
    target: Callable[[], object] | None, run: Callable[[], object] | None
) -> Callable[[str], Any]:
    """Return what finds the function behind a name."""
    if run is not None:
        return lambda _: run
    return lambda name: getattr(target() if target is not None else None, name)


def shortcut_text(action: Action) -> str:
    """Return the first shortcut as the desktop writes it, such as `Ctrl+K`."""
    first = action.shortcut.split("|")[0]
    return QKeySequence(first).toString(QKeySequence.SequenceFormat.NativeText)
