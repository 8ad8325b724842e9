"""Facets of a filter bar."""

from dataclasses import dataclass

from pulse_desktop.text.semantic_color import SemanticColor


@dataclass(frozen=True)
class Facet:
    """A category of rows, offered as a filter chip.

    Attributes:
        key: identifier in the program.
        label: text of the chip.
        icon: name or glyph of an icon.
        color: color of the icon.
        tooltip: tooltip of the chip, empty for the default.
        hide_when_empty: whether the chip is hidden while no row belongs to it.
    """

    key: str
    label: str
    icon: str
    color: SemanticColor = SemanticColor.MUTED
    tooltip: str = ""
    hide_when_empty: bool = False
