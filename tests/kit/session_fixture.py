"""A monitor without a window, for tests: it folds by itself and must end without a problem."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pulse_desktop.session.session import Session
from pulse_desktop.state.run import RunState, TaskRun
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until


@asynccontextmanager
async def monitor_of(
    server: NatsServer, *, url: str = "", folding: bool = True, **more: Any
) -> AsyncIterator[Session]:
    """Yield a running monitor of a server.

    Args:
        server: what to watch.
        url: how to connect, else `server.url`.
        folding: whether it folds by itself.
        more: for `Session`.
    """
    monitor = Session(url or server.url, monitor_url=server.monitor_url, **more)
    monitor.start()
    if folding:
        monitor.start_pump()
    try:
        yield monitor
    finally:
        await monitor.close()
    assert monitor.problems == []


async def run_in(monitor: Session, task_id: str, *states: RunState, limit: float = 30.0) -> TaskRun:
    """Wait until a run is in one of these states, whatever they are when none is named."""

    def found() -> TaskRun | None:
        run = monitor.state.runs.get(task_id)
        return run if run is not None and (not states or run.state in states) else None

    run: TaskRun = await wait_until(
        found, limit, f"{task_id} {states}: {monitor.state.runs.get(task_id)}"
    )
    return run
