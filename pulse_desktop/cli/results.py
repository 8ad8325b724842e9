"""`pulse-desktop results`: list, show and save stored results."""

import time
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pulse_desktop.cli.argument_types import positive_int
from pulse_desktop.cli.connection import CATCH_UP_TIMEOUT_S, connected_session
from pulse_desktop.cli.exit_codes import FAILED, OK
from pulse_desktop.cli.output import (
    print_error,
    to_json,
    write_json,
    write_note,
    write_table,
    write_text,
)
from pulse_desktop.cli.parser import Subparsers, add_command, add_shared_options
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.protocol.timestamps import format_timestamp
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _, ngettext

_DEFAULT_LIMIT: Final = 100

if TYPE_CHECKING:
    from pulse_desktop.session.session import Session
    from pulse_desktop.state.stored_results import StoredResult


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
    listing.add_argument(
        "--limit",
        type=positive_int,
        default=_DEFAULT_LIMIT,
        metavar="N",
        help=_("at most N results, the latest (100)"),
    )
    for each in (listing, show, get, save):
        add_shared_options(each)
    for each in (show, get, save):
        each.add_argument("key", metavar="KEY", help=_("the task id"))
    save.add_argument("path", metavar="PATH", help=_("a file; replaced if it exists"))


async def run(arguments: Namespace) -> int:
    """List, show or save stored results."""
    if arguments.results_command == "list":
        async with connected_session(arguments, stored_results=arguments.limit) as session:
            return await _list(session, arguments)
    async with connected_session(arguments, history_s=0.0, backlog=0, stored_results=0) as session:
        if arguments.results_command == "save":
            return await _save(session, arguments)
        return await _show(session, arguments)


async def _list(session: "Session", arguments: Namespace) -> int:
    if not await session.wait_caught_up(CATCH_UP_TIMEOUT_S):
        write_note(
            _(
                "Not all results could be read within {seconds:g} s: the oldest have no outcome."
            ).format(seconds=CATCH_UP_TIMEOUT_S)
        )
    rows = [row for row in session.state.results.rows.newest_first() if not row.stored.deleted]
    rows.sort(key=lambda row: row.stored.stored_at, reverse=True)
    older = await _count(session) - min(len(rows), arguments.limit)
    rows = rows[: arguments.limit]
    if arguments.json:
        for row in rows:
            write_json(_to_dict(row))
        _note_older(older)
        return OK
    if not rows:
        write_text(_("No results in {bucket}.").format(bucket=session.results.bucket))
        return OK
    now = time.time()
    cells = [
        (
            row.key,
            row.task_name or _("unknown task"),
            _outcome(row),
            formats.size(row.stored.size),
            formats.ago(row.stored.stored_at, now),
        )
        for row in rows
    ]
    write_table(cells, (_("KEY"), _("TASK"), _("OUTCOME"), _("SIZE"), _("STORED")))
    _note_older(older)
    return OK


async def _count(session: "Session") -> int:
    """Return the number of results in the bucket, 0 if it is unknown."""
    try:
        return (await session.results.store.status()).objects or 0
    except UserFacingError:
        return 0


def _note_older(older: int) -> None:
    if older > 0:
        text = ngettext(
            "{count} older result is not shown: raise --limit.",
            "{count} older results are not shown: raise --limit.",
            older,
        )
        write_note(text.format(count=formats.count(older)))


def _outcome(row: "StoredResult") -> str:
    from pulse_desktop.model.run_state import RunState
    from pulse_desktop.text.run_text import STATE_LABELS

    if row.outcome:
        return STATE_LABELS[RunState(row.outcome)][0]
    if row.too_large:
        return _("not read (large)")
    return row.problem or _("not read")


def _to_dict(row: "StoredResult") -> dict[str, Any]:
    return {
        "key": row.key,
        "task_name": row.task_name or None,
        "outcome": row.outcome or None,
        "format": row.format or None,
        "bytes": row.stored.size,
        "stored_at": format_timestamp(row.stored.stored_at),
        "problem": row.problem or None,
    }


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
