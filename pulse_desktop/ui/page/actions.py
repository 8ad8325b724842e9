"""Actions: one table from which menus, shortcuts, buttons and the command palette are made."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QAbstractButton, QWidget

from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.plain_text import set_tooltip, without_mnemonic
from pulse_desktop.ui.theme.theme import theme

PageT_contra = TypeVar("PageT_contra", contravariant=True)
PageT = TypeVar("PageT")


@dataclass(frozen=True, slots=True)
class Action:
    """An entry of the palette and of menus: its title, shortcut and icon, without its function.

    Attributes:
        id: unique name in the program, such as "runs.rerun".
        title: label for the operator, sentence case.
        shortcut: keys in Qt's portable notation; several are separated by `|`.
        group: heading in the palette and menus.
        icon: name in `icons`, empty for none.
        keywords: more words to find it by in the palette.
        name: of what it acts on as it is in the title, to be found by; empty for none.
        note: what is said about that, such as its environment.
        color: of the connection profile that it acts on, empty for none.
        needs: what it needs, said while it is not available, such as "Select a run first"; empty
            for an action that is not mentioned then.
    """

    id: str
    title: str
    shortcut: str = ""
    group: str = ""
    icon: str = ""
    keywords: str = ""
    name: str = ""
    note: str = ""
    color: str = ""
    needs: str = ""

    @property
    def keys(self) -> frozenset[str]:
        """Every shortcut by itself."""
        return frozenset(filter(None, self.shortcut.split("|")))


def always() -> bool:
    """Return True: the condition of an action that is always available."""
    return True


@dataclass(frozen=True, slots=True)
class PageAction(Generic[PageT_contra]):
    """An action of a page, listed before the page is made.

    Attributes:
        action: label, shortcut and icon.
        run: carries it out on the page.
        enabled: returns whether it is available now, None for always.
        everywhere: whether it is available on every page, and goes to its own.
    """

    action: Action
    run: Callable[[PageT_contra], object]
    enabled: Callable[[PageT_contra], bool] | None = None
    everywhere: bool = False


@dataclass(frozen=True, slots=True)
class _BoundAction:
    action: Action
    qt: QAction
    run: Callable[[], object]
    enabled: Callable[[], bool]
    page: str
    keys: frozenset[str]


class ActionTable(QObject):
    """The actions of one window, with a `QAction` for each.

    An action that belongs to a page is available while that page is shown.

    Signals:
        refused: an `Action` that is not available was to be run, and says what it needs.
    """

    refused = Signal(object)

    def __init__(self, window: QWidget) -> None:
        """Create an empty table.

        Args:
            window: gets the shortcuts.
        """
        super().__init__(window)
        self._window = window
        self._bound: dict[str, _BoundAction] = {}
        theme().changed.connect(self._apply_theme)

    def add(
        self,
        action: Action,
        run: Callable[[], object],
        enabled: Callable[[], bool] = always,
        *,
        page: str = "",
    ) -> QAction:
        """Add an action.

        Args:
            action: label, shortcut and icon.
            run: carries it out.
            enabled: returns whether it is available now.
            page: key of the page it belongs to, empty for the whole window.

        Raises:
            ValueError: the id is taken, or another action of the same page has the shortcut.
        """
        if action.id in self._bound:
            raise ValueError(f"duplicate action id {action.id}")
        keys = action.keys
        for other in self._bound.values() if keys else ():
            shared = keys & other.keys
            if shared and (other.page == page or not (other.page and page)):
                raise ValueError(
                    f"{action.id} and {other.action.id} share the shortcut {min(shared)}"
                )
        qt = QAction(without_mnemonic(action.title), self._window)
        qt.setShortcuts([QKeySequence(each) for each in action.shortcut.split("|") if each])
        qt.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
        if action.icon:
            qt.setIcon(icons.icon(action.icon))
        qt.triggered.connect(lambda: self.run(action.id))
        qt.setEnabled(not page)
        self._window.addAction(qt)
        self._bound[action.id] = _BoundAction(action, qt, run, enabled, page, keys)
        return qt

    def add_page_action(
        self, page_action: PageAction[PageT], page: str, target: Callable[[], PageT]
    ) -> QAction:
        """Add an action of a page.

        Args:
            page_action: what it does with the page.
            page: key of the page.
            target: returns the page, making it if necessary. It is called when the action is
                triggered, because pages are made when they are first shown.

        Raises:
            ValueError: see `add`.
        """
        enabled = page_action.enabled
        return self.add(
            page_action.action,
            lambda: page_action.run(target()),
            always if enabled is None else lambda: enabled(target()),
            page=page,
        )

    def remove(self, action: Action) -> None:
        """Remove an action. Raises KeyError: there is none of its id."""
        bound = self._bound.pop(action.id)
        self._window.removeAction(bound.qt)
        bound.qt.deleteLater()

    @property
    def ids(self) -> Sequence[str]:
        """The ids of all actions, in the order in which they were added."""
        return tuple(self._bound)

    def __contains__(self, action_id: object) -> bool:
        """Return whether there is an action with an id."""
        return action_id in self._bound

    def __getitem__(self, action_id: str) -> Action:
        """Return an action by its id. Raises KeyError."""
        return self._bound[action_id].action

    def run(self, action_id: str) -> bool:
        """Carry out an action if it is available, else say what it needs; return whether it was.

        Raises:
            KeyError: there is no such action.
        """
        if not self.is_enabled(action_id):
            action = self[action_id]
            if action.needs:
                self.refused.emit(action)
            return False
        self._bound[action_id].run()
        return True

    def is_enabled(self, action_id: str) -> bool:
        """Return whether an action is available now. Raises KeyError."""
        bound = self._bound[action_id]
        return bound.qt.isEnabled() and bound.enabled()

    def show_page(self, page: str) -> None:
        """Enable the shortcuts of a page and disable those of the other pages."""
        for bound in self._bound.values():
            bound.qt.setEnabled(bound.page in ("", page))

    def qt(self, action: Action) -> QAction:
        """Return the Qt action, for a menu. Raises KeyError."""
        return self._bound[action.id].qt

    def available(self) -> list[Action]:
        """Return the actions that are available now, in the order in which they were added."""
        return [bound.action for key, bound in self._bound.items() if self.is_enabled(key)]

    def unavailable(self) -> list[Action]:
        """Return the actions that are not available now and say what they need."""
        actions = (bound.action for bound in self._bound.values())
        return [each for each in actions if each.needs and not self.is_enabled(each.id)]

    def bind_button(self, button: QAbstractButton, action: Action) -> None:
        """Make a button run an action, with its title and shortcut as the tooltip."""
        keys = shortcut_text(action)
        set_tooltip(
            button,
            _("{title} ({shortcut})").format(title=action.title, shortcut=keys)
            if keys
            else action.title,
        )
        button.setAccessibleName(button.text().strip() or action.title)
        button.clicked.connect(lambda: self.run(action.id))

    def _apply_theme(self) -> None:
        for bound in self._bound.values():
            if bound.action.icon:
                bound.qt.setIcon(icons.icon(bound.action.icon, SemanticColor.MUTED))


def shortcut_text(action: Action) -> str:
    """Return the first shortcut in the platform's notation, such as `Ctrl+K`."""
    return shortcut_texts(action)[0]


def shortcut_texts(action: Action) -> list[str]:
    """Return every shortcut in the platform's notation; [""] for an action without one."""
    native = QKeySequence.SequenceFormat.NativeText
    return [QKeySequence(keys).toString(native) for keys in action.shortcut.split("|")]
