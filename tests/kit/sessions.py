"""Sessions for tests, without a window: they must end without a background error."""

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pulse_desktop.model.run_state import RunState
from pulse_desktop.profiles.profile import Profile, server_profile
from pulse_desktop.session.session import Session
from pulse_desktop.session.session_config import SessionConfig
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.stored_results import StoredResult
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until

_PROFILE_FIELDS = {each.name for each in dataclasses.fields(Profile)}


@asynccontextmanager
async def open_session(
    server: NatsServer, *, url: str = "", folding: bool = True, **more: Any
) -> AsyncIterator[Session]:
    """Yield a running session.

    Args:
        server: the NATS server, with its monitoring port.
        url: URL to connect to; `server.url` if empty.
        folding: whether arrivals are folded in the background.
        more: other fields of the profile or of `SessionConfig`.
    """
    of_profile = {key: more.pop(key) for key in list(more) if key in _PROFILE_FIELDS}
    profile = server_profile(url or server.url, server.monitor_url, **of_profile)
    session = Session(SessionConfig(profile, **more))
    session.start()
    if folding:
        session.start_pump()
    try:
        yield session
    finally:
        await session.close()
    assert session.background_errors == []


async def wait_for_run(
    session: Session, task_id: str, *states: RunState, timeout_s: float = 30.0
) -> TaskRun:
    """Wait until a run is known and in one of these states, in any state when none is given."""

    def found() -> TaskRun | None:
        run = session.state.runs.get(task_id)
        return run if run is not None and (not states or run.state in states) else None

    run: TaskRun = await wait_until(
        found, timeout_s, f"{task_id} {states}: {session.state.runs.get(task_id)}"
    )
    return run


async def wait_for_unreadable_result(session: Session, key: str) -> StoredResult:
    """Wait until a result was loaded that cannot be read, and return its row."""

    def found() -> StoredResult | None:
        row = session.state.results.get(key)
        return row if row is not None and row.problem else None

    row: StoredResult = await wait_until(found, message=f"{key} is loaded")
    return row
