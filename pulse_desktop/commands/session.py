"""What every command needs: a server, a monitor connected to it, and a place for output."""

import contextlib
import os
import sys
from argparse import Namespace
from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec

from pulse_desktop.bus.errors import CannotConnectError, UserFacingError
from pulse_desktop.local.stack import running_stack
from pulse_desktop.monitor import HISTORY_S, Monitor

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
CANNOT_CONNECT: Final = 3

CONNECT_WITHIN_S: Final = 5.0


class NoServerError(CannotConnectError):
    """No server was named and no embedded stack runs."""

    def __init__(self) -> None:
        super().__init__(
            "No server to connect to",
            "No --server was given, PULSE_SERVER is not set, and no embedded stack is running.",
            "Give --server nats://HOST:4222, or start the embedded stack with "
            "`pulse-desktop` or `pulse-desktop local`.",
        )


def chosen_server(arguments: Namespace) -> tuple[str, str]:
    """Return the address to connect to and that of its monitoring port (empty when unknown).

    Raises:
        NoServerError: there is none.
    """
    named = getattr(arguments, "server", None) or os.environ.get("PULSE_SERVER", "")
    if named:
        return named, ""
    stack = running_stack()
    if stack is None:
        raise NoServerError
    return stack.server, stack.monitor


@contextlib.asynccontextmanager
async def connected_monitor(
    arguments: Namespace, *, history_s: float = HISTORY_S, backlog: int | None = None
) -> AsyncIterator[Monitor]:
    """Run a monitor that folds by itself, connected to the chosen server.

    Raises:
        CannotConnectError: with the reason.
    """
    server, monitor_url = chosen_server(arguments)
    extra: dict[str, Any] = {} if backlog is None else {"backlog": backlog}
    monitor = Monitor(server, monitor_url=monitor_url, history_s=history_s, **extra)
    try:
        await monitor.connection.open(CONNECT_WITHIN_S)
        monitor.start()
        monitor.start_pump()
        yield monitor
    finally:
        await monitor.close()


def write_json(value: Any) -> None:
    """Write one object as one line to stdout, at once."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()


def write_text(text: str) -> None:
    """Write a line to stdout."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def complain(error: UserFacingError) -> None:
    """Write to stderr what went wrong and what to do."""
    sys.stderr.write("\n".join(part for part in (error.title, error.detail, error.advice) if part))
    sys.stderr.write("\n")


def write_table(rows: list[tuple[str, ...]], headings: tuple[str, ...]) -> None:
    """Write rows of text under headings, in columns."""
    lines = [headings, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(headings))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        write_text("  ".join(cells).rstrip())
