"""`pulse-desktop groups`: list failure groups, show one, and mark it."""

import math
import time
from argparse import Namespace
from typing import TYPE_CHECKING, Final

import msgspec

from pulse_desktop.cli.argument_types import since
from pulse_desktop.cli.connection import (
    DAY_S,
    catch_up,
    connected_session,
    note_missing,
    start_of_span,
)
from pulse_desktop.cli.exit_codes import FAILED, USAGE
from pulse_desktop.cli.group_marking import MARKS, mark_group
from pulse_desktop.cli.group_report import write_example, write_group, write_part
from pulse_desktop.cli.history_notes import looked_at, unread_history
from pulse_desktop.cli.output import (
    MAX_QUOTED,
    TableWriter,
    write_csv,
    write_json,
    write_note,
    write_remark,
)
from pulse_desktop.cli.parser import (
    PROGRAM,
    Subparsers,
    add_command,
    add_csv_option,
    add_limit_option,
    add_words,
)
from pulse_desktop.cli.query_errors import with_query_errors
from pulse_desktop.cli.run_query import run_test
from pulse_desktop.cli.run_search import read_back_until
from pulse_desktop.model.history_extent import MAX_LOOK_BACK_S, NEWEST_MESSAGES
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _

if TYPE_CHECKING:
    from collections.abc import Callable

    from pulse_desktop.session.session import Session
    from pulse_desktop.state.failure_group import FailureGroup
    from pulse_desktop.state.run import TaskRun

_COMMANDS: Final = ("show", *MARKS)


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "groups",
        run,
        summary=_("list failure groups: runs that failed for the same reason"),
        description=_(
            "List groups of runs that failed for the same reason, latest first; with a QUERY those "
            "with runs that match it, and how many do. History is read newest first, as far back "
            "as --since; a note says what was not looked at. `groups show ID` describes one: what "
            "its failures share, and an example. `groups mute ID`, `unmute ID`, `resolve ID`, "
            "`reopen ID` and `note ID TEXT` mark one on this machine, for all windows of the "
            "profile; an empty TEXT removes the note."
        ),
        examples=(
            ("pulse-desktop groups --since 1h", ""),
            ("pulse-desktop groups 'task:extract language=pl'", _("a query for runs")),
            ("pulse-desktop groups --since 7d --csv > groups.csv", _("for a spreadsheet")),
            ("pulse-desktop groups show 3f9c0e6a4121", ""),
            ("pulse-desktop groups resolve 3f9c0e6a4121", ""),
            ("pulse-desktop groups note 3f9c0e6a4121 'waits for OPS-311'", ""),
        ),
    )
    add_words(
        parser,
        "words",
        metavar="QUERY | COMMAND ID",
        help_=_("a query for runs, or {commands} with the id of a group").format(
            commands=", ".join(_COMMANDS)
        ),
    )
    parser.add_argument(
        "--since",
        type=since,
        default=DAY_S,
        metavar="TIME",
        help=_("only failures of the last 30m, 1h, 7d, or since 22:00 (default: 1d)"),
    )
    add_limit_option(parser)
    add_csv_option(parser)


async def run(arguments: Namespace) -> int:
    """List groups, show one, or mark one."""
    command, *rest = arguments.words or [""]
    if command in _COMMANDS:
        return await _run_command(arguments, command, rest)
    text = " ".join(arguments.words)
    return await with_query_errors(text, _list(arguments, text))


async def _run_command(arguments: Namespace, command: str, words: list[str]) -> int:
    """Show a group or mark it; a query that begins with such a word has to be one argument."""
    from pulse_desktop.query.fingerprint import is_group_id_prefix

    if not words:
        text = _("{command} needs the id of a group, as `{program} groups` lists it.")
        write_note(text.format(command=command, program=PROGRAM))
        return USAGE
    if not is_group_id_prefix(words[0]):
        text = _(
            "“{word}” is not a group id (12 hex digits, as `{program} groups` lists them). To "
            "search for these words, quote them as one argument: `{program} groups '{query}'`."
        )
        query = formats.elided(" ".join((command, *words)), MAX_QUOTED)
        write_note(
            text.format(word=formats.elided(words[0], MAX_QUOTED), program=PROGRAM, query=query)
        )
        return USAGE
    if arguments.csv:
        write_note(_("--csv is for a list of groups, not for one."))
        return USAGE
    if command == "show":
        if len(words) > 1:
            write_note(_("Give one id: `show` describes one group."))
            return USAGE
        return await _show(arguments, words[0])
    return await mark_group(arguments, command, words[0], " ".join(words[1:]))


# Listing


async def _list(arguments: Namespace, text: str) -> int:
    from pulse_desktop.fields.run_fields import run_fields
    from pulse_desktop.query import compile_query, parse
    from pulse_desktop.state.serialize_groups import (
        GROUP_CELLS,
        group_to_cells,
        listed_group_to_dict,
    )

    started = time.monotonic()
    query = parse(text)
    compile_query(query, run_fields(), time.time())
    async with connected_session(
        arguments, history_s=max(arguments.since, DAY_S), newest=NEWEST_MESSAGES
    ) as session:
        missing = await catch_up(session)
        since = start_of_span(session, arguments.since, started)
        missing += await _load(session, since)
        counts = accepts = None
        if query.active:
            accepts = run_test(session, query, session.now())
            counts = _count_matching(session, accepts, since)
        now = session.now()
        groups = [
            (group, group.count_between(since, math.inf) if counts is None else counts[group.id])
            for group in session.state.failure_groups.since(since)
            if counts is None or group.id in counts
        ]
        shown = [
            (_limited(session, group, since, accepts), count)
            for group, count in groups[: arguments.limit]
        ]
        if arguments.json:
            for each in shown:
                write_json(listed_group_to_dict(*each))
        elif arguments.csv:
            write_csv([GROUP_CELLS, *(group_to_cells(*each) for each in shown)])
        elif shown:
            _write_table(session, shown, now)
        if not (groups or missing):
            write_remark(_no_groups(text), for_scripts=arguments.json or arguments.csv)
        looked = looked_at(session)
    if looked:
        write_note(looked)
    _note_rest(len(groups) - len(shown), sum(g.marks.muted is not None for g, _count in shown))
    return note_missing(missing)


async def _load(session: "Session", since: float) -> list[str]:
    """Read the past and the marks; return what of it is missing.

    Args:
        session: which has caught up with the newest part of history.
        since: Unix seconds; failures since then are wanted, and no more is read than that takes.
    """
    missing: list[str] = []
    await read_back_until(session, lambda: _are_failures_known(session, since))
    if session.backfill.complete_since > since:
        missing += unread_history(session)
    await session.group_marks.load()
    groups = session.state.failure_groups
    groups.tick_all(session.now())
    if session.group_marks.problem is not None:
        missing.append(str(session.group_marks.problem))
    return missing


def _are_failures_known(session: "Session", since: float) -> bool:
    """Return whether history was read back to a time, and to the start of what failed after it.

    The message of its start has the arguments, which failures may share. It may not be stored.
    """
    read_since, groups = session.backfill.complete_since, session.state.failure_groups
    if read_since > since:
        return False
    if read_since <= since - MAX_LOOK_BACK_S:
        return True
    failed = (run for group in groups.since(since) for run in groups.runs_of(group.id, since))
    return all(run.request is not None for run in failed)


def _count_matching(
    session: "Session", accepts: "Callable[[TaskRun], bool]", since: float
) -> dict[str, int]:
    """Return how many runs of each group match a query and failed since a time."""
    groups = session.state.failure_groups
    counts = {
        group.id: sum(map(accepts, groups.runs_of(group.id, since)))
        for group in groups.since(since)
    }
    return {group_id: count for group_id, count in counts.items() if count}


def _limited(
    session: "Session",
    group: "FailureGroup",
    since: float,
    accepts: "Callable[[TaskRun], bool] | None",
) -> "FailureGroup":
    """Return a group with what the listed runs share, instead of all failures that were read."""
    if accepts is None and group.count_between(-math.inf, since) == 0:
        return group
    shared = session.state.failure_groups.shared_between(group.id, since, math.inf, accepts)
    return msgspec.structs.replace(group, shared=shared)


def _write_table(session: "Session", groups: "list[tuple[FailureGroup, int]]", now: float) -> None:
    from pulse_desktop.fields.shared_condition import shared_text
    from pulse_desktop.text.group_text import (
        GROUP_LABELS,
        group_title,
        shown_state,
        tasks_text,
    )

    headings = (_("STATE"), _("RUNS"), _("LAST"), _("TASK"), _("SHARED"), _("ID"), _("MESSAGE"))
    TableWriter(headings).write(
        (
            GROUP_LABELS[shown_state(group)][0],
            formats.count(count),
            formats.ago(group.last_seen, now),
            tasks_text(group, session.state.runs.names.label),
            shared_text(group.shared[0]) if group.shared else "-",
            group.id,
            group_title(group),
        )
        for group, count in groups
    )


def _no_groups(text: str) -> str:
    if text:
        return _("No failure group has runs that match.")
    return _("No run failed in this time.")


def _note_rest(hidden: int, muted: int) -> None:
    from pulse_desktop.text.group_text import count_text, muted_text

    if hidden:
        write_note(_("{count} not shown: raise --limit.").format(count=count_text(hidden)))
    if muted:
        write_note(_("{muted}.").format(muted=muted_text(muted)))


# One group


async def _show(arguments: Namespace, wanted: str) -> int:
    from pulse_desktop.fields.shared_condition import shared_tooltip
    from pulse_desktop.state.serialize_groups import group_to_dict

    started = time.monotonic()
    async with connected_session(
        arguments, history_s=max(arguments.since, DAY_S), newest=NEWEST_MESSAGES
    ) as session:
        missing = await catch_up(session)
        missing += await _load(session, start_of_span(session, arguments.since, started))
        looked = looked_at(session)
        groups = session.state.failure_groups
        found = [group for group in groups.groups() if group.id.startswith(wanted)]
        if len(found) != 1:
            write_note(_not_one(wanted, [group.id for group in found]))
            note_missing(missing)
            return FAILED
        group, now = found[0], session.now()
        example = session.state.runs.get(group.example) if group.example else None
        label = session.state.runs.names.label
        ids = [run.task_id for run in groups.runs_of(group.id)]
    if looked:
        write_note(looked)
    if arguments.json:
        write_json(
            group_to_dict(group)
            | {
                "task_ids": ids[: arguments.limit],
                "traceback": (example.error.traceback or None)
                if example is not None and example.error is not None
                else None,
            }
        )
        return note_missing(missing)
    write_group(group, now, [label(name) for name in group.tasks])
    for shared in group.shared:
        write_part(_("shared"), shared_tooltip(shared))
    write_example(example)
    return note_missing(missing)


def _not_one(wanted: str, found: list[str]) -> str:
    if not found:
        text = _("There is no failure group {id} in this time: try a longer --since.")
        return text.format(id=wanted)
    return _("{id} is the beginning of several: {ids}.").format(id=wanted, ids=", ".join(found))
