"""Errors in a query on the command line, underlined at their place."""

from typing import TYPE_CHECKING

from pulse_desktop.cli.exit_codes import USAGE
from pulse_desktop.cli.output import write_note
from pulse_desktop.text.translation import _

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from pulse_desktop.query import QueryError


async def with_query_errors(text: str, command: "Awaitable[int]") -> int:
    """Await a command that runs a query; an error in the query is written to stderr.

    It may be found late: the range `now..22:00` is empty at 22:00.
    """
    from pulse_desktop.query import QueryError

    try:
        return await command
    except QueryError as error:
        print_query_error(text, error)
        return USAGE


def print_query_error(text: str, error: "QueryError") -> None:
    """Write to stderr what is wrong with a query, and where."""
    width = max(1, error.end - error.start)
    write_note(_("Wrong query: {problem}").format(problem=error.message))
    if text.isprintable():
        write_note(f"  {text}\n  {' ' * error.start}{'^' * width}")
