"""`pulse-desktop show`: details of one run."""

from argparse import Namespace

from pulse_desktop.cli.connection import (
    ALL_HISTORY_S,
    catch_up,
    connected_session,
    note_missing,
)
from pulse_desktop.cli.lookup import find_run
from pulse_desktop.cli.output import write_json, write_line, write_text
from pulse_desktop.cli.parser import Subparsers, add_command
from pulse_desktop.cli.run_report import report_run, write_property, write_report
from pulse_desktop.text.translation import _


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "show",
        run,
        summary=_("show the details of one run"),
        description=_(
            "Show the arguments, times, worker, result, error, log lines and events of one run. "
            "TASK_ID "
            "can be abbreviated to its first characters (at least 4)."
        ),
        examples=(
            ("pulse-desktop show 3f9c0e6a", ""),
            ("pulse-desktop show 3f9c0e6a --json | jq .result.return_value", ""),
        ),
    )
    parser.add_argument("task_id", metavar="TASK_ID", help=_("or its first characters"))


async def run(arguments: Namespace) -> int:
    """Show the details of one run."""
    from pulse_desktop.state.run_log import LOG_EVENT, log_lines
    from pulse_desktop.state.serialize import event_to_dict
    from pulse_desktop.text.log_text import log_text

    async with connected_session(arguments, history_s=ALL_HISTORY_S, stored_results=0) as session:
        missing = await catch_up(session)
        run = await find_run(session, arguments.task_id, missing)
        await session.waiter.wait_for_report(run.task_id)
        run = session.state.runs.get(run.task_id) or run
        report = await report_run(session, run)
        mentioning = session.state.log.mentioning(run.task_id)
        events = [event_to_dict(event) for event in mentioning]
        logged = session.state.log.mentioning(run.task_id, type_=LOG_EVENT)
        log = log_lines(logged, run.task_id)
        traceback = run.error.traceback if run.error else ""
    if arguments.json:
        lines = [line.as_dict() for line in log]
        write_json({**report, "traceback": traceback or None, "log": lines, "events": events})
        return note_missing(missing)
    write_report(report)
    if traceback:
        write_property(_("traceback"), traceback.strip())
    if log:
        write_property(_("log"), log_text(log))
    write_text(_("events"))
    for event in events:
        type_ = event["type"] or _("unreadable")
        write_line(f"  {event['timestamp']}  {event['topic']:<11} {type_}")
    return note_missing(missing)
