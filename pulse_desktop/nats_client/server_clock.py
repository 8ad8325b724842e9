"""The server's clock compared with this machine's.

Every description of a stream or consumer contains the server's time. It is the clock by which
stored messages are dated, so ages are measured by it, and a wrong clock of this machine blames no
worker.
"""

import math
import time
from collections.abc import Callable
from typing import Final

from pulse_desktop.protocol.timestamps import parse_timestamp

MIN_OFFSET_S: Final = 2.0
"""A smaller difference is not distinguished from delays, and does not matter."""

_JUMP_S: Final = 2.0
"""A smaller difference between this machine's two clocks is drift, not a clock that was set."""

_VALID_S: Final = 60.0
"""How long a measurement is preferred to a later one with a longer round trip."""


_STEADY_CLOCK: Final[int | None] = getattr(
    time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None)
)
"""Goes on during sleep; Python's monotonic clock stands still on Linux and macOS."""


def steady_time() -> float:
    """Return seconds of a clock that is never set, and that goes on while the machine sleeps."""
    return time.monotonic() if _STEADY_CLOCK is None else time.clock_gettime(_STEADY_CLOCK)


class ServerClock:
    """Measures how far this machine's clock is ahead of the server's.

    A clock of this machine that is set moves against the steady one. What is known of the server's
    time stays true: the offset is corrected by the same difference, until it is measured again.

    Attributes:
        measured: whether it has been measured.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = steady_time,
    ) -> None:
        """Create it; nothing is known yet.

        Args:
            clock: Unix seconds by this machine's clock.
            steady: seconds by a clock that is never set.
        """
        self._clock = clock
        self._steady = steady
        self._seen = (clock(), steady())
        self._offset_s = 0.0
        self._round_trip_s = 0.0
        self._measured_at = 0.0  # by the steady clock
        self.measured = False

    @property
    def offset_s(self) -> float:
        """Seconds that this machine's clock is ahead, negative if behind; 0 if they agree."""
        self._follow_clock()
        margin = MIN_OFFSET_S + self._round_trip_s / 2
        return self._offset_s if abs(self._offset_s) > margin else 0.0

    def now(self) -> float:
        """Return Unix seconds by the server's clock, or by this machine's if they agree."""
        return self._clock() - self.offset_s

    def expire(self) -> None:
        """Prefer the next measurement to this one, which stays in use until then.

        Another connection may be to another server. Without the old offset, times would jump.
        """
        self._measured_at = -math.inf

    def compare(self, server_time: object, round_trip_s: float) -> None:
        """Take a measurement at the end of a request.

        Args:
            server_time: timestamp in the response; anything else is ignored.
            round_trip_s: how long the request took.
        """
        at = parse_timestamp(server_time) if isinstance(server_time, str) else None
        self._follow_clock()
        now = self._steady()
        is_better = round_trip_s <= self._round_trip_s or now - self._measured_at > _VALID_S
        if at is None or (self.measured and not is_better):
            return
        self.measured = True
        self._measured_at = now
        self._round_trip_s = round_trip_s
        self._offset_s = self._clock() - round_trip_s / 2 - at

    def _follow_clock(self) -> None:
        """Correct the offset if this machine's clock was set since the last look.

        An offset that is not measured stays zero: nothing tells which of the two times is right.
        """
        wall, steady = self._clock(), self._steady()
        jump = (wall - self._seen[0]) - (steady - self._seen[1])
        self._seen = (wall, steady)
        if self.measured and abs(jump) > _JUMP_S:
            self._offset_s += jump
            self.expire()
