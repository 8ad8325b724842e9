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
