"""`pulse-desktop show`: details of one run."""

from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from pulse_desktop.cli.connection import ALL_HISTORY_S, catch_up, connected_session, note_missing
from pulse_desktop.cli.history_notes import looked_at
from pulse_desktop.cli.lookup import find_run
from pulse_desktop.cli.output import write_json, write_line, write_note, write_text
from pulse_desktop.cli.parser import Subparsers, add_command
from pulse_desktop.cli.run_context import RunContext, load_outcomes
from pulse_desktop.cli.run_report import report_run, write_property, write_report
from pulse_desktop.cli.run_search import UNIQUE_PREFIX, are_origins_known, read_back_until
from pulse_desktop.model.history_extent import NEWEST_MESSAGES
from pulse_desktop.protocol.timestamps import format_timestamp
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _, ngettext

if TYPE_CHECKING:
    from pulse_desktop.protocol.event import Event

_MAX_LISTED: Final = 10
"""Events of one type with a line each; more are counted."""
_ALWAYS_LISTED: Final = frozenset(
    {"task.queued", "task.started", "task.succeeded", "task.failed", "task.cancelled"}
)


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "show",
        run,
        summary=_("show the details of one run"),
        description=_(
            "Show the arguments, times, attempts, worker, progress, result, error, related runs, "
            "log lines and events of one run, and the stages of the messages that it was about. "
            "Events of a type with more than 10 are counted. TASK_ID can be abbreviated to its "
            "first characters (at least 4)."
        ),
        examples=(
            ("pulse-desktop show 3f9c0e6a", ""),
            ("pulse-desktop show 3f9c0e6a --json | jq .result.return_value", ""),
        ),
    )
    parser.add_argument("task_id", metavar="TASK_ID", help=_("or its first characters"))


async def run(arguments: Namespace) -> int:
    """Show the details of one run."""
    from pulse_desktop.model.run_state import OPEN_STATES
    from pulse_desktop.state.event_search import EventSearch
    from pulse_desktop.state.run_log import LOG_EVENT, log_lines
    from pulse_desktop.state.serialize import event_to_dict
    from pulse_desktop.text.log_text import log_text
    from pulse_desktop.text.progress_text import progress_text

    async with connected_session(
        arguments, history_s=ALL_HISTORY_S, newest=NEWEST_MESSAGES, stored_results=0
    ) as session:
        missing = await catch_up(session)
        run = await find_run(session, arguments.task_id, missing, accept_unique_so_far=True)
        await read_back_until(session, lambda: are_origins_known(session, run))
        looked = looked_at(session) if len(arguments.task_id) < UNIQUE_PREFIX else ""
        await session.waiter.wait_for_report(run.task_id)
        if run.state in OPEN_STATES:
            await session.results.load_progress(run.task_id)
        session.state.runs.tick_all(session.now())  # it may be overdue
        run = session.state.runs.get(run.task_id) or run
        report = await report_run(session, run)
        search = EventSearch(session.state.log, run.task_id)
        search.finish()
        events, counts = search.events(), search.counts
        log = log_lines(search.events(LOG_EVENT), run.task_id)
        traceback = run.error.traceback if run.error else ""
        await load_outcomes(session, run)
        context = RunContext(session, run)
        now = session.now()
    if arguments.json:
        lines = [line.as_dict() for line in log]
        details = {
            "traceback": traceback or None,
            "log": lines,
            "events": [event_to_dict(event) for event in events],
            "event_counts": counts,
        }
        write_json({**report, **details, **context.to_dict()})
        _note_prefix(arguments.task_id, run.task_id, looked)
        return note_missing(missing)
    write_report(report)
    if run.progress is not None and run.state in OPEN_STATES:
        parts = progress_text(run, now), run.progress.message
        write_property(_("progress"), " · ".join(filter(None, parts)))
    if traceback:
        write_property(_("traceback"), traceback.strip())
    context.write()
    if log:
        write_property(_("log"), log_text(log))
    _write_events(events, counts)
    _note_prefix(arguments.task_id, run.task_id, looked)
    return note_missing(missing)


def _note_prefix(prefix: str, task_id: str, looked: str) -> None:
    """Note that an older run may begin like this one, if not all of history was looked at."""
    if looked and prefix != task_id:
        text = _("An older run may begin with {prefix} too. {looked}")
        write_note(text.format(prefix=prefix, looked=looked))


def _write_events(events: "Sequence[Event]", counts: Mapping[str, int]) -> None:
    """Write a line for each event; of a type with many, only their number.

    Args:
        events: in the order of their timestamps.
        counts: number of events by type.
    """
    from pulse_desktop.text.event_text import event_summary

    write_text(_("events"))
    many = {type_: count for type_, count in counts.items() if count > _MAX_LISTED}
    many = {type_: count for type_, count in many.items() if type_ not in _ALWAYS_LISTED}
    for event in events:
        if event.type not in many:
            time, type_ = format_timestamp(event.timestamp), event.type or _("unreadable")
            line = f"  {time}  {event.topic:<11} {type_:<15} {event_summary(event)}"
            write_line(line.rstrip())
    for type_, count in many.items():
        text = ngettext("{count} event {type}", "{count} events {type}", count)
        write_line("  " + text.format(count=formats.count(count), type=type_ or _("unreadable")))
