"""Colors of charts: those of the theme by name, and one color per series."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from zlib import crc32

from pulse_desktop.ui.theme.theme import Theme

# The line colors of the topics can be told apart with every common color blindness.
_SEQUENCE: Final = (
    *("tasks", "providers", "knowledge", "agents", "metrics", "messages", "monitoring"),
)
_MAX_NAMES: Final = 2_000
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
    """One series of a chart.

    Attributes:
        name: label in the legend; also the key of its data.
        color: `#rrggbb` or a name from `ChartColors`.
        fill: whether the area under the line is tinted.
        dash: which of the `DASHES` its line has, so that color is not the only difference.
        stacked: whether its values are bars, on top of those of the series before it.
        key: what it stands for, such as the name of a task or a state; empty if a click on it has
            no meaning.
        glyph: character before the name in the legend, empty for none.
    """

    name: str
    color: str
    fill: bool = False
    dash: int = 0
    stacked: bool = False
    key: str = ""
    glyph: str = ""


def percentile_specs(*names: str) -> list[SeriesSpec]:
    """Return a series for each percentile, from the lowest; color and dash differ."""
    return [
        SeriesSpec(name, color, dash=dash)
        for name, (color, dash) in zip(names, _PERCENTILES, strict=False)
    ]


_PERCENTILES: Final = (("info", 0), ("series 1", 1), ("series 3", 2))
"""Color and dash: blue, orange and violet."""


DASHES: Final = ((), (6.0, 3.0), (1.5, 2.5), (8.0, 2.5, 1.5, 2.5))
"""Lengths of dashes and gaps in pixels; no dashes first."""


class SeriesColors:
    """Assigns a color and a dash to each name, for as long as it lives.

    All charts of a window share one: a task, worker or agent looks the same everywhere, also after
    others have come and gone. The name decides, so that other windows and recordings agree, unless
    another name of the same chart looks so already. Seven colors and four dashes make 28 looks.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def specs(self, names: Iterable[str]) -> list[SeriesSpec]:
        """Return a series of one chart for each name."""
        return self.labeled_specs({name: name for name in names})

    def labeled_specs(self, labels: Mapping[str, str]) -> list[SeriesSpec]:
        """Return a series of one chart for each name, with its label."""
        taken = {self._numbers[name] for name in labels if name in self._numbers}
        for name in sorted(labels):  # whatever their order, the same names look the same
            if name not in self._numbers:
                taken.add(self._assign(name, taken))
        return [self._spec(name, label) for name, label in labels.items()]

    def spec(self, name: str, label: str = "") -> SeriesSpec:
        """Return the series of a name, with a label that is the name by default."""
        if name not in self._numbers:
            self._assign(name, set(self._numbers.values()))
        return self._spec(name, label)

    def _assign(self, name: str, taken: set[int]) -> int:
        """Choose the look of a name; a color that is not taken is best, else a dash is not."""
        first = _hash(name)
        numbers = [(first + step) % _LOOKS for step in range(_LOOKS)]
        colors = {number % MAX_SERIES for number in taken}
        free = [number for number in numbers if number not in taken]
        other = [number for number in free if number % MAX_SERIES not in colors]
        number = (other or free or numbers)[0]
        if len(self._numbers) < _MAX_NAMES:  # senders choose the names
            self._numbers[name] = number
        return number

    def _spec(self, name: str, label: str) -> SeriesSpec:
        number = self._numbers.get(name, _hash(name) % _LOOKS)
        dash = (number % MAX_SERIES + number // MAX_SERIES) % len(DASHES)
        return SeriesSpec(label or name, sequence_color(number), dash=dash, key=name)


def _hash(name: str) -> int:
    return crc32(name.encode(errors="surrogatepass"))


_LOOKS: Final = MAX_SERIES * len(DASHES)
