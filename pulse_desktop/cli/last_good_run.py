"""Search for the last good run of a task, with which `compare` compares another one."""

import contextlib
from typing import TYPE_CHECKING, Final, NamedTuple

from pulse_desktop.cli.connection import ALL_HISTORY_S
from pulse_desktop.cli.history_notes import ProgressNote, looked_at
from pulse_desktop.cli.lookup import fetch_results
from pulse_desktop.cli.output import write_note
from pulse_desktop.cli.run_search import read_back_until
from pulse_desktop.model.errors import NotFoundError
from pulse_desktop.model.run_state import RunState
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _, ngettext

if TYPE_CHECKING:
    from pulse_desktop.session.run_listing import RunListing
    from pulse_desktop.session.session import Session
    from pulse_desktop.state.run import TaskRun

MAX_RESULTS: Final = 20_000
"""Newest results that are read where no events say how runs ended."""

_FIRST_PAGE: Final = 100


class _Found(NamedTuple):
    """What a search has found.

    Attributes:
        run: the good run, None without one.
        looked: how far was looked, a sentence; empty if it was everything.
    """

    run: "TaskRun | None"
    looked: str = ""


async def find_last_good_run(session: "Session", first: "TaskRun") -> "TaskRun":
    """Return the last good run before a run, or else after it, with its stored outcome.

    Where events say how runs end, history is read back until there is one, and its result is read,
    because a return value may report a failure. Elsewhere the newest results are read.

    Raises:
        NotFoundError: there is none, as far as was looked.
    """
    found = _Found(None)
    if first.name:
        if _has_events(session, first.name):
            found = await _by_events(session, first)
        if found.run is None and not found.looked:
            found = await _by_results(session, first)
    if found.run is None:
        reason = _("no run of this task has succeeded, as far as its history is known.")
        raise NotFoundError(
            _("No good run of {name}").format(name=first.name or first.task_id),
            f"{reason} {found.looked}".rstrip(),
            _("Give the id of another run to compare it with."),
        )
    if found.looked and found.run.began_at > first.began_at:
        write_note(_("No earlier run has succeeded. {looked}").format(looked=found.looked))
    return found.run


def _has_events(session: "Session", name: str) -> bool:
    """Return whether events say how the runs of a task end."""
    return any(run.attempts and run.name == name for run in session.state.runs.rows)


async def _by_events(session: "Session", first: "TaskRun") -> _Found:
    """Return the last run that has succeeded by its events, and by its result if it has one."""
    from pulse_desktop.session.compared_runs import find_last_good_run
    from pulse_desktop.state.good_runs import last_good_run

    runs = session.state.runs

    def is_known() -> bool:
        best = last_good_run(runs, first)
        return best is not None and best.began_at <= first.began_at

    found = await find_last_good_run(
        runs,
        first,
        session.results.read,
        look_back=lambda: read_back_until(session, is_known),
        look_up=lambda task_ids: fetch_results(session, *task_ids),
    )
    return _Found(found.run, _none_of_checked(found.refuted) if found.refuted else "")


def _none_of_checked(count: int) -> str:
    text = ngettext(
        "The result of the latest {count} run that ended well reports a failure.",
        "The results of the latest {count} runs that ended well report failures.",
        count,
    )
    return text.format(count=formats.count(count))


async def _by_results(session: "Session", first: "TaskRun") -> _Found:
    """Return the last run that has succeeded by its result."""
    from pulse_desktop.session.run_listing import RunListing

    progress = ProgressNote(session)
    listing = RunListing(
        session.state.runs,
        session.results,
        session.backfill,
        session.now() - ALL_HISTORY_S,
        on_widened=progress.show,
    )
    later: TaskRun | None = None
    try:
        async with contextlib.aclosing(listing.latest_first(_FIRST_PAGE)) as pages:
            async for some in pages:
                for run in some:
                    if not _is_good(run, first):
                        continue
                    if run.began_at <= first.began_at:
                        return _Found(run)
                    later = later or run
                if listing.read >= MAX_RESULTS:
                    return _Found(later, _looked_at_results(listing))
    finally:
        progress.hide()
    if listing.problem:
        write_note(_("Results could not be read: {reason}").format(reason=listing.problem))
    return _Found(later, looked_at(session))


def _is_good(run: "TaskRun", first: "TaskRun") -> bool:
    is_other = run.task_id != first.task_id
    return is_other and run.name == first.name and run.state is RunState.SUCCEEDED


def _looked_at_results(listing: "RunListing") -> str:
    text = ngettext(
        "Looked at the newest {count} result; there are about {unread} older ones.",
        "Looked at the newest {count} results; there are about {unread} older ones.",
        listing.read,
    )
    return text.format(count=formats.count(listing.read), unread=formats.count(listing.unread))
