"""The button with the time range of the window, in the top bar."""

from functools import cached_property
from typing import Final

from PySide6.QtCore import QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QPushButton, QSizePolicy

from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.time_range_text import range_title, short_titles, zone_text
from pulse_desktop.text.translation import _
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.plain_text import set_tooltip
from pulse_desktop.ui.theme.style_sheet import set_style_property
from pulse_desktop.ui.theme.theme import theme
from pulse_desktop.ui.time.range_picker import RangePicker
from pulse_desktop.ui.time.window_time import WindowTime

_MAX_TEXT: Final = 16
"""Longer titles are in the banner of the past, and in the tooltip."""


class RangeButton(QPushButton):
    """Shows the range and opens the picker. In little room its text is short."""

    def __init__(self, window_time: WindowTime) -> None:
        super().__init__()
        self._time = window_time
        self._texts: tuple[str, ...] = ("",)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.clicked.connect(self.open_picker)
        window_time.changed.connect(self.show_range)
        theme().changed.connect(self.show_range)
        self.show_range()

    @cached_property
    def picker(self) -> RangePicker:
        """The list of ranges; it is created when it is first needed."""
        picker = RangePicker(self._time, self)
        picker.chosen.connect(self._time.set_range)
        return picker

    def open_picker(self) -> None:
        """Show the list of ranges, or hide it."""
        if self.picker.isVisible():
            self.picker.close()
        else:
            self.picker.open_below(self)

    def show_range(self) -> None:
        """Show the present range."""
        now, live = self._time.now(), self._time.is_live
        title = range_title(self._time.range, now)
        texts = (title, *short_titles(self._time.range, now))
        if len(title) > _MAX_TEXT:
            texts = texts[1:]
        self._texts = texts
        self.setAccessibleName(_("Time range: {range}").format(range=title))
        text = _("Time range of the window: {range}. Times in {zone} (Ctrl+T)")
        set_tooltip(self, text.format(range=title, zone=zone_text(now)))
        set_style_property(self, "past", "" if live else "true")
        self._fit()
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        """Return the size that the text needs."""
        return self._size_of(self._texts[0])

    def minimumSizeHint(self) -> QSize:
        """Return the size that the shortest text needs."""
        return self._size_of(self._texts[-1])

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show the text if there is room for it."""
        super().resizeEvent(event)
        self._fit()

    def _size_of(self, text: str) -> QSize:
        hint, metrics = super().sizeHint(), self.fontMetrics()
        shown = metrics.horizontalAdvance(self.text())
        return QSize(hint.width() - shown + metrics.horizontalAdvance(text), hint.height())

    def _fit(self) -> None:
        fitting = (each for each in self._texts if self.width() >= self._size_of(each).width())
        self.setText(next(fitting, self._texts[-1]))
        color = SemanticColor.MUTED if self._time.is_live else SemanticColor.WARNING
        icons.set_button_icon(self, "clock", color)
