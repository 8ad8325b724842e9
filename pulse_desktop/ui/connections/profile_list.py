"""List of connection profiles, each with its color; those that are not valid are at the end."""

from collections.abc import Mapping, Sequence
from typing import Final

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QWidget

from pulse_desktop.profiles.profile import Profile
from pulse_desktop.text.printable import printable_cell
from pulse_desktop.text.profile_text import environment_text
from pulse_desktop.text.translation import _
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.theme import theme

_WIDTH: Final = 220
_ROW_PADDING: Final = 8
_NAME_ROLE: Final = Qt.ItemDataRole.UserRole


class ProfileList(QListWidget):
    """The list.

    Attributes:
        profiles: the valid ones, by their names.
        problems: why others are not valid, by their names.

    Signals:
        chosen: name of the profile that the operator chose, valid or not.
    """

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.profiles: Mapping[str, Profile] = {}
        self.problems: Mapping[str, str] = {}
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
            kind = environment_text(profile.environment) if profile.environment else ""
            item = self._add(profile.name, printable_cell(profile.name))
            spoken = ", ".join(filter(None, (printable_cell(profile.name), kind)))
            item.setData(Qt.ItemDataRole.AccessibleTextRole, spoken)
        for name, problem in problems.items():
            item = self._add(name, _("{name}: not valid").format(name=printable_cell(name)))
            item.setData(Qt.ItemDataRole.AccessibleDescriptionRole, printable_cell(problem))
        self.setCurrentRow(-1)
        self.blockSignals(False)
        self._apply_theme()

    def select(self, name: str) -> None:
        """Select a profile, or none if there is none of this name; `chosen` is not emitted."""
        self.blockSignals(True)
        names = [self.item(row).data(_NAME_ROLE) for row in range(self.count())]
        self.setCurrentRow(names.index(name) if name in names else -1)
        self.blockSignals(False)

    def _add(self, name: str, text: str) -> QListWidgetItem:
        item = QListWidgetItem(text)
        item.setData(_NAME_ROLE, name)
        # As wide as the list, so that a long name is cut visibly.
        item.setSizeHint(QSize(0, self.fontMetrics().height() + _ROW_PADDING))
        self.addItem(item)
        return item

    def _choose(self, item: QListWidgetItem | None) -> None:
        if item is not None:
            self.chosen.emit(item.data(_NAME_ROLE))

    def _apply_theme(self) -> None:
        for row in range(self.count()):
            item = self.item(row)
            profile = self.profiles.get(item.data(_NAME_ROLE))
            color = profile.effective_color if profile is not None else None
            if profile is None:
                item.setIcon(icons.icon("warning", "warning"))
            elif color is None:
                item.setIcon(icons.icon("ring"))
            else:
                item.setIcon(icons.icon("dot", theme().profile(color.value).name()))
