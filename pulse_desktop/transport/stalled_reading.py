"""What was to be read when the server stopped sending; the next reading shows what is lost."""

from dataclasses import dataclass

from pulse_desktop.transport.source_stream import SourceStream


@dataclass(frozen=True)
class StalledReading:
    """The state of a reading that ended because the server sent nothing of what was waiting.

    Attributes:
        stream: what was read, as it was just after the end.
        read: sequence up to which everything was read or is known to be removed.
        waiting: messages that were still to be read.
    """

    stream: SourceStream
    read: int
    waiting: int

    def lost(self, read: int, waiting: int) -> int:
        """Return how many of the messages are not in the stream any more.

        Args:
            read: sequence up to which everything was read or is known to be removed, now.
            waiting: messages that are to be read now, without those that were stored later.
        """
        return max(0, self.waiting - max(0, read - self.read) - waiting)
