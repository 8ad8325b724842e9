"""Colors of charts: those of the theme by name, and one color per series."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pulse_desktop.ui.theme.theme import Theme

# The line colors of the topics can be told apart with every common color blindness.
_SEQUENCE: Final = (
    *("tasks", "providers", "knowledge", "agents", "metrics", "messages", "monitoring"),
)
MAX_SERIES: Final = len(_SEQUENCE)
"""More lines than colors that can be told apart would be unreadable."""


@dataclass(frozen=True)
class ChartColors:
    """Colors as `#rrggbb`.

    Attributes:
        surface: background of the chart.
        raised: background of the tooltip.
        grid: horizontal lines.
        border: frame of the tooltip.
        text: values in the tooltip, title.
        muted: tick labels, subtitle, names of hidden series.
        crosshair: vertical line under the pointer.
        focus: ring around what has the keyboard focus.
        named: further colors that a series may name.
    """

    surface: str
    raised: str
    grid: str
    border: str
    text: str
    muted: str
    crosshair: str
    focus: str
    named: dict[str, str]

    def resolve(self, color: str) -> str:
        """Return a named color as `#rrggbb`; a literal is returned unchanged.

        Raises:
            KeyError: the theme has no such color.
        """
        return color if color.startswith("#") else self.named[color]


def chart_colors(theme: Theme) -> ChartColors:
    """Return the chart colors of a theme.

    A series may name any color token ("good"), the line color of a topic ("topic agents"), or one
    of a sequence for series without a color of their own ("series 0", "series 1", …).
    """
    colors, topics = theme.tokens.colors, theme.tokens.topics
    named = dict(colors)
    named.update({f"topic {topic}": color for topic, color in topics.items()})
    named.update({f"series {i}": topics[topic] for i, topic in enumerate(_SEQUENCE)})
    return ChartColors(
        surface=colors["surface"],
        raised=colors["raised"],
        grid=colors["grid"],
        border=colors["border_strong"],
        text=colors["text"],
        muted=colors["faint"],
        crosshair=colors["crosshair"],
        focus=colors["accent"],
        named=named,
    )


def sequence_color(index: int) -> str:
    """Return the name of the color of the n-th series; they repeat after seven."""
    return f"series {index % len(_SEQUENCE)}"


@dataclass(frozen=True)
class SeriesSpec:
    """One line of a chart.

    Attributes:
        name: label in the legend; also the key of its data.
        color: `#rrggbb` or a name from `ChartColors`.
        fill: whether the area under the line is tinted.
    """

    name: str
    color: str
    fill: bool = False


class SeriesColors:
    """Assigns colors to names.

    A name keeps its color while it is shown, and afterwards until the color is needed.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def specs(self, names: Iterable[str]) -> list[SeriesSpec]:
        """Return a series for each name."""
        shown = list(names)
        for name in shown:
            if name not in self._numbers:
                self._numbers[name] = self._free_number(shown)
        return [SeriesSpec(name, sequence_color(self._numbers[name])) for name in shown]

    def _free_number(self, shown: list[str]) -> int:
        taken = set(self._numbers.values())
        if len(taken) >= MAX_SERIES:
            for name in [name for name in self._numbers if name not in shown]:
                del self._numbers[name]
            taken = set(self._numbers.values())
        return next(number for number in range(len(taken) + 1) if number not in taken)
