"""Streams that keep history on a server: which are missing, and what making them would do."""

import enum
from dataclasses import dataclass
from typing import Final

from pulse_desktop.model.errors import UserFacingError

MIB: Final = 1024 * 1024
_DAY_S: Final = 24 * 3600

MIN_AGE_S: Final = 60.0
MAX_AGE_S: Final = 3650.0 * _DAY_S
MIN_BYTES: Final = MIB
MAX_BYTES: Final = 1024 * 1024 * MIB
MAX_REPLICAS: Final = 5
DUPLICATE_WINDOW_S: Final = 120.0
"""Seconds in which a stream stores a message with the same id once."""


class HistoryKind(enum.StrEnum):
    """What a stream keeps."""

    EVENTS = "events"
    TASKS = "tasks"
    ADVISORIES = "advisories"


@dataclass(frozen=True)
class HistoryLimits:
    """How much a stream keeps; the oldest messages are removed first.

    Attributes:
        max_age_s: seconds after which a message is removed.
        max_bytes: of all messages.
        replicas: servers of the cluster that keep a copy.
    """

    max_age_s: float = 7 * _DAY_S
    max_bytes: int = 256 * MIB
    replicas: int = 1

    @property
    def duplicate_window_s(self) -> float:
        """Seconds in which a message with the same id is stored once."""
        return min(DUPLICATE_WINDOW_S, self.max_age_s)

    @property
    def are_valid(self) -> bool:
        """Whether all are within their bounds."""
        return (
            MIN_AGE_S <= self.max_age_s <= MAX_AGE_S
            and MIN_BYTES <= self.max_bytes <= MAX_BYTES
            and 1 <= self.replicas <= MAX_REPLICAS
        )


DEFAULT_LIMITS: Final = HistoryLimits()
"""Of a stream of events or tasks, also of those that our workers create."""


@dataclass(frozen=True)
class HistoryStream:
    """A stream that keeps history.

    Attributes:
        kind: what it keeps.
        name: of the stream.
        subjects: what it stores.
        limits: how much it keeps.
        acknowledges: whether it replies to publishers that wait for a confirmation.
    """

    kind: HistoryKind
    name: str
    subjects: tuple[str, ...]
    limits: HistoryLimits = DEFAULT_LIMITS
    acknowledges: bool = True


class HistoryState(enum.StrEnum):
    """Whether a server keeps a kind of history."""

    MISSING = "missing"
    """no stream stores it, and one can be made"""
    KEPT = "kept"
    """a stream stores it"""
    IMPOSSIBLE = "impossible"
    """no stream stores it all, and none can be made beside those that exist"""
    UNKNOWN = "unknown"
    """the server does not say"""


@dataclass(frozen=True)
class HistoryItem:
    """One kind of history on a server.

    Attributes:
        stream: the one that would be made, or that keeps it: then only its name is certain.
        state: whether it is kept.
        reason: why none can be made, or why it is not known: a sentence without its full stop.
    """

    stream: HistoryStream
    state: HistoryState
    reason: str = ""

    @property
    def is_missing(self) -> bool:
        """Whether a stream can be made for it."""
        return self.state is HistoryState.MISSING


@dataclass(frozen=True)
class HistoryPlan:
    """What history a server keeps, and what can be made.

    Attributes:
        items: one for each kind.
        free_bytes: what the account may still store, None without a limit or if it is unknown.
    """

    items: tuple[HistoryItem, ...]
    free_bytes: int | None = None

    @property
    def missing(self) -> tuple[HistoryStream, ...]:
        """The streams that can be made."""
        return tuple(item.stream for item in self.items if item.is_missing)


@dataclass(frozen=True)
class HistoryOutcome:
    """What became of a stream that was to be made.

    Attributes:
        stream: as requested.
        created: whether it was made; False if it exists already, or on an error.
        error: why it was not made, None if it exists now.
    """

    stream: HistoryStream
    created: bool
    error: UserFacingError | None = None
