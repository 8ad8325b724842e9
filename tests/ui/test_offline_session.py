"""OfflineSession refuses every operation with a reason, and has no data."""

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from pulse_desktop.model.errors import NotConnectedError
from pulse_desktop.ui.backend import SessionBackend
from pulse_desktop.ui.offline_session import OfflineSession

OPERATIONS: list[Callable[[SessionBackend], Coroutine[Any, Any, object]]] = [
    lambda session: session.tasks.enqueue("m:f"),
    lambda session: session.tasks.rerun([]),
    lambda session: session.tasks.cancel(["a"]),
    lambda session: session.results.read("a"),
    lambda session: session.results.save("a", Path("file")),
    lambda session: session.results.buckets(),
    lambda session: session.workers.command("pause"),
]


@pytest.mark.parametrize("operate", OPERATIONS)
async def test_every_operation_is_refused(
    operate: Callable[[SessionBackend], Coroutine[Any, Any, object]],
) -> None:
    with pytest.raises(NotConnectedError) as caught:
        await operate(OfflineSession())
    assert "nothing was sent" in caught.value.advice


def test_an_offline_session_has_no_data() -> None:
    session = OfflineSession("closed")
    assert session.connection_status.state == "closed"
    assert session.queue_status is None
    assert not session.drain(1.0)
    assert len(session.state.log) == 0
    with pytest.raises(NotConnectedError):
        session.watch_bucket("other")
