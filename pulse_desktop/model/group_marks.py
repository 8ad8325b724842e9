"""Marks that operators set on failure groups: muted, resolved, a note."""

import enum
from dataclasses import dataclass, replace
from typing import Final, Self

MAX_NOTE: Final = 2_000
"""Characters of a note."""


class MarkKind(enum.StrEnum):
    """Kind of a mark. The values are stored."""

    MUTED = "muted"
    RESOLVED = "resolved"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark: who set it, and when.

    Attributes:
        at: Unix seconds.
        by: user and host.
        text: of a note; empty for the others.
    """

    at: float
    by: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class GroupMarks:
    """The marks of one failure group; None for those that are not set.

    Attributes:
        muted: it does not count as needing attention.
        resolved: the cause is removed; a later failure is a regression.
        note: a text of an operator.
    """

    muted: Mark | None = None
    resolved: Mark | None = None
    note: Mark | None = None

    def with_mark(self, kind: MarkKind, mark: Mark | None) -> Self:
        """Return a copy with a mark set, or removed with None."""
        return replace(self, **{kind.value: mark})

    def of(self, kind: MarkKind) -> Mark | None:
        """Return the mark of a kind, None if it is not set."""
        match kind:
            case MarkKind.MUTED:
                return self.muted
            case MarkKind.RESOLVED:
                return self.resolved
            case MarkKind.NOTE:
                return self.note


NO_GROUP_MARKS: Final = GroupMarks()
