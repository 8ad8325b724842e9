"""The query of `runs`: its words, and the options that are shorthands for conditions."""

from argparse import Namespace
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pulse_desktop.session.session import Session
    from pulse_desktop.state.run import TaskRun


class RunQuery:
    """A query over runs, as it was typed.

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
        from pulse_desktop.query import compile_query
        from pulse_desktop.query.run_fields import run_fields

        schemas, states = session.state.workers.task_schemas, self.states

        def parameters(task_name: str) -> Sequence[str]:
            schema = schemas.get(task_name)
            return () if schema is None else [each.name for each in schema.arguments]

        profile = session.config.profile.name
        accepts = compile_query(self._query, run_fields(parameters, profile=profile), now).accepts
        return lambda run: (not states or run.state in states) and accepts(run)
