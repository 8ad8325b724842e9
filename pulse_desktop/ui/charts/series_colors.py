"""A colour for each thing that has a line in a chart, the same for as long as the page lives."""

from collections.abc import Iterable, Mapping
from typing import Final

from pulse_desktop.state.series import Reservoir
from pulse_desktop.ui.charts.colors import sequence_colour
from pulse_desktop.ui.charts.time_chart import SeriesSpec

MOST_LINES: Final = 7
"""More lines than colours that can be told apart would say nothing."""


class SeriesColors:
    """Gives out colours: a name keeps its own while it is shown, and after if nobody needs it."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def specs(self, names: Iterable[str], *, fill: bool = False) -> list[SeriesSpec]:
        """Return a series for each name, in its colour."""
        shown = list(names)
        for name in shown:
            if name not in self._numbers:
                self._numbers[name] = self._free_number(shown)
        return [SeriesSpec(name, sequence_colour(self._numbers[name]), fill) for name in shown]

    def _free_number(self, shown: list[str]) -> int:
        taken = set(self._numbers.values())
        if len(taken) >= MOST_LINES:
            for name in [name for name in self._numbers if name not in shown]:
                del self._numbers[name]
            taken = set(self._numbers.values())
        return next(number for number in range(len(taken) + 1) if number not in taken)

    @staticmethod
    def busiest(series: Mapping[str, Reservoir], since: float) -> dict[str, Reservoir]:
        """Return the series that were sampled since a time: at most seven, in order of name.

        Args:
            series: samples by name.
            since: Unix seconds.
        """
        sampled = {
            name: len(each.samples)
            for name, each in series.items()
            if each.samples and each.samples[-1][0] >= since
        }
        most = sorted(sampled, key=lambda name: (-sampled[name], name))[:MOST_LINES]
        return {name: series[name] for name in sorted(most)}
