"""A circuit breaker: after repeated failures no requests are sent to a server for a pause.

Each process has its own, because a server that one machine cannot reach may be fine for another.
"""

import contextlib
import enum
import time
from collections.abc import Callable, Iterator
from typing import Final

from pulse_workers.chat.providers.model_errors import ModelUnavailableError

MAX_FAILURES: Final = 5
FIRST_PAUSE_S: Final = 15.0
MAX_PAUSE_S: Final = 300.0


class CircuitState(enum.Enum):
    """Whether requests are made.

    Attributes:
        CLOSED: they are.
        OPEN: they are not.
        HALF_OPEN: one is, to find out whether the server works again.
    """

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class CircuitBreaker:
    """Counts failures in a row."""

    def __init__(
        self,
        failures: int = MAX_FAILURES,
        first_pause_s: float = FIRST_PAUSE_S,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Close the circuit.

        Args:
            failures: failures in a row that open it.
            first_pause_s: how long it stays open; each failed probe doubles it, up to
                `MAX_PAUSE_S`.
            now: returns seconds.
        """
        self._max_failures = failures
        self._first_pause_s = first_pause_s
        self._now = now
        self._failures = 0
        self._pause_s = first_pause_s
        self._open_until = 0.0
        self._is_probing = False
        self._last_error = ""

    @property
    def state(self) -> CircuitState:
        """The current state."""
        if self._failures < self._max_failures:
            return CircuitState.CLOSED
        return CircuitState.OPEN if self._now() < self._open_until else CircuitState.HALF_OPEN

    def check(self) -> None:
        """Return if a request may be made.

        Raises:
            ModelUnavailableError: the circuit is open.
        """
        state = self.state
        if state is CircuitState.OPEN or (state is CircuitState.HALF_OPEN and self._is_probing):
            left_s = max(0.0, self._open_until - self._now())
            raise ModelUnavailableError(
                f"not asked for another {left_s:.0f} s, because it keeps failing: "
                f"{self._last_error}"
            )

    @contextlib.contextmanager
    def attempt(self) -> Iterator[None]:
        """Make one request, which reports its failure as `ModelUnavailableError`.

        Raises:
            ModelUnavailableError: the circuit is open, or the request failed.
        """
        self.check()
        is_probe = self.state is CircuitState.HALF_OPEN
        self._is_probing |= is_probe
        try:
            yield
        except ModelUnavailableError as error:
            self._fail(str(error), is_probe=is_probe)
            raise
        except Exception:  # an answer, even if it is not the one that was wanted
            self._succeed()
            raise
        else:
            self._succeed()
        finally:
            if is_probe:
                self._is_probing = False

    def _fail(self, error: str, *, is_probe: bool) -> None:
        self._failures += 1
        self._last_error = error
        if is_probe:
            self._pause_s = min(self._pause_s * 2, MAX_PAUSE_S)
        if self._failures >= self._max_failures:
            self._open_until = self._now() + self._pause_s

    def _succeed(self) -> None:
        self._failures = 0
        self._pause_s = self._first_pause_s
