"""Look up the run or worker that an argument of a command refers to."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from pulse_desktop.cli.connection import CATCH_UP_TIMEOUT_S
from pulse_desktop.cli.history_notes import unread_history
from pulse_desktop.cli.output import MAX_QUOTED
from pulse_desktop.cli.run_search import MIN_PREFIX, RunSearch, matching_ids
from pulse_desktop.model.errors import NotFoundError
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _, ngettext

if TYPE_CHECKING:
    from pulse_desktop.session.session import Session
    from pulse_desktop.state.run import TaskRun

_SHOWN_MATCHES: Final = 5
_SHOWN_WORKERS: Final = 10


class AmbiguousError(NotFoundError):
    """An argument matches several runs or workers."""


async def find_run(
    session: "Session",
    task_id: str,
    missing: Sequence[str] = (),
    *,
    accept_unique_so_far: bool = False,
) -> "TaskRun":
    """Return a run by its task id, or by a prefix of it that no other run shares.

    A run of which only the result is left is found by its whole id.

    Args:
        session: which has caught up with the newest part of history; more is read if needed.
        task_id: or its first characters.
        missing: what could not be read, with the reasons.
        accept_unique_so_far: whether it is enough that no other run shares the prefix in the part
            of history that has to be read, because nothing is done to the run.

    Raises:
        NotFoundError: no run has this id.
        AmbiguousError: several runs have this prefix.
    """
    runs = session.state.runs
    await RunSearch(session, task_id, accept_unique_so_far=accept_unique_so_far).read_back()
    run = runs.get(task_id)
    if run is None and (matches := matching_ids(session, task_id)):
        if len(matches) > 1:
            raise _ambiguous_run(task_id, matches)
        task_id = matches[0]
        run = runs.get(task_id)
    if run is None or run.stored_outcome is None:
        await fetch_results(session, task_id)
        run = runs.get(task_id) or run
    elif not run.stored_outcome.format:  # its body may be on the way, and tell its name and state
        await session.wait_caught_up(CATCH_UP_TIMEOUT_S)
        run = runs.get(run.task_id) or run
    if run is None and len(task_id) < MIN_PREFIX:
        text = _("no task has this id, and the beginning of an id has at least {count} characters.")
        raise NotFoundError(
            _("No run {task_id}").format(task_id=formats.elided(task_id, MAX_QUOTED)),
            text.format(count=MIN_PREFIX),
            _("Give more characters."),
        )
    if run is None:
        missing = [*missing, *unread_history(session)]
    if run is None and missing:
        raise NotFoundError(
            _("No run {task_id}").format(task_id=formats.elided(task_id, MAX_QUOTED)),
            _("it was not found in what could be read; not readable: {missing}.").format(
                missing="; ".join(missing)
            ),
            _("`pulse-desktop doctor` lists the permissions that are missing."),
        )
    if run is None:
        raise NotFoundError(
            _("No run {task_id}").format(task_id=formats.elided(task_id, MAX_QUOTED)),
            _("this task id is unknown."),
            _("`pulse-desktop runs --since 7d` lists the known runs."),
        )
    return run


def find_worker(session: "Session", name: str, responding: frozenset[str] | None) -> str:
    """Return the identity of a worker by its name, or by a prefix of it that no other shares.

    Args:
        session: with the workers known by their heartbeats.
        name: with or without the part from the @ on.
        responding: workers that have replied to a ping, None when it was not permitted.

    Raises:
        NotFoundError: no worker has this name.
        AmbiguousError: several workers match.
    """
    online = {worker.id for worker in session.state.workers.online(session.now())}
    online |= responding or frozenset()
    if name in online:
        return name
    matches = [each for each in online if each.partition("@")[0] == name]
    matches = matches or [each for each in online if each.startswith(name)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise AmbiguousError(
            _("Ambiguous worker {name}").format(name=formats.elided(name, MAX_QUOTED)),
            ngettext(
                "{count} worker matches: {names}.", "{count} workers match: {names}.", len(matches)
            ).format(count=len(matches), names=", ".join(sorted(matches)[:_SHOWN_MATCHES])),
            _("Give the whole name."),
        )
    if online:
        names = ", ".join(sorted(online)[:_SHOWN_WORKERS])
        detail = _("these workers are online: {names}.").format(names=names)
    else:
        detail = _("no worker is online.")
    raise NotFoundError(
        _("No worker {name}").format(name=formats.elided(name, MAX_QUOTED)),
        detail,
        _("`pulse-desktop workers` lists them."),
    )


def _ambiguous_run(task_id: str, matches: list[str]) -> AmbiguousError:
    return AmbiguousError(
        _("Ambiguous task id {task_id}").format(task_id=formats.elided(task_id, MAX_QUOTED)),
        ngettext(
            "{count} task id starts with it: {task_ids}.",
            "{count} task ids start with it: {task_ids}.",
            len(matches),
        ).format(count=len(matches), task_ids=", ".join(matches[:_SHOWN_MATCHES])),
        _("Give more characters."),
    )


async def fetch_results(session: "Session", *task_ids: str) -> None:
    """Load the outcomes in the stored results of runs, of those that have one."""
    if await session.results.load_metadata(task_ids):
        await session.wait_caught_up(CATCH_UP_TIMEOUT_S)
