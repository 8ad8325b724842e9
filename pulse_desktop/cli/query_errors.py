"""Errors in a query on the command line, underlined at their place."""

from typing import TYPE_CHECKING

from pulse_desktop.cli.output import write_note
from pulse_desktop.text.translation import _

if TYPE_CHECKING:
    from pulse_desktop.query import QueryError


def print_query_error(text: str, error: "QueryError") -> None:
    """Write to stderr what is wrong with a query, and where."""
    width = max(1, error.end - error.start)
    write_note(_("Wrong query: {problem}").format(problem=error.message))
    if text.isprintable():
        write_note(f"  {text}\n  {' ' * error.start}{'^' * width}")
