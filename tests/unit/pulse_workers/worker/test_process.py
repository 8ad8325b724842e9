"""End of a worker."""

from contextlib import AsyncExitStack
from typing import Any, cast

import pytest
from pulse_workers.worker.process import WorkerRuntime


class _Part:
    """Records that it was closed."""

    def __init__(self, error: Exception | None = None) -> None:
        self.closed = False
        self._error = error

    async def close(self) -> None:
        self.closed = True
        if self._error is not None:
            raise self._error

    shutdown = close


async def test_connections_are_closed_although_closing_the_events_fails() -> None:
    events, broker, client = _Part(RuntimeError("unexpected")), _Part(), _Part()
    service = _Part(RuntimeError("unexpected, too"))
    services = AsyncExitStack()
    services.push_async_callback(service.close)
    runtime = WorkerRuntime(
        cast("Any", client), cast("Any", events), cast("Any", broker), services, ()
    )
    with pytest.raises(RuntimeError, match="unexpected"):
        await runtime.close()
    assert service.closed
    assert events.closed
    assert broker.closed
    assert client.closed
