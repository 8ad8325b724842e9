"""The limits of a stream, which remove its oldest messages by themselves."""

from dataclasses import dataclass

from nats.js import api

_AGE_SHARE = 0.9
"""Messages are this close to the age limit when those before them expire, but for quiet times."""


@dataclass(frozen=True)
class StreamLimits:
    """What a stream may keep, and what it keeps. A limit that is not set is 0.

    Attributes:
        max_messages: number of messages.
        max_bytes: their size.
        max_age_s: their age.
        max_per_subject: number of messages of one subject.
        messages: messages kept now.
        bytes: their size.
    """

    max_messages: int = 0
    max_bytes: int = 0
    max_age_s: float = 0.0
    max_per_subject: int = 0
    messages: int = 0
    bytes: int = 0

    def may_remove(self, age_s: float) -> bool:
        """Return whether messages may have been removed by a limit, not by a person.

        Args:
            age_s: seconds since the oldest message was stored that was stored after them.
        """
        return (
            0 < self.max_messages <= self.messages
            or 0 < self.max_per_subject <= self.messages
            # A new message may be as large as many old ones.
            or 0 < self.max_bytes <= 2 * self.bytes
            or 0 < self.max_age_s * _AGE_SHARE <= age_s
        )


def stream_limits(info: api.StreamInfo) -> StreamLimits:
    """Return the limits of a stream from the server's description."""
    config, state = info.config, info.state

    return StreamLimits(
        max(0, config.max_msgs or 0),
        max(0, config.max_bytes or 0),
        max(0.0, config.max_age or 0.0),
        max(0, config.max_msgs_per_subject or 0),
        state.messages,
        state.bytes,
    )
