"""The series of a chart: their curves and bars, their values, and what lies at a point."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
import pyqtgraph as pg

from pulse_desktop.ui.charts.colors import ChartColors, SeriesSpec
from pulse_desktop.ui.charts.curve import Curve, SeriesBars
from pulse_desktop.ui.charts.resampling import FloatArray, spacing
from pulse_desktop.ui.charts.scale import typical_top

_EMPTY: Final[FloatArray] = np.empty(0)
_CLICK_REACH: Final = 0.08
"""How far from a line a click still means it, as a fraction of the height."""


class PlottedSeries:
    """Lines, or bars on top of each other, over one grid of times.

    Attributes:
        specs: the series.
        times: Unix seconds, ascending.
    """

    def __init__(self, plot: pg.PlotItem, is_visible: Callable[[str], bool]) -> None:
        """Create it without series.

        Args:
            plot: what they are drawn in.
            is_visible: returns whether a series is switched on.
        """
        self._plot = plot
        self._is_visible = is_visible
        self._curves: dict[str, Curve | SeriesBars] = {}
        self._values: dict[str, FloatArray] = {}
        self.specs: list[SeriesSpec] = []
        self.times: FloatArray = _EMPTY

    @property
    def empty(self) -> bool:
        """Whether no series has a value."""
        return not any(
            np.isfinite(values).any()
            for name, values in self._values.items()
            if name in self._curves
        )

    @property
    def point_s(self) -> float:
        """Seconds from one point to the next, 0 if there is only one."""
        return spacing(self.times)

    def curve(self, name: str) -> Curve:
        """Return the curve of a series. Raises KeyError: there is no such line."""
        curve = self._curves[name]
        if not isinstance(curve, Curve):
            raise KeyError(name)
        return curve

    def set_specs(self, specs: Sequence[SeriesSpec], colors: ChartColors) -> None:
        """Change the series."""
        for curve in self._curves.values():
            curve.remove()
        self.specs = list(specs)
        self._curves = {
            spec.name: SeriesBars(self._plot)
            if spec.stacked
            else Curve(self._plot, fill=spec.fill, dash=spec.dash)
            for spec in specs
        }
        self.set_colors(colors)

    def set_colors(self, colors: ChartColors) -> None:
        """Use the colors of another theme."""
        for spec in self.specs:
            self._curves[spec.name].set_color(colors.resolve(spec.color))

    def set_data(self, times: FloatArray, values: Mapping[str, FloatArray]) -> None:
        """Change the values by series; one that is missing has none."""
        self.times, self._values = times, dict(values)

    def draw(self) -> None:
        """Draw the values of the series that are switched on."""
        base = np.zeros(self.times.shape)
        for name, curve in self._curves.items():
            series, visible = self._values.get(name), self._is_visible(name)
            times = _EMPTY if series is None else self.times
            if series is None:
                series = _EMPTY
            if isinstance(curve, Curve):
                curve.set_data(times, series)
            elif times.size and visible:
                heights = np.nan_to_num(series)
                width = self.point_s or 1.0
                curve.set_bars(times - width / 2, width, base, heights)
                base = base + heights
            curve.set_visible(visible)

    def visible(self) -> list[tuple[SeriesSpec, FloatArray]]:
        """Return the series that are switched on and have values."""
        return [
            (spec, self._values[spec.name])
            for spec in self.specs
            if spec.name in self._values and self._is_visible(spec.name)
        ]

    def typical_top(self) -> float:
        """Return the value at the upper edge: that of the highest bar, or of the usual values."""
        shown = self.visible()
        bars = [np.nan_to_num(values) for spec, values in shown if spec.stacked]
        if bars:
            return float(np.sum(bars, axis=0).max(initial=0.0))
        return max((typical_top(values) for _spec, values in shown), default=0.0)

    def above(self, top: float) -> list[tuple[float, float, SeriesSpec]]:
        """Return time, value and series of the values above the upper edge."""
        return [
            (float(self.times[index]), float(values[index]), spec)
            for spec, values in self.visible()
            for index in np.flatnonzero(np.nan_to_num(values) > top * (1 + 1e-9)).tolist()
        ]

    def key_at(self, at: float, value: float, top: float) -> str:
        """Return the key of the bar at a time and value, or of a line near them; "" for none.

        Args:
            at: Unix seconds.
            value: the value there.
            top: value at the upper edge of the chart.
        """
        if not self.times.size:
            return ""
        index = int(np.abs(self.times - at).argmin())
        nearest, distance, base = "", top * _CLICK_REACH, 0.0
        for spec, values in self.visible():
            height = float(values[index])
            if math.isnan(height):
                continue
            if spec.stacked:
                if base <= value <= base + height:
                    return spec.key
                base += height
            elif abs(height - value) <= distance:
                nearest, distance = spec.key, abs(height - value)
        return nearest

    def bar_span(self, key: str, at: float) -> tuple[float, float] | None:
        """Return both sides of the bar of a series at a time, Unix seconds; None for a line."""
        is_bar = any(spec.key == key and spec.stacked for spec in self.specs)
        if not is_bar or not self.times.size or math.isnan(at):
            return None
        middle = float(self.times[np.abs(self.times - at).argmin()])
        half = (self.point_s or 1.0) / 2
        return middle - half, middle + half
