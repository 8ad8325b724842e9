"""What is damaged of a recording that was read."""

import enum
from typing import NamedTuple


class Counted(enum.StrEnum):
    """What the end of a recording counts."""

    MESSAGES = "messages"
    RESULTS = "results"
    LINES = "lines"


class CountDifference(NamedTuple):
    """A number in the end of a recording that is not the number that was read."""

    counted: Counted
    found: int
    stated: int


class RecordingDamage(NamedTuple):
    """What is damaged.

    Attributes:
        has_header: whether the header could be read, which says what was recorded.
        parts: damaged parts of the file.
        lines: damaged lines.
        has_end: whether the end could be read; a recording that was cut off has none.
        differences: from the numbers in its end.
    """

    has_header: bool = True
    parts: int = 0
    lines: int = 0
    has_end: bool = True
    differences: tuple[CountDifference, ...] = ()


UNDAMAGED = RecordingDamage()
