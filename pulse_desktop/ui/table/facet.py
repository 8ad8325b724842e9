"""What a filter bar offers: facets of the rows, and periods."""

from collections.abc import Sequence
from dataclasses import dataclass

from pulse_desktop.text.semantic_color import SemanticColor


@dataclass(frozen=True)
class Facet:
    """A part of the rows that can be selected with a chip.

    Attributes:
        key: identifier in the program.
        label: for the operator.
        icon: name or glyph of an icon.
        color: of the icon.
        tooltip: of the chip, empty for the usual one.
        hide_when_empty: whether the chip is hidden while no row belongs to it.
    """

    key: str
    label: str
    icon: str
    color: SemanticColor = SemanticColor.MUTED
    tooltip: str = ""
    hide_when_empty: bool = False


@dataclass(frozen=True)
class PeriodChoice:
    """The periods that can be chosen.

    Attributes:
        titles: one per period, the default first.
        name: accessible name of the choice.
        filters_rows: whether a period other than the first leaves out rows.
    """

    titles: Sequence[str]
    name: str
    filters_rows: bool = False
