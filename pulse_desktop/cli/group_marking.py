"""`groups mute`, `resolve`, `note` and others: mark a failure group that is known to exist."""

import time
from argparse import Namespace
from typing import TYPE_CHECKING, Final

from pulse_desktop.cli.connection import DAY_S, catch_up, connected_session, note_missing
from pulse_desktop.cli.exit_codes import FAILED, OK, USAGE
from pulse_desktop.cli.history_notes import unread_history
from pulse_desktop.cli.output import write_json, write_note, write_text
from pulse_desktop.cli.parser import PROGRAM
from pulse_desktop.cli.run_search import read_back_until
from pulse_desktop.model.group_marks import MarkKind
from pulse_desktop.model.history_extent import NEWEST_MESSAGES
from pulse_desktop.text.translation import _

if TYPE_CHECKING:
    from pulse_desktop.session.session import Session

MARKS: Final = {
    "mute": (MarkKind.MUTED, True),
    "unmute": (MarkKind.MUTED, False),
    "resolve": (MarkKind.RESOLVED, True),
    "reopen": (MarkKind.RESOLVED, False),
    "note": (MarkKind.NOTE, True),
}
"""Commands that mark a group: the kind of the mark, and whether it is set or removed."""


async def mark_group(arguments: Namespace, command: str, group_id: str, text: str) -> int:
    """Mark a group, or remove a mark; return the exit code.

    A group that has a mark is known, but to resolve it takes the clock of the server. Another one
    is looked up there, because a mark of an id that was mistyped would have no effect, and never be
    noticed.

    Args:
        arguments: of the command.
        command: one of `MARKS`.
        group_id: as typed.
        text: of the note, empty to remove it.

    Raises:
        CannotConnectError: with the reason.
        LocalStateError: the marks cannot be read or written.
    """
    from pulse_desktop.cli.profile_choice import chosen_profile
    from pulse_desktop.query.fingerprint import is_group_id
    from pulse_desktop.session.event_publisher import actor_name
    from pulse_desktop.session.local_state.group_mark_keeper import make_mark
    from pulse_desktop.session.local_state.mark_table import MarkTable
    from pulse_desktop.session.local_state.state_file import LocalStateFile, state_file_path
    from pulse_desktop.settings_folder import profile_data_folder

    kind, is_set = MARKS[command]
    if not is_group_id(group_id) or (text and kind is not MarkKind.NOTE):
        write_note(
            _("Give the whole id of one group, as `{program} groups` lists it.").format(
                program=PROGRAM
            )
        )
        return USAGE
    file = LocalStateFile(state_file_path(profile_data_folder(), chosen_profile(arguments)))
    try:
        table = MarkTable(file)
        at = time.time()
        # Whether it fails again is judged by the clock of the server.
        if group_id not in table.load() or (is_set and kind is MarkKind.RESOLVED):
            code, at = await _look_up(arguments, group_id)
            if code != OK:
                return code
        is_set = is_set and bool(text or kind is not MarkKind.NOTE)
        table.put(group_id, kind, make_mark(actor_name(), text, at) if is_set else None)
    finally:
        file.close()
    if arguments.json:
        write_json({"group": group_id, "mark": kind, "set": is_set})
    else:
        write_text(_done_text(kind, is_set=is_set).format(id=group_id))
    return OK


def _done_text(kind: MarkKind, *, is_set: bool) -> str:
    """Return what was done, with a place for the id of the group."""
    match kind, is_set:
        case MarkKind.MUTED, True:
            return _("Muted the group {id}: it does not count as needing attention.")
        case MarkKind.MUTED, False:
            return _("The group {id} is not muted any more.")
        case MarkKind.RESOLVED, True:
            return _("Resolved the group {id}: a new failure makes it regressed.")
        case MarkKind.RESOLVED, False:
            return _("Reopened the group {id}.")
        case MarkKind.NOTE, True:
            return _("Saved the note of the group {id}.")
    return _("Removed the note of the group {id}.")


async def _look_up(arguments: Namespace, group_id: str) -> tuple[int, float]:
    """Return the exit code for a group, 0 if it has failures, and the time of the server."""
    async with connected_session(
        arguments, history_s=max(arguments.since, DAY_S), newest=NEWEST_MESSAGES
    ) as session:
        missing = await catch_up(session)
        since = session.now() - max(arguments.since, DAY_S)
        await read_back_until(session, lambda: _is_decided(session, group_id, since))
        if session.state.failure_groups.get(group_id) is not None:
            return OK, session.now()
        if session.backfill.complete_since > since:
            missing += unread_history(session)
        now = session.now()
    write_note(
        _(
            "Nothing was marked: no failure group {id} is known. It may have failed longer ago "
            "than was looked at: try a longer --since. Of too many groups, the oldest are counted "
            "as “other”. `{program} groups` lists those that are known."
        ).format(id=group_id, program=PROGRAM)
    )
    note_missing(missing)
    return FAILED if missing else USAGE, now


def _is_decided(session: "Session", group_id: str, since: float) -> bool:
    """Return whether a group is known, or history was read back to a time."""
    is_known = session.state.failure_groups.get(group_id) is not None
    return is_known or session.backfill.complete_since <= since
