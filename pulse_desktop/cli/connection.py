"""Server chosen for a command, and a session connected to it."""

import contextlib
import os
from argparse import Namespace
from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Final, Literal

from pulse_desktop.cli.exit_codes import FAILED, OK
from pulse_desktop.cli.output import write_note
from pulse_desktop.cli.parser import NAME_OPTIONS
from pulse_desktop.model.errors import CannotConnectError
from pulse_desktop.text.translation import _

if TYPE_CHECKING:
    from pulse_desktop.nats_client.connection_options import ConnectionOptions
    from pulse_desktop.protocol.taskiq_names import TaskiqNames
    from pulse_desktop.session.session import Session

CONNECT_TIMEOUT_S: Final = 5.0
CATCH_UP_TIMEOUT_S: Final = 15.0

DAY_S: Final = 86_400.0
ALL_HISTORY_S: Final = 366 * DAY_S
"""Longer than any stream keeps what a command looks up."""


Scope = Literal["everything", "history", "connection"]
"""Data that a session loads and follows: everything, events and tasks, or nothing by itself."""


class NoServerError(CannotConnectError):
    """No server was given and no embedded stack is running."""

    def __init__(self, state_problem: str = "") -> None:
        """Describe the error.

        Args:
            state_problem: why it is unknown whether an embedded stack is running.
        """
        none_runs = _(
            "no --server was given, PULSE_SERVER is not set, and no embedded stack is running."
        )
        unknown = _(
            "no --server was given, PULSE_SERVER is not set, and the state of the embedded stack "
            "cannot be read: {reason}."
        ).format(reason=state_problem)
        super().__init__(
            _("No server to connect to"),
            unknown if state_problem else none_runs,
            _(
                "Give --server nats://HOST:4222, or start the embedded stack with "
                "`pulse-desktop` or `pulse-desktop local`."
            ),
        )


def requested_connection(arguments: Namespace) -> "ConnectionOptions":
    """Return the options of the command line and the environment; no servers for the embedded one.

    Variables without a server are for other programs: the embedded server has a login of its own.

    Raises:
        CannotConnectError: options of a connection were given, and no server.
    """
    from pulse_desktop.nats_client.connection_options import (
        ConnectionOptions,
        label,
        option_values,
        resolve,
    )

    given = option_values(vars(arguments))
    options = resolve(given, os.environ)
    if options.servers:
        return options
    if given:
        names = ", ".join(label(name) for name in given)
        raise CannotConnectError(
            _("No server to connect to"),
            _("{options}: given without a server.").format(options=names),
            _("Add --server nats://HOST:4222, or set PULSE_SERVER."),
        )
    return ConnectionOptions()


def chosen_connection(arguments: Namespace) -> tuple["ConnectionOptions", str]:
    """Return the options to connect with and the URL of the monitoring port, empty when unknown.

    A file with a secret that other users can read is noted on stderr.

    Raises:
        NoServerError: no server was given and no embedded stack is running.
    """
    from pulse_desktop.embedded.data_folder import data_folder
    from pulse_desktop.embedded.stack import running_stack
    from pulse_desktop.embedded.stack_state import state_problem
    from pulse_desktop.nats_client.client_arguments import readable_by_others
    from pulse_desktop.nats_client.connection_options import ConnectionOptions

    options = requested_connection(arguments)
    stack = running_stack()
    # The address that `local` prints belongs to the embedded stack too.
    if stack is not None and options.servers in ("", stack.server):
        return ConnectionOptions(stack.server), stack.monitor
    if not options.servers:
        raise NoServerError(state_problem(data_folder().state_file))
    for warning in readable_by_others(options):
        write_note(warning)
    return options, ""


def chosen_names(arguments: Namespace) -> "TaskiqNames":
    """Return the subject, consumer and bucket of the options or the environment."""
    from pulse_desktop.protocol.taskiq_names import TaskiqNames

    chosen = {
        field: getattr(arguments, field, None) or os.environ.get(variable, "")
        for field, (variable, _help) in NAME_OPTIONS.items()
    }
    return TaskiqNames(**{field: name for field, name in chosen.items() if name})


@contextlib.asynccontextmanager
async def connected_session(
    arguments: Namespace,
    *,
    history_s: float = DAY_S,
    backlog: int | None = None,
    stored_results: int | None = None,
    scope: Scope = "everything",
) -> AsyncIterator["Session"]:
    """Run a session that folds in the background, connected to the chosen server.

    Args:
        arguments: of the command.
        history_s: seconds of history to replay.
        backlog: most stored events to replay, None for as many as the session retains.
        stored_results: approximate number of stored results to read, None for all.
        scope: what to load and follow; the less, the sooner the first line of output.

    Raises:
        CannotConnectError: with the reason.
    """
    from pulse_desktop.session.session import (
        Session,
        SessionConfig,
    )
    from pulse_desktop.state.system import LOG_ROWS

    options, monitor_url = chosen_connection(arguments)
    session = Session(
        SessionConfig(
            options=options,
            monitor_url=monitor_url,
            names=chosen_names(arguments),
            history_s=history_s,
            backlog=LOG_ROWS if backlog is None else backlog,
            stored_results=stored_results,
        )
    )
    try:
        await session.connection.open(CONNECT_TIMEOUT_S)
        if scope == "everything":
            session.start()
        else:
            session.start_connection()
        if scope == "history":
            session.start_feeds()
        session.start_pump()
        yield session
    finally:
        await session.close()


async def check_connection(arguments: Namespace) -> None:
    """Connect to the chosen server and disconnect.

    Raises:
        CannotConnectError: with the reason.
    """
    from pulse_desktop.transport.connection import Connection

    options, _monitor_url = chosen_connection(arguments)
    connection = Connection(options=options)
    try:
        await connection.open(CONNECT_TIMEOUT_S)
    finally:
        await connection.close()


async def catch_up(session: "Session") -> list[str]:
    """Wait until the past is loaded; return what of it is missing, with the reasons."""
    from pulse_desktop.text.unreadable_text import describe_unreadable

    complete = await session.wait_caught_up(CATCH_UP_TIMEOUT_S)
    missing = describe_unreadable(session.unreadable)
    return missing if complete else [*missing, _past_timeout()]


async def catch_up_history(session: "Session") -> list[str]:
    """Wait until the history of events and tasks is loaded; say so if it takes too long.

    Unlike `catch_up` it needs no stored results, and leaves to the caller what cannot be read.
    """
    complete = await session.wait_history(CATCH_UP_TIMEOUT_S)
    return [] if complete else [_past_timeout()]


def _past_timeout() -> str:
    text = _("the past: reading it took longer than {seconds:g} s")
    return text.format(seconds=CATCH_UP_TIMEOUT_S)


def note_missing(missing: Iterable[str]) -> int:
    """Note on stderr what is missing in an answer; return the exit code."""
    code = OK
    for each in missing:
        write_note(_("Incomplete: {missing}.").format(missing=each.rstrip(".")))
        code = FAILED
    return code
