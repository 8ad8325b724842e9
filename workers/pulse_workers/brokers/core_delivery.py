"""One delivery over core NATS. The server does not store it, so this process is responsible for it.

When a task is handed off to another worker, headers carry what JetStream would remember: the
attempt, when the task was enqueued, and when it may be retried.
"""

import math
from collections.abc import Mapping
from typing import Final, Protocol

from pulse_workers.execution.delivery import Delivery
from pulse_workers.execution.retries import MAX_DELAY

ATTEMPT: Final = "Pulse-Attempt"
QUEUED_AT: Final = "Pulse-Queued-At"
NOT_BEFORE: Final = "Pulse-Not-Before"
HOPS: Final = "Pulse-Hops"
MAX_HOPS: Final = 32
"""How often a task is published again by core workers that do not have it, before it fails."""
_OWN_HEADERS: Final = (ATTEMPT, QUEUED_AT, NOT_BEFORE, HOPS)
_MAX_NUMBER: Final = 1e12


class CoreQueue(Protocol):
    """The broker's operations that a delivery needs."""

    def finish(self, delivery: Delivery) -> None:
        """Remove a delivery from those in progress."""

    async def retry_later(self, delivery: "CoreDelivery", delay: float) -> None:
        """Run a task again after `delay` seconds."""

    async def requeue(self, delivery: "CoreDelivery") -> None:
        """Have another worker run a task again now."""


class CoreDelivery(Delivery):
    """A task received by plain publish.

    Attributes:
        not_before: Unix seconds before which the task must not start, 0 for no delay.
        hops: how often workers that do not know the task have published it again.
    """

    def __init__(
        self,
        queue: CoreQueue,
        sequence: int,
        data: bytes,
        headers: Mapping[str, str],
        received_at: float,
    ) -> None:
        super().__init__(
            sequence,
            int(_header_number(headers, ATTEMPT, 1.0)),
            _header_number(headers, QUEUED_AT, received_at),
            queue.finish,
        )
        self.not_before = min(_header_number(headers, NOT_BEFORE, 0.0), received_at + MAX_DELAY)
        self.hops = int(_header_number(headers, HOPS, 0.0))
        self._queue = queue
        self._data = data
        self._headers = {key: value for key, value in headers.items() if key not in _OWN_HEADERS}

    @property
    def data(self) -> bytes:
        """The task message."""
        return self._data

    def handoff_headers(self) -> dict[str, str]:
        """Return the original headers and those that tell the next worker about the delivery."""
        headers = {**self._headers, QUEUED_AT: repr(self.queued_at)}
        if self.attempt > 1:
            headers[ATTEMPT] = str(self.attempt)
        if self.not_before:
            headers[NOT_BEFORE] = repr(self.not_before)
        return headers

    def republish_headers(self) -> dict[str, str]:
        """Return the headers for publishing a task again that this worker does not have."""
        return {**self.handoff_headers(), HOPS: str(self.hops + 1)}

    def next_attempt(self, sequence: int) -> "CoreDelivery":
        """Return a delivery of the same task for its next attempt."""
        delivery = CoreDelivery(self._queue, sequence, self._data, self._headers, self.queued_at)
        delivery.attempt = self.attempt + 1
        return delivery

    async def _complete(self) -> None:
        """Do nothing: core NATS has no acknowledgements."""

    async def _retry(self, delay: float) -> None:
        await self._queue.retry_later(self, delay)

    async def _requeue(self) -> None:
        await self._queue.requeue(self)


def _header_number(headers: Mapping[str, str], name: str, default: float) -> float:
    """Return a header as a number; senders may write any text into it."""
    try:
        value = float(headers[name])
    except (KeyError, ValueError):
        return default
    return value if math.isfinite(value) and 0 <= value < _MAX_NUMBER else default
