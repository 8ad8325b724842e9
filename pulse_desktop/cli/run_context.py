"""What `show` prints around one run: attempts, related runs, and the way of its messages."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from pulse_desktop.cli.lookup import fetch_results
from pulse_desktop.cli.output import write_line, write_text
from pulse_desktop.cli.run_report import write_property
from pulse_desktop.model.run_state import OPEN_STATES, RunState
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _, ngettext

if TYPE_CHECKING:
    from pulse_desktop.session.session import Session
    from pulse_desktop.state.message_path import MessagePath
    from pulse_desktop.state.related_runs import RelatedRun, RelatedRuns
    from pulse_desktop.state.run import TaskRun

_MAX_PATHS: Final = 3
"""Messages whose way is shown; more are counted."""
_MAX_MESSAGES: Final = 100_000
_MAX_LOADED: Final = 50
_NAME_WIDTH: Final = 24


class RunContext:
    """The surroundings of a run.

    Attributes:
        related: parents, children and re-runs.
        paths: ways of its messages, by their ids.
        messages: number of its messages.
    """

    def __init__(self, session: "Session", run: "TaskRun") -> None:
        """Collect what is known in the session's state.

        Args:
            session: which has caught up.
            run: the run.
        """
        from pulse_desktop.state.message_path import known_messages, message_ids_of, message_path
        from pulse_desktop.state.related_runs import related_runs

        state = session.state
        self.run = run
        self.related: RelatedRuns = related_runs(state.runs, run)
        ids = [*message_ids_of(run), *state.message_runs.messages_of(run.task_id, _MAX_MESSAGES)]
        messages = known_messages(ids, state.messages.get)
        self.messages = len(messages)
        shown = messages if len(messages) <= _MAX_PATHS else ()
        self.paths: dict[str, MessagePath] = {
            message_id: message_path(state.runs, state.message_runs, row, message_id)
            for message_id, row in shown
        }

    def to_dict(self) -> dict[str, Any]:
        """Return it as a JSON-ready object."""
        from pulse_desktop.state.serialize_details import (
            attempts_to_list,
            path_to_dict,
            related_to_dict,
        )

        return {
            "attempts": attempts_to_list(self.run),
            "related": related_to_dict(self.related),
            "message_count": self.messages,
            "message_paths": [path_to_dict(path, each) for each, path in self.paths.items()],
        }

    def write(self) -> None:
        """Write it for people; nothing for what there is none of."""
        if len(self.run.attempts) > 1:
            write_property(_("attempts"), "\n".join(_attempt_lines(self.run)))
        self._write_related()
        for message_id, path in self.paths.items():
            write_property(_("message"), message_id)
            for line in _path_lines(path):
                write_line(f"  {line}")
        if self.messages > len(self.paths):
            text = ngettext("{count} message", "{count} messages", self.messages)
            write_property(_("messages"), text.format(count=formats.count(self.messages)))

    def _write_related(self) -> None:
        from pulse_desktop.text.lineage_text import more_text, pipeline_text

        if not self.related.rows:
            return
        title = _("related")
        write_text(f"{title:<12} {pipeline_text(self.related.pipeline)}".rstrip())
        for row in self.related.rows:
            write_line(f"  {_related_line(row)}")
        if more := more_text(self.related):
            write_line(f"  {more}")


async def load_outcomes(session: "Session", run: "TaskRun") -> None:
    """Read the stored results of related runs: their end was not seen, or may be a soft failure."""
    from pulse_desktop.state.related_runs import related_runs

    related = related_runs(session.state.runs, run)
    wanted = [
        row.task_id
        for row in related.rows
        if not row.is_planned and (row.run is None or _may_end_otherwise(row.run))
    ]
    await fetch_results(session, *wanted[:_MAX_LOADED])


def _may_end_otherwise(run: "TaskRun") -> bool:
    """Return whether the result of a run may say something else than its events do."""
    is_success = run.state is RunState.SUCCEEDED and run.stored_outcome is None
    return is_success or run.state in OPEN_STATES


def _attempt_lines(run: "TaskRun") -> Iterable[str]:
    from pulse_desktop.text.lineage_text import attempt_duration, attempt_error, attempt_outcome

    for attempt in run.attempts:
        label, glyph, _color = attempt_outcome(run, attempt)
        parts = (
            f"{attempt.number} {glyph} {label}",
            attempt.worker,
            formats.clock_ms(attempt.started_at),
            formats.duration(attempt_duration(attempt)),
            formats.elided(attempt_error(attempt), 200),
        )
        yield " · ".join(filter(None, parts))


def _related_line(row: "RelatedRun") -> str:
    from pulse_desktop.text.lineage_text import related_state, relation_text

    label, glyph, _color = related_state(row)
    duration = formats.duration(row.run.run_s) if row.run is not None else ""
    name = row.task_name or "-"
    state = f"{relation_text(row):<10} {glyph} {label:<14}"
    return f"{state} {name:<{_NAME_WIDTH}} {row.task_id} {duration}".rstrip()


def _path_lines(path: "MessagePath") -> Iterable[str]:
    from pulse_desktop.text.message_path_text import stages_text, step_meaning, step_state

    for step in path.steps:
        label, glyph, _color = step_state(step)
        stages = stages_text(step)
        if not step.task_id or step.is_noise:
            yield f"{stages:<10} {glyph} {step_meaning(step, path)}"
            continue
        name = (step.run.name if step.run is not None else "") or "-"
        duration = formats.duration(step.run.run_s) if step.run is not None else ""
        line = f"{stages:<10} {glyph} {label:<14} {name:<{_NAME_WIDTH}} {step.task_id} {duration}"
        yield line.rstrip()
