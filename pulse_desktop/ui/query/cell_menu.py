"""The part of a row's context menu that filters by what the row shows."""

from collections.abc import Callable, Sequence
from typing import Final

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

from pulse_desktop.text.translation import _
from pulse_desktop.ui.query.cell_filter import CellCondition, CellValue, cell_conditions
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.plain_text import without_mnemonic

Edit = Callable[[Callable[[str], str]], None]
"""Changes the query in force by a function of its text."""

_MAX_INLINE: Final = 1
"""Values of a cell whose conditions are entries of the menu itself."""


def add_cell_entries(
    menu: QMenu, cell: Sequence[CellValue], others: Sequence[CellValue], edit: Edit
) -> None:
    """Add entries for the cell under the pointer, and menus for the other cells of the row.

    Args:
        menu: the context menu.
        cell: the values of the cell.
        others: those of the other cells.
        edit: changes the query.
    """
    if len(cell) <= _MAX_INLINE:
        for value in cell:
            for condition in cell_conditions(value):
                _add(menu, condition, edit, condition.title)
    else:
        others = (*cell, *others)
    wanted = [each for value in others for each in cell_conditions(value) if not each.negated]
    unwanted = [each for value in others for each in cell_conditions(value) if each.negated]
    for title, found in ((_("Only rows with"), wanted), (_("No rows with"), unwanted)):
        if found:
            submenu = menu.addMenu(title)
            for condition in found:
                _add(submenu, condition, edit, condition.label)


def value_menu(menu: QMenu, values: Sequence[CellValue], edit: Edit) -> None:
    """Fill a menu with all conditions that a row offers: the wanted ones, then the others.

    Args:
        menu: the menu.
        values: of the cells of the row.
        edit: changes the query.
    """
    found = [condition for value in values for condition in cell_conditions(value)]
    for condition in found:
        if not condition.negated:
            _add(menu, condition, edit, condition.title)
    unwanted = [condition for condition in found if condition.negated]
    if unwanted:
        submenu = menu.addMenu(_("No rows with"))
        for condition in unwanted:
            _add(submenu, condition, edit, condition.label)


def _add(menu: QMenu, condition: CellCondition, edit: Edit, title: str) -> QAction:
    icon = "minus" if condition.negated else "filter"
    entry = menu.addAction(icons.icon(icon), without_mnemonic(title))
    entry.triggered.connect(lambda _checked=False: edit(condition.apply))
    return entry
