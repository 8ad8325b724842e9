"""What every command needs: a server, and a monitor connected to it."""

import contextlib
import os
from argparse import Namespace
from collections.abc import AsyncIterator
from typing import Final

from pulse_desktop.embedded.stack import running_stack
from pulse_desktop.model.errors import CannotConnectError, NotFoundError, UserFacingError
from pulse_desktop.session.session import HISTORY_S, Session
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.system import LOG_ROWS
from pulse_desktop.transport.connection import Connection

CONNECT_WITHIN_S: Final = 5.0
CATCH_UP_S: Final = 15.0
ALL_HISTORY_S: Final = 366 * 86_400.0
"""Longer than any stream keeps what a command looks for."""

SHORTEST_PREFIX: Final = 4


class NoServerError(CannotConnectError):
    """No server was named and no embedded stack runs."""

    def __init__(self) -> None:
        super().__init__(
            "No server to connect to",
            "no --server was given, PULSE_SERVER is not set, and no embedded stack is running.",
            "Give --server nats://HOST:4222, or start the embedded stack with "
            "`pulse-desktop` or `pulse-desktop local`.",
        )


class AmbiguousError(NotFoundError):
    """Several things begin with what was given."""


def chosen_server(arguments: Namespace) -> tuple[str, str]:
    """Return the address to connect to and that of its monitoring port (empty when unknown).

    Raises:
        NoServerError: there is none.
    """
    named = getattr(arguments, "server", None) or os.environ.get("PULSE_SERVER", "")
    stack = running_stack()
    if not named:
        if stack is None:
            raise NoServerError
        return stack.server, stack.monitor
    # `local` tells its address for this: then it is also known who listens there.
    same = stack is not None and stack.server == named
    return named, stack.monitor if stack is not None and same else ""


@contextlib.asynccontextmanager
async def connected_session(
    arguments: Namespace,
    *,
    history_s: float = HISTORY_S,
    backlog: int = LOG_ROWS,
    stored_results: int | None = None,
) -> AsyncIterator[Session]:
    """Run a monitor that folds by itself, connected to the chosen server.

    Args:
        arguments: of the command.
        history_s: seconds of history to replay.
        backlog: most stored events to replay.
        stored_results: about how many of the results stored before are wanted, None for all.

    Raises:
        CannotConnectError: with the reason.
    """
    server, monitor_url = chosen_server(arguments)
    monitor = Session(
        server,
        monitor_url=monitor_url,
        history_s=history_s,
        backlog=backlog,
        stored_results=stored_results,
    )
    try:
        await monitor.connection.open(CONNECT_WITHIN_S)
        monitor.start()
        monitor.start_pump()
        yield monitor
    finally:
        await monitor.close()


async def try_to_connect(arguments: Namespace) -> None:
    """Connect to the chosen server and leave it again.

    Raises:
        CannotConnectError: with the reason.
    """
    server, _ = chosen_server(arguments)
    connection = Connection(server)
    try:
        await connection.open(CONNECT_WITHIN_S)
    finally:
        await connection.close()


async def find_run(monitor: Session, wanted: str) -> TaskRun:
    """Return a run by its task id, or by a beginning of it that no other shares.

    A run of which only the result is left is found by its whole id.

    Raises:
        NotFoundError: nothing is known of it.
        AmbiguousError: several begin so.
    """
    run = monitor.state.runs.get(wanted)
    if run is not None and run.stored_outcome is None:
        await _take_result(monitor, wanted)
        return monitor.state.runs.get(wanted) or run
    if run is not None:
        return run
    known = monitor.state.runs.rows
    if len(wanted) >= SHORTEST_PREFIX:
        found = [run.task_id for run in known if run.task_id.startswith(wanted)]
        if len(found) > 1:
            raise AmbiguousError(
                f"Which run is {wanted}?",
                f"{len(found)} task ids begin so: {', '.join(found[:5])}.",
                "Give more of it.",
            )
        if found:
            return await find_run(monitor, found[0])
    await _take_result(monitor, wanted)
    run = monitor.state.runs.get(wanted)
    if run is None:
        raise NotFoundError(
            f"No run {wanted}",
            "nothing is known of this task id.",
            "`pulse-desktop runs --since 7d` lists the runs that are known.",
        )
    return run


async def _take_result(monitor: Session, task_id: str) -> None:
    """Fold the stored result of one run, if there is one."""
    with contextlib.suppress(UserFacingError):
        stored = await monitor.results.info(task_id)
        monitor.state.fold([stored])
        await monitor.caught_up(CATCH_UP_S)
