"""The selection bar above a table: the sort order, or what can be done with the selected rows.

It is always visible, so that nothing moves under the pointer while rows are being selected.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton

from pulse_desktop.text import formats
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.model import LiveTableModel
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.plain_text import Label, set_tooltip
from pulse_desktop.ui.theme.style_sheet import set_style_property
from pulse_desktop.ui.theme.theme import theme
from pulse_desktop.ui.widgets.act_button import ActButton

_HEIGHT: Final = 40


@dataclass(frozen=True)
class SelectionButton:
    """A button for the selected rows.

    Attributes:
        title: returns the label for a number of selected rows.
        icon: name of an icon.
        run: called when the button is clicked.
        tooltip: of the button.
        primary: whether it is the main action.
        acts: whether it acts on the server, which a read-only connection does not allow.
        enabled: returns whether it can do anything with the selected rows, None for always.
    """

    title: Callable[[int], str]
    icon: str
    run: Callable[[], object]
    tooltip: str = ""
    primary: bool = False
    acts: bool = False
    enabled: Callable[[], bool] | None = None


class SelectionBar(QFrame):
    """A quiet line that becomes a band with buttons when several rows are selected.

    Attributes:
        label: the sort order, or the number of selected rows.
        buttons: one per `SelectionButton`.
        select_all: selects all rows that match the filter.
        select_none: clears the selection.

    Signals:
        all_requested: select all rows that match the filter.
        none_requested: clear the selection.
    """

    all_requested = Signal()
    none_requested = Signal()

    def __init__(self, hint: str, buttons: Sequence[SelectionButton]) -> None:
        """Create a bar.

        Args:
            hint: what keys can do, shown while fewer than two rows are selected.
            buttons: what can be done with the selected rows.
        """
        super().__init__()
        self.setFixedHeight(_HEIGHT)
        self._specs = tuple(buttons)
        self._several = False
        self._can_select_more = False
        self.label = Label()
        self.buttons = [self._make_button(spec) for spec in buttons]
        self.select_all = QPushButton()
        self.select_none = QPushButton(_("Select none"))
        self._hint = Label(hint)
        self._hint.setProperty("role", "faint")
        for button in (self.select_all, self.select_none):
            button.setProperty("kind", "ghost")
        layout = self._layout = QHBoxLayout(self)
        layout.setContentsMargins(10, 0, 8, 0)
        layout.setSpacing(8)
        for widget in (self.label, *self.buttons):
            layout.addWidget(widget)
        layout.addStretch(1)
        for widget in (self._hint, self.select_all, self.select_none):
            layout.addWidget(widget)
        self.select_all.clicked.connect(self.all_requested)
        self.select_none.clicked.connect(self.none_requested)
        theme().changed.connect(self._apply_theme)
        self._apply_theme()
        self.show_selection(0, 0, "")

    @staticmethod
    def _make_button(spec: SelectionButton) -> QPushButton:
        button = (ActButton if spec.acts else QPushButton)(spec.title(0))
        set_tooltip(button, spec.tooltip)
        if spec.primary:
            button.setProperty("kind", "primary")
        button.clicked.connect(spec.run)
        return button

    def show_selection(self, selected: int, shown: int, order: str) -> None:
        """Show what is selected.

        Args:
            selected: number of selected rows.
            shown: number of rows that can be selected.
            order: text about the sort order.
        """
        several = selected > 1
        set_style_property(self, "card", "band" if several else "strip")
        set_style_property(self.label, "role", "title" if several else "muted")
        number = formats.count(selected)
        self.label.setText(_("{count} selected").format(count=number) if several else order)
        self.select_all.setText(_("Select all {count}").format(count=formats.count(shown)))
        for spec, button in zip(self._specs, self.buttons, strict=True):
            button.setText(spec.title(selected))
            if several and spec.enabled is not None:
                button.setEnabled(spec.enabled())
        for button in self.buttons:
            button.setVisible(several)
        self._several = several
        self._can_select_more = several and selected < shown
        self._hide_what_does_not_fit()

    def _hide_what_does_not_fit(self) -> None:
        if not self._several:
            self.select_all.hide()
            self.select_none.hide()
            needed = self._hint.sizeHint().width() + self.label.sizeHint().width() + 40
            self._hint.setVisible(self.width() > needed)
            return
        self._hint.hide()
        margins = self._layout.contentsMargins()
        room = self.width() - margins.left() - margins.right()
        for widget in (self.label, *self.buttons):
            room -= widget.sizeHint().width() + self._layout.spacing()
        for button, wanted in (
            (self.select_all, self._can_select_more),
            (self.select_none, True),
        ):
            room -= (button.sizeHint().width() + self._layout.spacing()) if wanted else 0
            button.setVisible(wanted and room >= 0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Hide what does not fit."""
        super().resizeEvent(event)
        self._hide_what_does_not_fit()

    def _apply_theme(self) -> None:
        for spec, button in zip(self._specs, self.buttons, strict=True):
            color = "on_accent" if spec.primary else SemanticColor.MUTED
            icons.set_button_icon(button, spec.icon, color)


def sort_text(model: LiveTableModel[Any]) -> str:
    """Return a table's sort order as text, such as "Sorted by Duration, largest first"."""
    if not model.sort_key:
        return _("Last received on top")
    column = next(column for column in model.columns if column.key == model.sort_key)
    if column.is_time:
        up, down = _("Sorted by {column}, oldest first"), _("Sorted by {column}, newest first")
    elif column.align == "right":
        up, down = _("Sorted by {column}, smallest first"), _("Sorted by {column}, largest first")
    elif _has_ranks(column, model):
        up, down = _("Sorted by {column}"), _("Sorted by {column}, reversed")
    else:
        up, down = _("Sorted by {column}, A–Z"), _("Sorted by {column}, Z–A")
    return (down if model.descending else up).format(column=column.title)


def _has_ranks(column: Column[Any], model: LiveTableModel[Any]) -> bool:
    """Return whether words are sorted by what they mean, such as states; the first row tells."""
    row = model.row_object(0)
    return row is not None and column.sort is not None and isinstance(column.sort(row), int | float)
