"""`pulse-desktop runs`: list task runs."""

import re
import time
from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from pulse_desktop.cli.argument_types import duration, positive_int, run_state
from pulse_desktop.cli.connection import CATCH_UP_TIMEOUT_S, DAY_S, connected_session
from pulse_desktop.cli.exit_codes import OK
from pulse_desktop.cli.output import write_json, write_note, write_table, write_text
from pulse_desktop.cli.parser import Subparsers, add_command
from pulse_desktop.model.run_state import RunState
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _, ngettext

if TYPE_CHECKING:
    from pulse_desktop.state.run import TaskRun

_DEFAULT_LIMIT: Final = 100


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "runs",
        run,
        summary=_("list task runs, latest first"),
        description=_(
            "List task runs, latest first. They are read from history and stored results, so "
            "no window needs to have been open."
        ),
        examples=(
            ("pulse-desktop runs", ""),
            ("pulse-desktop runs --state failed --state soft_failed --since 1h", ""),
            (
                "pulse-desktop runs --json --limit 1000 | jq -r 'select(.run_s > 5) | .task_id'",
                "",
            ),
        ),
    )
    states = [str(state) for state in RunState]
    parser.add_argument(
        "--state",
        action="append",
        type=run_state,
        choices=states,
        metavar="STATE",
        help=_(
            "only runs in this state; can be repeated: {states}; "
            "the words of the window, such as 'soft failure', are accepted too"
        ).format(states=", ".join(states)),
    )
    parser.add_argument(
        "--since",
        type=duration,
        default=DAY_S,
        metavar="SPAN",
        help=_("only runs active in the last 30m, 1h, 7d (1d)"),
    )
    parser.add_argument(
        "--limit",
        type=positive_int,
        default=_DEFAULT_LIMIT,
        metavar="N",
        help=_("at most N runs (100)"),
    )


async def run(arguments: Namespace) -> int:
    """List task runs."""
    from pulse_desktop.state.serialize import run_to_dict

    # A run that was queued earlier and ended within the span has events from before it.
    history_s = max(arguments.since, DAY_S)
    async with connected_session(arguments, history_s=history_s) as session:
        complete = await session.wait_caught_up(CATCH_UP_TIMEOUT_S)
        now = time.time()
        session.state.tick(now)
        found = [
            run
            for run in session.state.runs.rows
            if (not arguments.state or run.state in arguments.state)
            and _last_activity(run) >= now - arguments.since
        ]
    if not complete:
        write_note(
            _(
                "Reading history took longer than {seconds:g} s. Some runs may be missing, and "
                "those whose result was not read are shown as “{state}”."
            ).format(seconds=CATCH_UP_TIMEOUT_S, state=_("result not read"))
        )
    found.sort(key=_start, reverse=True)
    older = len(found) - arguments.limit
    found = found[: arguments.limit]
    if arguments.json:
        for each in found:
            write_json(run_to_dict(each))
        return OK
    if not found:
        write_text(_no_runs(arguments.state or (), arguments.since))
        return OK
    headings = (_("STATE"), _("TASK"), _("QUEUED"), _("WAIT"), _("DURATION"), _("ID"))
    write_table([_cells(each, now) for each in found], headings)
    if older > 0:
        write_note(
            ngettext(
                "{count} older run is not shown: raise --limit.",
                "{count} older runs are not shown: raise --limit.",
                older,
            ).format(count=formats.count(older))
        )
    return OK


def _label(state: RunState) -> str:
    from pulse_desktop.text.run_text import STATE_LABELS

    return STATE_LABELS[state][0]


def _start(run: "TaskRun") -> float:
    return run.queued_at or run.started_at or run.last_seen


def _last_activity(run: "TaskRun") -> float:
    return max(_start(run), run.started_at or 0.0, run.finished_at or 0.0)


def _cells(run: "TaskRun", now: float) -> tuple[str, ...]:
    from pulse_desktop.text.run_text import state_name

    return (
        state_name(run),
        run.name or _("unknown task"),
        formats.clock(run.queued_at, now) or "-",
        formats.duration(run.wait_s) or "-",
        formats.duration(run.run_s) or "-",
        run.task_id,
    )


def _no_runs(states: Sequence[str], since_s: float) -> str:
    span = _short_duration(since_s)
    if not states:
        return _("No runs in the last {span}.").format(span=span)
    labels = ", ".join(_label(RunState(state)) for state in states)
    return _("No runs in the last {span} with state: {states}.").format(span=span, states=labels)


def _short_duration(seconds: float) -> str:
    """Format a duration without zero parts: `1 d` instead of `1 d 0 h`."""
    return re.sub(" 0+ [a-z]+$", "", formats.duration(seconds))
