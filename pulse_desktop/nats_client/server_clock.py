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

_VALID_S: Final = 60.0
"""How long a measurement is preferred to a later one with a longer round trip."""


class ServerClock:
    """Measures how far this machine's clock is ahead of the server's.

    Attributes:
        measured: whether it has been measured.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """Create it; nothing is known yet.

        Args:
            clock: Unix seconds by this machine's clock.
        """
        self._clock = clock
        self._offset_s = 0.0
        self._round_trip_s = 0.0
        self._measured_at = 0.0  # monotonic
        self.measured = False

    @property
    def offset_s(self) -> float:
        """Seconds that this machine's clock is ahead, negative if behind; 0 if they agree."""
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
        now = time.monotonic()
        is_better = round_trip_s <= self._round_trip_s or now - self._measured_at > _VALID_S
        if at is None or (self.measured and not is_better):
            return
        self.measured = True
        self._measured_at = now
        self._round_trip_s = round_trip_s
        self._offset_s = self._clock() - round_trip_s / 2 - at
