"""Menu of connections: the profiles, to switch this window or to open another one.

Each profile is an action too, so that the command palette finds it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QWidget

from pulse_desktop.profiles.profile import (
    CONTEXT_PREFIX,
    Profile,
    embedded_profile,
)
from pulse_desktop.text.profile_text import environment_text
from pulse_desktop.text.translation import _
from pulse_desktop.ui.page.actions import Action, ActionTable
from pulse_desktop.ui.theme.plain_text import set_tooltip, without_mnemonic
from pulse_desktop.ui.theme.theme import theme
from pulse_desktop.ui.widgets.profile_icon import profile_icon

GROUP: Final = _("Connections")
SWITCH: Final = Action(
    "connections.switch",
    _("Switch connection…"),
    "Ctrl+Shift+O",
    GROUP,
    "server",
    _("profile server open"),
)
ADD: Final = Action(
    "connections.add", _("Add a connection…"), "", GROUP, "plus", _("profile server new")
)
MANAGE: Final = Action(
    "connections.manage", _("Manage connections…"), "", GROUP, "edit", _("profiles servers edit")
)
HISTORY: Final = Action(
    "connections.history",
    _("Keep history here…"),
    "",
    GROUP,
    "save",
    _("provision stream jetstream events tasks"),
)
SAVE: Final = Action(
    "connections.save",
    _("Save this server as a connection…"),
    "",
    GROUP,
    "save",
    _("profile store"),
)
OPEN_AT_START: Final = Action(
    "connections.start",
    _("Open this connection at the start"),
    "",
    GROUP,
    "server",
    _("startup default profile next time"),
)
OPEN_LAST: Final = Action(
    "connections.start_last",
    _("Open what was shown last at the start"),
    "",
    GROUP,
    "server",
    _("startup default profile next time"),
)
SWITCH_WORDS: Final = _("switch to")
"""What the palette is filled with, to list the connections."""


@dataclass(frozen=True)
class _Entry:
    profile: Profile
    switch: Action
    open_window: Action
    title: str


class ConnectionMenu(QObject):
    """The menu.

    Attributes:
        menu: for a button.
        previous_switch: id of the action that goes back to the connection that the window showed
            before, empty for none.

    Signals:
        about_to_show: the profiles may have changed meanwhile.
        connection_chosen: name of the profile to switch this window to.
        window_requested: name of the profile to show in a window of its own.
        add_requested: the operator wants to add a profile.
        manage_requested: the operator wants to see or change the profiles.
        history_requested: the operator wants the server to keep history.
        save_requested: the operator wants to store the server of this window as a profile.
        start_chosen: name of the profile to open at every start, empty for the one shown last.
    """

    about_to_show = Signal()
    connection_chosen = Signal(str)
    window_requested = Signal(str)
    add_requested = Signal()
    manage_requested = Signal()
    history_requested = Signal()
    save_requested = Signal()
    start_chosen = Signal(str)

    def __init__(self, actions: ActionTable, parent: QWidget) -> None:
        super().__init__(parent)
        self._actions = actions
        self._entries: list[_Entry] = []
        self._profiles: tuple[Profile, ...] = ()
        self._problems: dict[str, str] = {}
        self._current: Profile | None = None
        self._current_label = ""
        self.previous_switch = ""
        self._start = ""
        self._more: Sequence[QAction] = ()
        self.menu = QMenu(parent)
        self._windows = QMenu(_("Open in a new window"), self.menu)
        self._contexts = QMenu(_("Contexts of the NATS CLI"), self.menu)
        self._contexts.setToolTipsVisible(True)
        self._group = QActionGroup(self.menu)
        self.menu.aboutToShow.connect(self.about_to_show)
        self._add = actions.add(ADD, self.add_requested.emit)
        self._manage = actions.add(MANAGE, self.manage_requested.emit)
        self._history = actions.add(HISTORY, self.history_requested.emit)
        self._save = actions.add(SAVE, self.save_requested.emit, self._can_save)
        self._open_at_start = actions.add(OPEN_AT_START, self._choose_start, self._can_start)
        self._open_last = actions.add(OPEN_LAST, self._choose_last, lambda: bool(self._start))
        theme().changed.connect(self._fill)
        self._fill()

    def show_profiles(
        self, profiles: Sequence[Profile], problems: Mapping[str, str] | None = None
    ) -> None:
        """List these profiles after that of the embedded server; contexts are in a menu below.

        Args:
            profiles: those that can be chosen.
            problems: why other contexts cannot, by their names.
        """
        known = (tuple(profiles), dict(problems or {}))
        if (self._profiles, self._problems) != known or not self._entries:
            self._profiles, self._problems = known
            self._replace_actions()
            self._fill()

    def show_current(self, profile: Profile, label: str) -> None:
        """Mark the profile of the window; one that is not stored is listed by its label."""
        before = self._current
        if before is not None and before.name != profile.name:
            self.previous_switch = _switch_id(before.name)
        self._current, self._current_label = profile, label
        self._replace_actions()
        self._fill()

    def show_start(self, name: str) -> None:
        """Mark the profile that was chosen to open at every start, by its name; empty for none."""
        self._start = name
        self._fill()

    def _choose_start(self) -> None:
        if self._current is not None:
            self.start_chosen.emit(self._current.name)
        self._fill()

    def _choose_last(self) -> None:
        self.start_chosen.emit("")

    def _can_start(self) -> bool:
        current = self._current
        return current is not None and current.name not in ("", self._start)

    def _can_save(self) -> bool:
        current = self._current
        return current is not None and (not current.name or current.is_context)

    def set_more(self, actions: Sequence[QAction]) -> None:
        """Add actions at the end of the menu."""
        self._more = actions
        self._fill()

    def _replace_actions(self) -> None:
        for entry in self._entries:
            self._actions.remove(entry.switch)
            self._actions.remove(entry.open_window)
        self._entries = []
        for profile in (embedded_profile(), *self._profiles):
            name = _("embedded server") if profile.is_embedded else profile.name
            kind = environment_text(profile.environment) if profile.environment is not None else ""
            current = self._current is not None and self._current.name == profile.name
            marks = (
                kind,
                _("read-only") if profile.read_only else "",
                _("shown here") if current else "",
            )
            note = " · ".join(filter(None, marks))
            color = profile.effective_color.value if profile.effective_color is not None else ""
            switch = Action(
                _switch_id(profile.name),
                _("Switch to {name}").format(name=name),
                "",
                GROUP,
                "server",
                name=name,
                note=note,
                color=color,
            )
            open_window = Action(
                f"connections.window.{profile.name}",
                _("Open {name} in a new window").format(name=name),
                "",
                GROUP,
                "plus",
                name=name,
                note=note,
                color=color,
            )
            self._actions.add(switch, partial(self.connection_chosen.emit, profile.name))
            self._actions.add(open_window, partial(self.window_requested.emit, profile.name))
            title = "  ·  ".join(filter(None, (name, *marks[:2])))
            self._entries.append(_Entry(profile, switch, open_window, title))

    def _fill(self) -> None:
        for action in self._group.actions():
            self._group.removeAction(action)
        self.menu.clear()
        self._windows.clear()
        self._contexts.clear()
        current = self._current
        known = {entry.profile.name for entry in self._entries}
        if current is not None and current.name not in known:
            shown = self.menu.addAction(without_mnemonic(self._current_label))
            shown.setCheckable(True)
            shown.setChecked(True)
            self._group.addAction(shown)
            self.menu.addSeparator()
        for entry in self._entries:
            title = entry.title
            if entry.profile.name == self._start:
                title = _("{name}  ·  opens at the start").format(name=title)
            title = without_mnemonic(title)
            menu = self.menu
            if entry.profile.is_context:
                menu, title = self._contexts, title.removeprefix(CONTEXT_PREFIX)
            action = menu.addAction(profile_icon(entry.profile), title)
            action.setCheckable(True)
            if current is not None and current.name == entry.profile.name:
                action.setChecked(True)
                _emphasize(action)  # its icon takes the place of the check mark
            self._group.addAction(action)
            action.triggered.connect(
                lambda _checked=False, name=entry.profile.name: self.connection_chosen.emit(name)
            )
            other = self._windows.addAction(
                profile_icon(entry.profile), without_mnemonic(entry.title)
            )
            other.triggered.connect(
                lambda _checked=False, name=entry.profile.name: self.window_requested.emit(name)
            )
        self._add_unusable()
        if not self._contexts.isEmpty():
            self.menu.addMenu(self._contexts)
        self.menu.addMenu(self._windows)
        self.menu.addSeparator()
        if self._can_start():
            self.menu.addAction(self._open_at_start)
        if self._start:
            self.menu.addAction(self._open_last)
        if self._can_save():
            self.menu.addAction(self._save)
        self.menu.addActions([self._add, self._manage, self._history])
        if self._more:
            self.menu.addSeparator()
            self.menu.addActions(self._more)

    def _add_unusable(self) -> None:
        for name, problem in self._problems.items():
            unusable = self._contexts.addAction(
                without_mnemonic(_("{name}  ·  cannot be used").format(name=name))
            )
            unusable.setEnabled(False)
            set_tooltip(unusable, problem)


def _switch_id(name: str) -> str:
    return f"connections.switch.{name}"


def _emphasize(action: QAction) -> None:
    font = action.font()
    font.setBold(True)
    action.setFont(font)
