"""Semantic colors: what a piece of text means, so that only the theme chooses colors."""

import enum


class SemanticColor(enum.StrEnum):
    """A meaning that has a color. The value is the name of a token of the theme."""

    TEXT = "text"
    MUTED = "muted"
    FAINT = "faint"
    ACCENT = "accent"
    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"
    INFO = "info"
    RETRY = "retry"


def subdued(color: SemanticColor) -> SemanticColor:
    """Return the color without a judgement, for what was true some time ago."""
    plain = (SemanticColor.TEXT, SemanticColor.MUTED, SemanticColor.FAINT)
    return color if color in plain else SemanticColor.MUTED
