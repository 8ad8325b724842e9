"""What a piece of text means, so that colour is chosen once, by the theme, and never by a page."""

import enum


class Tone(enum.StrEnum):
    """A meaning that has a colour. The value is the name of the colour in the theme's tokens."""

    TEXT = "text"
    MUTED = "muted"
    FAINT = "faint"
    ACCENT = "accent"
    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"
    INFO = "info"
    RETRY = "retry"
