"""Live chart over time: values at a crosshair, a selected span of time, a series to filter by."""

import math

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QApplication

from pulse_desktop.text.translation import _
from pulse_desktop.ui.charts.chart_canvas import ChartCanvas
from pulse_desktop.ui.charts.crosshair import VisibleData
from pulse_desktop.ui.charts.scale import Unit


class TimeChart(ChartCanvas):
    """A chart that is read and selected in, by pointer and by keys.

    Signals:
        range_selected: Unix seconds at both ends of what was selected, in order. The end is
            infinite when the present was selected: that of a live chart.
        zoom_out_requested: more time was asked for.
        series_chosen: key of a series to filter by.
        bar_chosen: key of a series, and Unix seconds at both sides of a bar, to filter by.
        crosshair_moved: Unix seconds at the crosshair, NaN when it was hidden.
    """

    range_selected = Signal(float, float)
    zoom_out_requested = Signal()
    series_chosen = Signal(str)
    bar_chosen = Signal(str, float, float)
    crosshair_moved = Signal(float)

    def __init__(self, title: str, unit: Unit, *, subtitle: str = "", empty_text: str = "") -> None:
        """Create an empty chart; see `ChartCanvas`."""
        super().__init__(title, unit, subtitle=subtitle, empty_text=empty_text)
        self.setAccessibleDescription(
            _(
                "Chart. The left and right arrow keys show values, with Shift they select a time "
                "range that Enter shows. Up and down pick a series; Enter filters by it, "
                "and for a bar by its time too. "
                "Plus and minus show less or more time."
            )
        )
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.header.legend.chosen.connect(self._choose_name)
        self.plot.pointer_moved.connect(self._pointer_moved)
        self.plot.selected.connect(self.range_selected)
        self.plot.clicked.connect(self._on_clicked)
        self.plot.double_clicked.connect(self._on_double_clicked)
        self._click_timer = QTimer(self)
        self._click_timer.setObjectName("chart click")
        self._click_timer.setSingleShot(True)
        self._click_timer.timeout.connect(self._choose_clicked)
        self._clicked: tuple[str, tuple[float, float] | None] = "", None

    def set_clickable(self, *, clickable: bool) -> None:
        """Offer to filter by a series with a click on it."""
        self._clickable = clickable
        self._update_legend()

    def show_crosshair(self, at: float) -> None:
        """Show the values at a time, or none if it is NaN, without a signal."""
        self._crosshair.show_nearest(at, self._visible_data())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move the crosshair with the arrow keys."""
        match event.key():
            case Qt.Key.Key_Escape if self.plot.cancel_selection():
                pass
            case Qt.Key.Key_Escape if self._crosshair.index is not None:
                self._picked = ""
                self._crosshair.hide()
                self.crosshair_moved.emit(math.nan)
            case Qt.Key.Key_Left | Qt.Key.Key_Right | Qt.Key.Key_Home | Qt.Key.Key_End:
                selects = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
                self._move_crosshair(event.key(), selects=selects)
            case Qt.Key.Key_Up | Qt.Key.Key_Down if self._crosshair.index is not None:
                self._pick(1 if event.key() == Qt.Key.Key_Down else -1)
            case Qt.Key.Key_Return | Qt.Key.Key_Enter if self.plot.selection is not None:
                start, end = sorted(self.plot.selection)
                self.plot.cancel_selection()
                if start != end:
                    self.range_selected.emit(start, end)
            case Qt.Key.Key_Return | Qt.Key.Key_Enter if self._picked:
                self._choose_picked()
            case Qt.Key.Key_Plus | Qt.Key.Key_Equal:
                self._zoom_in()
            case Qt.Key.Key_Minus:
                self.zoom_out_requested.emit()
            case _:
                super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Hide the crosshair."""
        super().focusOutEvent(event)
        self.plot.cancel_selection()
        self._picked = ""
        self._crosshair.hide()
        self.crosshair_moved.emit(math.nan)

    def _pointer_moved(self, at: float) -> None:
        self._crosshair.show_nearest(at, self._visible_data())
        self.crosshair_moved.emit(at)

    # Selecting

    def _move_crosshair(self, key: int, *, selects: bool) -> None:
        """Move the crosshair, and select from where it was with Shift."""
        data, index = self._visible_data(), self._crosshair.index
        origin = None if index is None else self._selectable(index, data)
        self._crosshair.move(key, data)
        if self._crosshair.index is None:
            return
        at = self._selectable(self._crosshair.index, data)
        if not selects:
            self.plot.cancel_selection()
        elif self.plot.selection is not None:
            self.plot.set_selection((self.plot.selection[0], at))
        elif origin is not None:
            self.plot.set_selection((origin, at))
        self.crosshair_moved.emit(float(data.times[self._crosshair.index]))

    def _selectable(self, index: int, data: VisibleData) -> float:
        """Return the time that the keys select at an index: the last of a live chart is now."""
        is_last = index >= max(data.known, default=index)
        return math.inf if self.plot.is_live and is_last else float(data.times[index])

    def _pick(self, step: int) -> None:
        """Pick the next or previous visible series, to filter by it."""
        names = [name for _color, name, _values in self._visible_data().series]
        if names:
            at = names.index(self._picked) if self._picked in names else (-1 if step > 0 else 0)
            self._picked = names[(at + step) % len(names)]
            self._crosshair.refresh(self._visible_data())

    def _zoom_in(self) -> None:
        """Select the half of the time around the crosshair; the end of a live chart is live."""
        start, end = self.visible_time_range
        at = self._crosshair.at
        middle = (start + end) / 2 if at is None else at
        quarter = (end - start) / 4
        middle = min(max(middle, start + quarter), end - quarter)
        is_last = self.plot.is_live and middle >= end - quarter
        self.range_selected.emit(middle - quarter, math.inf if is_last else middle + quarter)

    # Filtering

    def _on_clicked(self, at: float, value: float) -> None:
        _x_range, (_low, top) = self.plot.visible_range
        key = self._series.key_at(at, value, top)
        if key and self._clickable:
            self._clicked = key, self._series.bar_span(key, at)
            self._click_timer.start(QApplication.doubleClickInterval())

    def _on_double_clicked(self) -> None:
        self._click_timer.stop()
        self.zoom_out_requested.emit()

    def _choose_clicked(self) -> None:
        self._choose(*self._clicked)

    def _choose_picked(self) -> None:
        """Filter by the series that the keys have picked, at the crosshair."""
        key, at = self._key_of(self._picked), self._crosshair.at
        if key and self._clickable:
            self._choose(key, self._series.bar_span(key, math.nan if at is None else at))

    def _choose_name(self, name: str) -> None:
        key = self._key_of(name)
        if key and self._clickable:
            self.series_chosen.emit(key)

    def _choose(self, key: str, bar: tuple[float, float] | None) -> None:
        if bar is None:
            self.series_chosen.emit(key)
        else:
            self.bar_chosen.emit(key, *bar)

    def _key_of(self, name: str) -> str:
        return next((spec.key for spec in self._series.specs if spec.name == name), "")
