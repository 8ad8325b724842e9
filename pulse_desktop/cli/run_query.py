"""The queries of `runs` and `groups`: over the runs of a session."""

from argparse import Namespace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pulse_desktop.query import Query
    from pulse_desktop.session.session import Session
    from pulse_desktop.state.run import TaskRun


def run_test(session: "Session", query: "Query", now: float) -> "Callable[[TaskRun], bool]":
    """Return the test of a query for the runs of a session at a time, Unix seconds.

    Raises:
        QueryError: a field, operator or value does not suit runs.
    """
    from pulse_desktop.query import compile_query
    from pulse_desktop.query.run_fields import run_fields

    state, profile = session.state, session.config.profile.name
    fields = run_fields(state.parameter_names, state.runs.group_id, profile)
    return compile_query(query, fields, now).accepts


class RunQuery:
    """The query of `runs`: its words, and `--state`, a shorthand for a condition.

    Attributes:
        text: the query, empty for all runs.
        states: the states of `--state`, any if empty.
    """

    def __init__(self, arguments: Namespace) -> None:
        """Read the query of a command.

        Raises:
            QueryError: it cannot be understood.
        """
        from pulse_desktop.query import compile_query, parse
        from pulse_desktop.query.run_fields import run_fields

        self.text = " ".join(arguments.query)
        self.states = frozenset(arguments.state or ())
        self._query = parse(self.text)
        compile_query(self._query, run_fields(), 0.0)

    @property
    def is_active(self) -> bool:
        """Whether there is any condition."""
        return bool(self.states or self._query.active)

    def test(self, session: "Session", now: float) -> "Callable[[TaskRun], bool]":
        """Return a test for the runs of a session at a time, Unix seconds."""
        states, accepts = self.states, run_test(session, self._query, now)
        return lambda run: (not states or run.state in states) and accepts(run)
