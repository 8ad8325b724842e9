"""`pulse-desktop results`: list, show and save stored results."""

from argparse import Namespace
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from pulse_desktop.cli.connection import catch_up_history, connected_session, note_missing
from pulse_desktop.cli.exit_codes import FAILED, OK
from pulse_desktop.cli.history_notes import note_left_out
from pulse_desktop.cli.output import (
    TableWriter,
    print_error,
    to_json,
    write_csv,
    write_json,
    write_remark,
    write_text,
)
from pulse_desktop.cli.parser import (
    Subparsers,
    add_command,
    add_csv_option,
    add_limit_option,
    add_shared_options,
)
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _, ngettext

if TYPE_CHECKING:
    from pulse_desktop.session.session import Session
    from pulse_desktop.state.run import StoredOutcome


class _Row(NamedTuple):
    """A listed result."""

    key: str
    task_name: str
    stored: "StoredOutcome"


_HISTORY_PER_RESULT: Final = 10
"""Messages of history in which the names of tasks are searched, for each result listed."""

_MIN_HISTORY: Final = 1_000
_MAX_HISTORY: Final = 100_000


def add_parser(subparsers: Subparsers) -> None:
    """Add the command with its subcommands."""
    parser = add_command(
        subparsers,
        "results",
        run,
        summary=_("list, show or save stored results"),
        description=_("Stored results, decoded as data: pickled code is never executed."),
        examples=(
            ("pulse-desktop results list", ""),
            ("pulse-desktop results list --csv > results.csv", _("for a spreadsheet")),
            ("pulse-desktop results show 3f9c0e6a41…", _("the whole key, as listed")),
            ("pulse-desktop results save 3f9c0e6a41… out.json", _("the stored bytes")),
        ),
    )
    commands = parser.add_subparsers(
        dest="results_command", required=True, metavar="list|show|save"
    )
    listing = commands.add_parser(
        "list",
        help=_("list keys, latest first"),
        description=_("List keys, latest first. Only as many results are read as are listed."),
    )
    show = commands.add_parser(
        "show", help=_("show one as JSON"), description=_("Show one result as JSON.")
    )
    get = commands.add_parser("get")  # hidden: the old name of `show`
    save = commands.add_parser(
        "save", help=_("save the stored bytes"), description=_("Save the stored bytes to a file.")
    )
    add_limit_option(listing)
    add_csv_option(listing)
    for each in (listing, show, get, save):
        add_shared_options(each)
    for each in (show, get, save):
        each.add_argument("key", metavar="KEY", help=_("the task id"))
    save.add_argument("path", metavar="PATH", help=_("a file; replaced if it exists"))


async def run(arguments: Namespace) -> int:
    """List, show or save stored results."""
    if arguments.results_command == "list":
        return await _list(arguments)
    async with connected_session(arguments, scope="connection") as session:
        if arguments.results_command == "save":
            return await _save(session, arguments)
        return await _show(session, arguments)


async def _list(arguments: Namespace) -> int:
    """List results as they are read: a bucket may have more than fit into memory."""
    from pulse_desktop.state.serialize import RESULT_CELLS

    limit = arguments.limit
    newest = min(_MAX_HISTORY, max(_MIN_HISTORY, limit * _HISTORY_PER_RESULT))
    headings = (_("KEY"), _("TASK"), _("OUTCOME"), _("SIZE"), _("STORED"))
    table = TableWriter(headings, _known_cells())
    listed = older = 0
    exact = True
    async with (
        connected_session(arguments, newest=newest, scope="connection") as session,
        aclosing(session.results.newest_first(limit)) as pages,
    ):
        names = _TaskNames(session)
        if arguments.csv:
            write_csv([RESULT_CELLS])
        async for page in pages:
            results = page.updates[: limit - listed]
            rows = [
                _Row(result.task_id, result.name or await names.find(result.task_id), stored)
                for result in results
                if (stored := result.stored_outcome) is not None
            ]
            _write_rows(rows, table, session.now(), arguments)
            listed += len(results)
            if listed == limit:
                if len(results) < len(page.updates) or page.unread:
                    total, exact = await _count(session)
                    older = total - listed
                break
        bucket, refusal = session.results.bucket, session.results.unreadable
    if not (listed or refusal):
        none = _("No results in {bucket}.").format(bucket=bucket)
        write_remark(none, for_scripts=arguments.json or arguments.csv)
    _note_older(older, exact=exact)
    missing = [_("results: {problem}").format(problem=refusal)] if refusal else []
    return note_missing(missing + names.missing)


def _write_rows(rows: list[_Row], table: TableWriter, now: float, arguments: Namespace) -> None:
    from pulse_desktop.state.serialize import outcome_to_dict
    from pulse_desktop.text.spreadsheet import to_cells

    if arguments.json:
        for row in rows:
            write_json(outcome_to_dict(*row))
    elif arguments.csv:
        write_csv(to_cells(outcome_to_dict(*row)) for row in rows)
    else:
        table.write(_cells(row, now) for row in rows)


class _TaskNames:
    """Finds the names of tasks whose results do not contain them, in history.

    Attributes:
        missing: what of history could not be loaded, with the reasons.
    """

    def __init__(self, session: "Session") -> None:
        self.missing: list[str] = []
        self._session = session
        self._loaded = False

    async def find(self, task_id: str) -> str:
        """Return the name of a task, empty if unknown; load history at the first call."""
        session = self._session
        if not self._loaded:
            self._loaded = True
            session.start_feeds()
            self.missing = await catch_up_history(session)
        run = session.state.runs.get(task_id)
        return run.name if run is not None else ""


async def _count(session: "Session") -> tuple[int, bool]:
    """Return the number of results in the bucket, 0 if unknown, and whether it is exact."""
    try:
        bucket = await session.results.store.status()
    except UserFacingError:
        return 0, True
    return bucket.objects or 0, bucket.exact


def _note_older(older: int, *, exact: bool) -> None:
    if exact:
        sentence = ngettext(
            "{count} older result is not shown: raise --limit.",
            "{count} older results are not shown: raise --limit.",
            older,
        )
    else:
        sentence = ngettext(
            "Up to {count} older result is not shown: raise --limit.",
            "Up to {count} older results are not shown: raise --limit.",
            older,
        )
    note_left_out(older, sentence)


def _cells(row: _Row, now: float) -> tuple[str, ...]:
    return (
        row.key,
        row.task_name or _("unknown task"),
        _outcome(row.stored),
        formats.size(row.stored.size),
        formats.ago(row.stored.stored_at, now),
    )


def _known_cells() -> dict[str, list[str]]:
    """Return the outcomes and the widest size, by heading."""
    from pulse_desktop.model.run_state import RunState
    from pulse_desktop.text.run_text import STATE_LABELS

    outcomes = (
        RunState.SUCCEEDED,
        RunState.SOFT_FAILED,
        RunState.FAILED,
        RunState.CANCELLED,
    )
    labels = [STATE_LABELS[state][0] for state in outcomes]
    return {_("OUTCOME"): [*labels, _("not read (large)")], _("SIZE"): ["999.9 KB"]}


def _outcome(stored: "StoredOutcome") -> str:
    from pulse_desktop.model.run_state import RunState
    from pulse_desktop.state.run import UNREAD
    from pulse_desktop.text.run_text import STATE_LABELS

    if stored.outcome:
        return STATE_LABELS[RunState(stored.outcome)][0]
    return _("not read (large)") if stored.format == UNREAD else stored.reason


async def _show(session: "Session", arguments: Namespace) -> int:
    stored = await session.results.read(arguments.key)
    result = stored.result
    if result is None:
        print_error(
            UserFacingError(
                _("Cannot show this result"),
                f"{arguments.key}: {stored.problem} ({formats.size(len(stored.raw))})",
                _("`pulse-desktop results save` saves the stored bytes."),
            )
        )
        return FAILED
    error = result.error
    fields = {
        "key": arguments.key,
        "is_err": result.is_err,
        "outcome": result.outcome,
        "return_value": result.return_value,
        "execution_time": result.execution_time,
        "labels": result.labels,
        "error": None if error is None else {"type": error.type, "message": error.message},
        "format": result.format,
    }
    if arguments.json:
        write_json(fields)
    else:
        write_text(to_json(fields, indent=2))
    return OK


async def _save(session: "Session", arguments: Namespace) -> int:
    size = await session.results.save(arguments.key, Path(arguments.path))
    if arguments.json:
        write_json({"key": arguments.key, "path": arguments.path, "bytes": size})
    else:
        write_text(_("saved {size} to {path}").format(size=formats.size(size), path=arguments.path))
    return OK
