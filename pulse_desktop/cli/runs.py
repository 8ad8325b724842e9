"""`pulse-desktop runs`: list task runs."""

import re
import time
from argparse import Namespace
from collections.abc import Collection, Iterable
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from pulse_desktop.cli.argument_types import run_state, since
from pulse_desktop.cli.connection import (
    DAY_S,
    catch_up_history,
    connected_session,
    note_missing,
    start_of_span,
)
from pulse_desktop.cli.exit_codes import FAILED, OK
from pulse_desktop.cli.history_notes import (
    ProgressNote,
    looked_at,
    note_left_out,
    unread_history,
)
from pulse_desktop.cli.output import TableWriter, write_csv, write_json, write_note, write_remark
from pulse_desktop.cli.parser import (
    Subparsers,
    add_command,
    add_csv_option,
    add_limit_option,
    add_words,
)
from pulse_desktop.cli.query_errors import with_query_errors
from pulse_desktop.cli.run_query import RunQuery
from pulse_desktop.model.history_extent import NEWEST_MESSAGES
from pulse_desktop.model.run_state import RunState
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _, ngettext

if TYPE_CHECKING:
    from collections.abc import Callable

    from pulse_desktop.session.run_listing import RunListing
    from pulse_desktop.state.run import TaskRun

_MAX_TASK_WIDTH: Final = 40
"""No room is kept for a longer name that the first rows do not have."""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "runs",
        run,
        summary=_("list task runs, latest first"),
        description=_(
            "List task runs, latest first. They are read from history and stored results, so "
            "no window needs to have been open: the newest first, and only as many as it takes to "
            "find what is listed. A note says what was not looked at. QUERY is written as in the "
            "filter of the window."
        ),
        examples=(
            ("pulse-desktop runs", ""),
            ("pulse-desktop runs state:failed,soft_failed --since 1h", ""),
            ("pulse-desktop runs 'task:score ran>5s language=pl'", _("conditions on one run")),
            (
                "pulse-desktop runs --json --limit 1000 | jq -r 'select(.run_s > 5) | .task_id'",
                "",
            ),
            ("pulse-desktop runs state:failed --csv > failed.csv", _("for a spreadsheet")),
        ),
    )
    add_words(
        parser,
        "query",
        metavar="QUERY",
        help_=_("conditions, such as task:score state:failed ran>5s; several are joined"),
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
        type=since,
        default=DAY_S,
        metavar="TIME",
        help=_("only runs active in the last 30m, 1h, 7d, or since 22:00 (default: 1d)"),
    )
    add_limit_option(parser)
    add_csv_option(parser)


async def run(arguments: Namespace) -> int:
    """List task runs."""
    return await with_query_errors(" ".join(arguments.query), _list(arguments))


async def _list(arguments: Namespace) -> int:
    """List task runs as they are found: there may be more than fit into memory."""
    from pulse_desktop.session.run_listing import RunListing
    from pulse_desktop.text.unreadable_text import describe_unreadable

    started = time.monotonic()
    query = RunQuery(arguments)
    # A run that was queued earlier and ended within the span has events from before it.
    history_s = max(arguments.since, DAY_S)
    async with connected_session(
        arguments, history_s=history_s, newest=NEWEST_MESSAGES, scope="history"
    ) as session:
        missing = await catch_up_history(session)
        now, since = session.now(), start_of_span(session, arguments.since, started)
        progress = ProgressNote(session)
        writer = _RunWriter(arguments, now, session.state.runs.names.known)

        def on_widened() -> None:
            session.state.runs.tick_all(now)
            progress.show()

        session.state.runs.tick_all(now)
        listing = RunListing(
            session.state.runs,
            session.results,
            session.backfill,
            since,
            on_widened=on_widened,
        )
        await _write_latest(listing, query.test(session, now), writer, progress)
        missing += describe_unreadable(session.unreadable)
        if listing.is_history_missing:
            missing += unread_history(session)
        is_refused = bool(listing.problem) and session.connection.jetstream_error is None
        looked = looked_at(session) if writer.is_full else ""
        is_none = not writer.written
        reasons = query.why_nothing_matches(session, since, now) if is_none and query.text else []
        if reasons and (read := looked_at(session)):
            reasons.append(read)
    if is_none and not (missing or is_refused):
        for each in (_no_runs(query, arguments.since), *reasons):
            write_remark(each, for_scripts=arguments.json or arguments.csv)
    if listing.problem:
        write_note(_("Results could not be read: {reason}").format(reason=listing.problem))
    if writer.is_full:
        _note_older(writer.left_out, listing, looked, filtered=query.is_active)
    return max(note_missing(missing), FAILED if is_refused else OK)


class _RunWriter:
    """Writes runs in the form that was asked for, up to the limit.

    Attributes:
        limit: number of runs that are written at most.
        written: number of runs that were written.
        left_out: number of those that were not, because of the limit.
    """

    def __init__(self, arguments: Namespace, now: float, task_names: Collection[str]) -> None:
        """Write nothing yet.

        Args:
            arguments: of the command.
            now: Unix seconds.
            task_names: names of tasks that are known when the first runs are written.
        """
        from pulse_desktop.state.serialize import RUN_CELLS

        self._task_names = task_names
        self._table: TableWriter | None = None
        self._arguments = arguments
        self._now = now
        self.limit: int = arguments.limit
        self.written = self.left_out = 0
        if arguments.csv:
            write_csv([RUN_CELLS])

    @property
    def is_full(self) -> bool:
        """Whether the limit is reached."""
        return self.written == self.limit

    def write(self, runs: "list[TaskRun]") -> None:
        """Write the first of some runs, as many as the limit allows."""
        from pulse_desktop.state.serialize import run_to_cells, run_to_dict

        fitting = runs[: self.limit - self.written]
        self.written += len(fitting)
        self.left_out += len(runs) - len(fitting)
        if self._arguments.json:
            for run in fitting:
                write_json(run_to_dict(run))
        elif self._arguments.csv:
            write_csv(map(run_to_cells, fitting))
        elif fitting:
            if self._table is None:
                self._table = _table(fitting, self._task_names)
            self._table.write(_cells(run, self._now) for run in fitting)


async def _write_latest(
    listing: "RunListing",
    is_wanted: "Callable[[TaskRun], bool]",
    writer: _RunWriter,
    progress: ProgressNote,
) -> None:
    """Write the latest runs that are wanted, and count those that were found beyond the limit."""
    async with aclosing(listing.latest_first(writer.limit)) as found:
        async for some in found:
            runs = [run for run in some if is_wanted(run)]
            progress.hide()
            writer.write(runs)
            if writer.is_full:
                writer.left_out += sum(is_wanted(run) for run in listing.remaining())
                break
    progress.hide()


def _note_older(older: int, listing: "RunListing", looked: str, *, filtered: bool) -> None:
    """Note how many runs are left out, as far as that is known.

    Args:
        older: matching runs that were found.
        listing: knows how many results were not read, and whether they may be of these runs.
        looked: what was looked at, empty if all of history was.
        filtered: whether only matching runs are listed: few of the unread ones may match.
    """
    more = _("There may be more, older runs: raise --limit.")
    if looked:
        write_note(f"{more} {looked}")
    elif not listing.unread:
        note_left_out(
            older,
            ngettext(
                "{count} older run is not shown: raise --limit.",
                "{count} older runs are not shown: raise --limit.",
                older,
            ),
        )
    elif not filtered and not listing.is_unread_of_found:
        count = older + listing.unread
        note_left_out(
            count,
            ngettext(
                "Up to {count} older run is not shown: raise --limit.",
                "Up to {count} older runs are not shown: raise --limit.",
                count,
            ),
        )
    elif older:
        note_left_out(
            older,
            ngettext(
                "At least {count} older run is not shown: raise --limit.",
                "At least {count} older runs are not shown: raise --limit.",
                older,
            ),
        )
    else:
        write_note(more)


def _table(first: "list[TaskRun]", task_names: Iterable[str]) -> TableWriter:
    """Return the table that begins with some runs.

    The errors are the last column, without a heading if none of the first runs has one.
    """
    error = _("ERROR") if any(run.reason for run in first) else ""
    headings = (_("STATE"), _("TASK"), _("QUEUED"), _("WAIT"), _("DURATION"), _("ID"), error)
    return TableWriter(headings, _known_cells(task_names))


def _known_cells(task_names: Iterable[str]) -> dict[str, list[str]]:
    """Return the states, the tasks and the widest times, by heading."""
    from pulse_desktop.text.run_text import RESULT_NOT_READ, STATE_LABELS, UNREADABLE_RESULT

    labels = [label for label, _glyph, _color in STATE_LABELS.values()]
    widest = ["59 min 59 s"]
    return {
        _("STATE"): [*labels, RESULT_NOT_READ, UNREADABLE_RESULT],
        _("TASK"): [name for name in task_names if len(name) <= _MAX_TASK_WIDTH],
        _("QUEUED"): ["30 Nov 23:59:59"],
        _("WAIT"): widest,
        _("DURATION"): widest,
    }


def _label(state: RunState) -> str:
    from pulse_desktop.text.run_text import STATE_LABELS

    return STATE_LABELS[state][0]


def _cells(run: "TaskRun", now: float) -> tuple[str, ...]:
    from pulse_desktop.text.run_text import state_name, translated_reason

    return (
        state_name(run),
        run.name or _("unknown task"),
        formats.clock(run.queued_at, now) or "-",
        formats.duration(run.wait_s) or "-",
        formats.duration(run.run_s) or "-",
        run.task_id,
        translated_reason(run.reason),
    )


def _no_runs(query: RunQuery, max_age_s: float) -> str:
    span = _short_duration(max_age_s)
    if query.text:
        return _("No runs in the last {span} that match.").format(span=span)
    if not query.states:
        return _("No runs in the last {span}.").format(span=span)
    labels = ", ".join(_label(RunState(state)) for state in sorted(query.states))
    return _("No runs in the last {span} with state: {states}.").format(span=span, states=labels)


def _short_duration(seconds: float) -> str:
    """Format a duration without zero parts: `1 d` instead of `1 d 0 h`."""
    return re.sub(" 0+ [a-z]+$", "", formats.duration(seconds))
