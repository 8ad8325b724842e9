"""`pulse-desktop compare`: two runs side by side."""

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from pulse_desktop.cli.connection import ALL_HISTORY_S, catch_up, connected_session, note_missing
from pulse_desktop.cli.exit_codes import USAGE
from pulse_desktop.cli.last_good_run import find_last_good_run
from pulse_desktop.cli.lookup import find_run
from pulse_desktop.cli.output import write_json, write_line, write_note, write_text
from pulse_desktop.cli.parser import Subparsers, add_command
from pulse_desktop.model.history_extent import NEWEST_MESSAGES
from pulse_desktop.text.translation import _

if TYPE_CHECKING:
    from pulse_desktop.session.session import Session
    from pulse_desktop.state.run import TaskRun
    from pulse_desktop.state.run_comparison import RunComparison


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "compare",
        run,
        summary=_("compare two runs"),
        description=_(
            "Compare arguments, labels, worker, attempts, duration, result and error of two runs; "
            "JSON is compared value by value. With a single TASK_ID, the other run is the last "
            "successful one of the same task before it, or else after it (--last-good). "
            "Differences alone are printed; --all prints equal values too."
        ),
        examples=(
            ("pulse-desktop compare 3f9c0e6a --last-good", ""),
            ("pulse-desktop compare 3f9c0e6a 77b1d2c0 --json", ""),
        ),
    )
    parser.add_argument("task_id", metavar="TASK_ID", help=_("or its first characters"))
    other = parser.add_mutually_exclusive_group()
    other.add_argument(
        "other_id", nargs="?", metavar="OTHER_ID", help=_("the run to compare it with")
    )
    other.add_argument(
        "--last-good",
        action="store_true",
        help=_("compare it with the last successful run of its task (the default)"),
    )
    parser.add_argument("--all", action="store_true", help=_("print equal values too"))


async def run(arguments: Namespace) -> int:
    """Compare two runs."""
    from pulse_desktop.state.run_comparison import argument_names, compare_runs
    from pulse_desktop.state.serialize_details import comparison_to_dict

    async with connected_session(
        arguments, history_s=ALL_HISTORY_S, newest=NEWEST_MESSAGES, stored_results=0
    ) as session:
        missing = await catch_up(session)
        first = await find_run(session, arguments.task_id, missing, accept_unique_so_far=True)
        await session.waiter.wait_for_report(first.task_id)
        first = session.state.runs.get(first.task_id) or first
        if arguments.other_id:
            second = await find_run(session, arguments.other_id, missing, accept_unique_so_far=True)
            if second.task_id == first.task_id:
                write_note(_("Both ids belong to the same run: {id}.").format(id=first.task_id))
                return USAGE
        else:
            second = await find_last_good_run(session, first)
        values = await _return_values(session, first, second)
        first, second = (session.state.runs.get(each.task_id) or each for each in (first, second))
        names = argument_names(first, second, session.state.workers.task_schemas)
        comparison = compare_runs(first, second, values[0], values[1], names)
    if arguments.json:
        write_json(comparison_to_dict(comparison))
    else:
        _write(comparison, everything=arguments.all)
    return note_missing(missing)


async def _return_values(session: "Session", *runs: "TaskRun") -> list[Any]:
    """Return what runs returned, `UNKNOWN` if it is not known; stderr says why, if it matters."""
    from pulse_desktop.session.compared_runs import read_return_value
    from pulse_desktop.state.run_comparison import UNKNOWN

    found = [await read_return_value(run, session.results.read) for run in runs]
    is_one_known = any(each.value is not UNKNOWN for each in found)
    for run, (value, problem) in zip(runs, found, strict=True):
        if problem:
            text = _("The result of {task_id} is not known: {problem}")
            write_note(text.format(task_id=run.task_id, problem=problem))
        elif value is UNKNOWN and is_one_known:
            text = _("The result of {task_id} is not known: {bucket} has none.")
            write_note(text.format(task_id=run.task_id, bucket=session.results.bucket))
    return [each.value for each in found]


def _write(comparison: "RunComparison", *, everything: bool) -> None:
    """Write a line per value: mark, title, both values, and how far they are apart."""
    from pulse_desktop.state.run_comparison import Difference
    from pulse_desktop.text.comparison_text import (
        change_text,
        delta_text,
        mark_label,
        row_title,
        summary_text,
    )

    for title, each in ((_("first"), comparison.first), (_("second"), comparison.second)):
        write_text(f"{title:<8} {each.task_id}  {each.name}")
    for row in comparison.rows:
        if row.difference is Difference.SAME and not everything:
            continue
        label, glyph, _color = mark_label(row)
        delta = delta_text(row)
        line = f"{glyph} {label:<12} {row_title(row)}: {change_text(row)}"
        write_line(f"{line}  ({delta})" if delta else line)
    write_text(summary_text(comparison))
