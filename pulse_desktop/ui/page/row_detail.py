"""The usual detail panel: heading, text, properties and JSON of one row."""

from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from pulse_desktop.text.semantic_color import SemanticColor, subdued
from pulse_desktop.text.translation import _
from pulse_desktop.ui.clipboard import copy_text
from pulse_desktop.ui.json.view import JsonView
from pulse_desktop.ui.page.detail_panel import DetailPanel
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.plain_text import Label, set_tooltip
from pulse_desktop.ui.theme.style_sheet import set_style_property
from pulse_desktop.ui.theme.theme import theme
from pulse_desktop.ui.widgets.property_list import PropertyList
from pulse_desktop.ui.widgets.wrapped_label import WrappedLabel

_MAX_BODY: Final = 20_000
_MIN_JSON_HEIGHT: Final = 132
"""Fits the details of a result in the smallest window: nested scroll bars would confuse."""
_MARGIN: Final = 14


class RowDetail(DetailPanel):
    """Heading, text, properties, further widgets, and the JSON of a row.

    Attributes:
        properties: names and values.
        json: the event or value as received.
        show_run_button: shows the run of the row.
    """

    def __init__(self, name: str, json_name: str) -> None:
        """Create an empty panel.

        Args:
            name: accessible name, such as "Details of the message".
            json_name: accessible name of the JSON, such as "Event of the message".
        """
        super().__init__(name)
        self._task_id = ""
        self._text_to_copy = ""
        self._icon_name, self._color = "", SemanticColor.TEXT
        self._icon = Label()
        self._icon.setContentsMargins(0, 7, 0, 0)  # aligned with the title beside the button
        self._title = WrappedLabel()
        self._title.setProperty("role", "heading")
        self._subtitle = WrappedLabel()
        self._subtitle.setProperty("role", "muted")
        self._body = WrappedLabel()
        for label in (self._title, self._subtitle, self._body):
            label.setWordWrap(True)
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.show_run_button = QPushButton(_("Open run"))
        set_tooltip(self.show_run_button, _("Show the task run of this row"))
        self.show_run_button.clicked.connect(lambda: self.show_run_requested.emit(self._task_id))
        self._copy = QPushButton(_("Copy text"))
        self._copy.clicked.connect(lambda: copy_text(self._text_to_copy))
        self.properties = PropertyList()
        self.json = JsonView(json_name)
        self.json.setMinimumHeight(_MIN_JSON_HEIGHT)
        # Its size hint is ignored: it gets the remaining height and scrolls by itself.
        self.json.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Ignored)
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(8)
        self._widgets = QVBoxLayout()
        self._widgets.setSpacing(12)
        self._lay_out()
        theme().changed.connect(self._show_icon)
        self._show_icon()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(8)
        top = Qt.AlignmentFlag.AlignTop
        self._title.setContentsMargins(0, 5, 0, 0)
        head.addWidget(self._icon, 0, top)
        head.addWidget(self._title, 1, top)
        head.addWidget(self.close_button, 0, top)
        for button in (self.show_run_button, self._copy):
            self._buttons.addWidget(button)
        self._buttons.addStretch(1)
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(_MARGIN, 10, _MARGIN, _MARGIN)
        column.setSpacing(10)
        column.addLayout(head)
        column.addWidget(self._subtitle)
        column.addLayout(self._buttons)
        column.addWidget(self._body)
        column.addWidget(self.properties)
        column.addLayout(self._widgets)
        column.addWidget(self.json, 1)
        self._add_scrolled(inside)

    @property
    def title(self) -> str:
        """The title."""
        return self._title.full_text

    @property
    def subtitle(self) -> str:
        """The line below the title."""
        return self._subtitle.full_text

    @property
    def body(self) -> str:
        """The text below the buttons."""
        return self._body.full_text

    def set_heading(
        self, title: str, subtitle: str = "", icon: str = "", color: SemanticColor | None = None
    ) -> None:
        """Set the heading.

        Args:
            title: name of the thing.
            subtitle: quiet line below, empty for none.
            icon: name or glyph of an icon before the title, empty for none.
            color: of the icon, None for that of ordinary text.
        """
        self._title.show_text(title)
        self._subtitle.show_text(subtitle)
        self._subtitle.setVisible(bool(subtitle))
        self._icon_name, self._color = icon, color or SemanticColor.TEXT
        self._show_icon()

    def set_body(self, text: str, color: SemanticColor | None = None, *, copy: bool = True) -> None:
        """Show a longer text, empty for none, and offer to copy it."""
        shown = text if len(text) <= _MAX_BODY else f"{text[:_MAX_BODY]}…"
        self._body.show_text(shown)
        self._body.setVisible(bool(text))
        set_style_property(self._body, "color", color.value if color is not None else "")
        self._text_to_copy = text
        self._copy.setVisible(bool(text) and copy)

    def set_run(self, task_id: str) -> None:
        """Set the run that the button shows; an empty id hides the button."""
        self._task_id = task_id
        self.show_run_button.setVisible(bool(task_id))

    def add_widget(self, widget: QWidget) -> None:
        """Add a widget between the properties and the JSON."""
        self._widgets.addWidget(widget)

    def add_button(self, button: QPushButton) -> None:
        """Add a button before the others."""
        self._buttons.insertWidget(0, button)

    def set_stale(self, *, stale: bool) -> None:
        """Show the row without the colors that judge it, or with those again."""
        is_other = stale != self.is_stale
        super().set_stale(stale=stale)
        if is_other:
            self._show_icon()

    def _show_icon(self) -> None:
        self._icon.setVisible(bool(self._icon_name))
        if self._icon_name:
            color = subdued(self._color) if self.is_stale else self._color
            ratio = self.devicePixelRatioF()
            self._icon.setPixmap(icons.pixmap(self._icon_name, color, 16, ratio))
