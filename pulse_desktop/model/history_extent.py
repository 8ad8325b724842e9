"""How much of the stored history is read: what is known reaches no further back."""

from dataclasses import dataclass
from typing import Final

NEWEST_MESSAGES: Final = 5_000
"""What is read of each stream before anything is shown and judged; older messages follow."""

FIRST_WIDENING: Final = 5_000
MAX_WIDENING: Final = 40_000
"""Messages that a command reads back at once, twice as many each time."""

MAX_LOOK_BACK_S: Final = 3_600.0
"""How long before its latest message the start of a run is searched for; it may not be stored."""

START_MARGIN_S: Final = 0.1
"""Time between the two messages about the start of a run, its task and an event, in either order.

They are in two streams, each of which dates what it stores.
"""


@dataclass(frozen=True)
class HistoryExtent:
    """The part of the stored history that has been read, the newest first.

    Attributes:
        read: messages read so far.
        total: about how many there are, read or not.
        oldest: Unix seconds back to which everything has been read; None while nothing was.
        is_reading: whether older messages are being read.
        problem: why older messages cannot be read, empty if they can or there are none.
    """

    read: int = 0
    total: int = 0
    oldest: float | None = None
    is_reading: bool = False
    problem: str = ""

    @property
    def unread(self) -> int:
        """About how many messages have not been read; they are older than the others."""
        return max(0, self.total - self.read)

    @property
    def is_complete(self) -> bool:
        """Whether all stored messages have been read."""
        return not self.unread
