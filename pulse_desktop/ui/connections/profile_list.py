"""List of connection profiles, each with its color; those that are not valid are at the end.

A second line says the kind of system, whether the profile is read-only, and whether a window shows
it or opens it next time.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QWidget

from pulse_desktop.profiles.profile import Profile
from pulse_desktop.text.printable import printable_cell
from pulse_desktop.text.profile_text import environment_text
from pulse_desktop.text.translation import _
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.plain_text import set_tooltip
from pulse_desktop.ui.theme.theme import theme
from pulse_desktop.ui.widgets.profile_icon import profile_icon

_WIDTH: Final = 220
_ROW_PADDING: Final = 10
_NAME_ROLE: Final = Qt.ItemDataRole.UserRole


@dataclass(frozen=True)
class ProfilesInUse:
    """Which profiles are used.

    Attributes:
        open: names of those that a window shows.
        at_start: name of the one that opens next time.
    """

    open: Collection[str] = ()
    at_start: str = ""


class ProfileList(QListWidget):
    """The list.

    Attributes:
        profiles: the valid ones, by their names.
        problems: why others are not valid, by their names.
        find_in_use: returns which are used now.

    Signals:
        chosen: name of the profile that the operator chose, valid or not.
    """

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.profiles: Mapping[str, Profile] = {}
        self.problems: Mapping[str, str] = {}
        self.find_in_use: Callable[[], ProfilesInUse] = ProfilesInUse
        self.setAccessibleName(_("Connections"))
        self.setFixedWidth(_WIDTH)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.currentItemChanged.connect(self._choose)
        theme().changed.connect(self._apply_theme)

    def show_profiles(self, profiles: Sequence[Profile], problems: Mapping[str, str]) -> None:
        """Fill the list; nothing is chosen.

        Args:
            profiles: the valid ones.
            problems: why others are not valid, by their names.
        """
        self.profiles = {profile.name: profile for profile in profiles}
        self.problems = dict(problems)
        self.blockSignals(True)
        self.clear()
        for profile in profiles:
            self._add(profile.name, "")
        for name, problem in problems.items():
            item = self._add(name, _("{name}: not valid").format(name=printable_cell(name)))
            item.setData(Qt.ItemDataRole.AccessibleDescriptionRole, printable_cell(problem))
        self.setCurrentRow(-1)
        self.blockSignals(False)
        self.show_in_use()
        self._apply_theme()

    def show_in_use(self) -> None:
        """Say which profiles are used now."""
        used = self.find_in_use()
        for row in range(self.count()):
            item = self.item(row)
            profile = self.profiles.get(item.data(_NAME_ROLE))
            if profile is None:
                continue
            marks = (
                environment_text(profile.environment) if profile.environment else "",
                _("read-only") if profile.read_only else "",
                _("open") if profile.name in used.open else "",
                _("opens at the start") if profile.name == used.at_start else "",
            )
            name, text = printable_cell(profile.name), " · ".join(filter(None, marks))
            item.setText(f"{name}\n{text}" if text else name)
            set_tooltip(item, name)
            spoken = ", ".join(filter(None, (name, *marks)))
            item.setData(Qt.ItemDataRole.AccessibleTextRole, spoken)
            self._fit(item)

    def select(self, name: str) -> None:
        """Select a profile, or none if there is none of this name; `chosen` is not emitted."""
        self.blockSignals(True)
        names = [self.item(row).data(_NAME_ROLE) for row in range(self.count())]
        self.setCurrentRow(names.index(name) if name in names else -1)
        self.blockSignals(False)

    def _add(self, name: str, text: str) -> QListWidgetItem:
        item = QListWidgetItem(text)
        item.setData(_NAME_ROLE, name)
        self._fit(item)
        self.addItem(item)
        return item

    def _fit(self, item: QListWidgetItem) -> None:
        """Make an item as wide as the list, so that a long name is cut visibly."""
        lines = item.text().count("\n") + 1
        item.setSizeHint(QSize(0, lines * self.fontMetrics().lineSpacing() + _ROW_PADDING))

    def _choose(self, item: QListWidgetItem | None) -> None:
        if item is not None:
            self.chosen.emit(item.data(_NAME_ROLE))

    def _apply_theme(self) -> None:
        for row in range(self.count()):
            item = self.item(row)
            profile = self.profiles.get(item.data(_NAME_ROLE))
            warning = icons.icon("warning", "warning")
            item.setIcon(profile_icon(profile) if profile is not None else warning)
