"""Server chosen for a command, and a session connected to it."""

import contextlib
import gc
import sys
import time
from argparse import Namespace
from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Final, Literal

from pulse_desktop.cli.exit_codes import FAILED, OK
from pulse_desktop.cli.output import write_note
from pulse_desktop.cli.profile_choice import chosen_profile, profile_secrets
from pulse_desktop.text.translation import _

if TYPE_CHECKING:
    from pulse_desktop.session.session import Session

CONNECT_TIMEOUT_S: Final = 5.0
CATCH_UP_TIMEOUT_S: Final = 15.0

DAY_S: Final = 86_400.0
ALL_HISTORY_S: Final = 366 * DAY_S
"""Longer than any stream keeps what a command looks up."""


GC_THRESHOLD: Final = 20_000
"""Objects made between two collections: most of what a command makes is kept."""

Scope = Literal["everything", "history", "connection"]
"""Data that a session loads and follows: everything, events and tasks, or nothing by itself."""


@contextlib.asynccontextmanager
async def connected_session(
    arguments: Namespace,
    *,
    history_s: float = DAY_S,
    newest: int | None = None,
    stored_results: int | None = None,
    results_history_s: float | None = None,
    scope: Scope = "everything",
) -> AsyncIterator["Session"]:
    """Run a session that folds in the background, connected to the chosen server.

    Args:
        arguments: of the command.
        history_s: seconds of history to read.
        newest: about how many of the newest messages of each stream to read, None for all. Older
            ones are read by `session.backfill`.
        stored_results: approximate number of stored results to read, None for all.
        results_history_s: seconds of stored results to read, None for any age.
        scope: what to load and follow; the less, the sooner the first line of output.

    Raises:
        CannotConnectError: with the reason.
    """
    from pulse_desktop.session.session import Session
    from pulse_desktop.session.session_config import SessionConfig

    gc.freeze()  # what is imported stays until the end, and need not be walked meanwhile
    gc.set_threshold(GC_THRESHOLD)  # what is folded has no cycles
    profile = await profile_secrets().complete(chosen_profile(arguments))
    session = Session(
        SessionConfig(
            profile,
            history_s=history_s,
            newest=sys.maxsize if newest is None else newest,
            reads_back=False,
            stored_results=stored_results,
            results_history_s=results_history_s,
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

    profile = await profile_secrets().complete(chosen_profile(arguments))
    connection = Connection(options=profile.options)
    try:
        await connection.open(CONNECT_TIMEOUT_S)
    finally:
        await connection.close()


async def catch_up(session: "Session", *, is_long: bool = False) -> list[str]:
    """Wait until the past is loaded; return what of it is missing, with the reasons.

    Args:
        session: to wait for.
        is_long: whether to wait on as long as messages arrive: all of history is wanted.
    """
    from pulse_desktop.text.unreadable_text import describe_unreadable

    if is_long:
        await catch_up_history(session, is_long=True)
    complete = await session.wait_caught_up(CATCH_UP_TIMEOUT_S)
    missing = describe_unreadable(session.unreadable)
    return missing if complete else [*missing, _past_timeout()]


async def catch_up_history(session: "Session", *, is_long: bool = False) -> list[str]:
    """Wait until the history of events and tasks is loaded; say so if it takes too long.

    Unlike `catch_up` it needs no stored results, and leaves to the caller what cannot be read.

    Args:
        session: to wait for.
        is_long: whether to wait on as long as messages arrive: all of history is wanted.
    """
    complete, received = False, -1
    while not complete and received < session.received:
        received = session.received if is_long else sys.maxsize
        complete = await session.wait_history(CATCH_UP_TIMEOUT_S)
    return [] if complete else [_past_timeout()]


def start_of_span(session: "Session", span_s: float, started: float) -> float:
    """Return the beginning of `--since`, Unix seconds by the server's clock.

    That is known only when messages have arrived, so the time until then is subtracted.

    Args:
        session: which has received messages.
        span_s: seconds before the start of the command.
        started: its start, by the monotonic clock.
    """
    return session.now() - (time.monotonic() - started) - span_s


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
