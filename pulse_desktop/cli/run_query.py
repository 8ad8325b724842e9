"""The queries of `runs` and `groups`: over the runs of a session."""

import time
from argparse import Namespace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pulse_desktop.query import FieldSet, Query
    from pulse_desktop.session.session import Session
    from pulse_desktop.state.run import TaskRun


def run_test(session: "Session", query: "Query", now: float) -> "Callable[[TaskRun], bool]":
    """Return the test of a query for the runs of a session at a time, Unix seconds.

    Raises:
        QueryError: a field, operator or value does not suit runs.
    """
    from pulse_desktop.query import compile_query

    return compile_query(query, _fields(session), now).accepts


def _fields(session: "Session") -> "FieldSet[TaskRun]":
    """Return the fields of the runs of a session."""
    from pulse_desktop.fields.run_fields import run_fields

    state, name = session.state, session.config.profile.query_name
    return run_fields(state.parameter_names, state.runs.group_id, lambda: name)


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
        from pulse_desktop.fields.run_fields import run_fields
        from pulse_desktop.query import compile_query, parse

        self.text = " ".join(arguments.query)
        self.states = frozenset(arguments.state or ())
        self._query = parse(self.text)
        compile_query(self._query, run_fields(), time.time())

    @property
    def is_active(self) -> bool:
        """Whether there is any condition."""
        return bool(self.states or self._query.active)

    def test(self, session: "Session", now: float) -> "Callable[[TaskRun], bool]":
        """Return a test for the runs of a session at a time, Unix seconds."""
        states, accepts = self.states, run_test(session, self._query, now)
        return lambda run: (not states or run.state in states) and accepts(run)

    def why_nothing_matches(self, session: "Session", since: float, now: float) -> list[str]:
        """Return why no run was listed, as the window says it, one sentence each.

        Args:
            session: with the runs that were looked at.
            since: Unix seconds; runs that were not active afterwards were not listed.
            now: Unix seconds.
        """
        from pulse_desktop.fields.call_names import run_keys
        from pulse_desktop.query.explanation import MAX_ROWS, Explainer
        from pulse_desktop.text.query_text import explanation_sentences

        others: dict[str, Callable[[TaskRun], bool]] = {
            "--since": lambda run: run.last_activity >= since
        }
        if self.states:
            others["--state"] = lambda run: run.state in self.states
        parameters = session.state.parameter_names
        explainer = Explainer(
            self._query,
            _fields(session),
            now,
            others=others,
            keys=lambda field, run: run_keys(field, run, parameters(run.name)),
        )
        rows = session.state.runs.rows
        explainer.look_at(rows.span(max(rows.start, rows.stop - MAX_ROWS), rows.stop))
        is_complete = rows.stop - rows.start <= MAX_ROWS
        return explanation_sentences(explainer.explanations(), is_complete=is_complete)
