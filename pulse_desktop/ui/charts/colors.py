"""The colours a chart takes from the theme, under the names its series use."""

from dataclasses import dataclass
from typing import Final

from pulse_desktop.ui.theme.theme import Theme

# Told apart with any of the common colour blindnesses, in both themes: the topics' colours are.
_SEQUENCE: Final = (
    *("tasks", "providers", "knowledge", "agents", "metrics", "messages", "monitoring"),
)


@dataclass(frozen=True)
class ChartColours:
    """Colours as `#rrggbb`.

    Attributes:
        surface: what the chart stands on.
        raised: background of the readout.
        grid: horizontal lines.
        border: frame of the readout.
        text: values in the readout, title.
        muted: tick labels, subtitle, names of hidden series.
        crosshair: vertical line under the pointer.
        focus: ring around what the keyboard is on.
        named: further colours that a series may name.
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

    def resolve(self, colour: str) -> str:
        """Return a named colour's value; a literal `#rrggbb` is its own.

        Raises:
            KeyError: the theme has no such colour.
        """
        return colour if colour.startswith("#") else self.named[colour]


def chart_colours(theme: Theme) -> ChartColours:
    """Return the colours of a theme.

    A series may name any colour token ("good"), the line colour of a topic ("topic agents"), or one
    of a sequence for things without a colour of their own ("series 0", "series 1", …).
    """
    colors, topics = theme.tokens.colors, theme.tokens.topics
    named = dict(colors)
    named.update({f"topic {topic}": colour for topic, colour in topics.items()})
    named.update({f"series {i}": topics[topic] for i, topic in enumerate(_SEQUENCE)})
    return ChartColours(
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


def sequence_colour(index: int) -> str:
    """Return the name of a colour for the n-th thing; they repeat after seven."""
    return f"series {index % len(_SEQUENCE)}"
