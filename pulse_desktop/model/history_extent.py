"""How much of the stored history has been read: what is known reaches no further back."""

from dataclasses import dataclass


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
