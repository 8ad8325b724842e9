"""Errors in a query on the command line, underlined at their place."""

from typing import TYPE_CHECKING, Final

from pulse_desktop.cli.exit_codes import USAGE
from pulse_desktop.cli.output import write_note
from pulse_desktop.text.translation import _

_MAX_SHOWN: Final = 160
"""Characters of a long query that are shown around an error."""

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
    write_note(_("Wrong query: {problem}").format(problem=error.message))
    if not text.isprintable():
        return
    before, after = "", ""
    start, width = error.start, max(1, error.end - error.start)
    if len(text) > _MAX_SHOWN:
        first = max(0, start - _MAX_SHOWN // 2)
        last = min(len(text), first + _MAX_SHOWN)
        before, after = "…" if first else "", "…" if last < len(text) else ""
        text, start = text[first:last], start - first
        width = max(1, min(width, len(text) - start))
    write_note(f"  {before}{text}{after}\n  {' ' * (len(before) + start)}{'^' * width}")
