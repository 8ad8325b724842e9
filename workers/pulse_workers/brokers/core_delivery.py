"""One delivery over core NATS: the server has forgotten it, so this process answers for it.

What JetStream would remember travels along as headers when a task is handed over: which attempt
it is, when it was enqueued, and when it may be tried again.
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from pulse_workers.brokers.delivery import Delivery

if TYPE_CHECKING:
    from pulse_workers.brokers.core_broker import CoreBroker

ATTEMPT: Final = "Pulse-Attempt"
QUEUED_AT: Final = "Pulse-Queued-At"
NOT_BEFORE: Final = "Pulse-Not-Before"
_OURS: Final = (ATTEMPT, QUEUED_AT, NOT_BEFORE)


class CoreDelivery(Delivery):
    """A task that came by plain publish.

    Attributes:
        not_before: Unix seconds before which it shall not be started, 0 for "at once".
    """

    def __init__(
        self,
        broker: "CoreBroker",
        place: int,
        data: bytes,
        headers: Mapping[str, str],
        arrived_at: float,
    ) -> None:
        super().__init__(
            place,
            int(_number(headers, ATTEMPT, 1.0)),
            _number(headers, QUEUED_AT, arrived_at),
            broker.end,
        )
        self.not_before = _number(headers, NOT_BEFORE, 0.0)
        self._broker = broker
        self._data = data
        self._headers = {key: value for key, value in headers.items() if key not in _OURS}

    @property
    def data(self) -> bytes:
        """The task message."""
        return self._data

    def headers_to_send(self) -> dict[str, str]:
        """Return the headers it came with and what the next worker should know of it."""
        headers = {**self._headers, QUEUED_AT: repr(self.queued_at)}
        if self.attempt > 1:
            headers[ATTEMPT] = str(self.attempt)
        if self.not_before:
            headers[NOT_BEFORE] = repr(self.not_before)
        return headers

    def next_attempt(self, place: int) -> "CoreDelivery":
        """Return the same task, delivered once more."""
        again = CoreDelivery(self._broker, place, self._data, self._headers, self.queued_at)
        again.attempt = self.attempt + 1
        return again

    async def _confirm(self) -> None:
        """Do nothing: nobody waits for it."""

    async def _ask_again(self, delay: float) -> None:
        await self._broker.ask_again(self, delay)

    async def _hand_back(self) -> None:
        await self._broker.put_back(self)


def _number(headers: Mapping[str, str], name: str, default: float) -> float:
    """Read a header; whoever sends tasks may write anything into it."""
    try:
        value = float(headers[name])
    except (KeyError, ValueError):
        return default
    return value if math.isfinite(value) and 0 <= value < 1e12 else default
