"""`pulse-desktop workers`: list the workers that are online."""

from argparse import Namespace
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from pulse_desktop.cli.connection import catch_up_history, connected_session, note_missing
from pulse_desktop.cli.output import (
    TableWriter,
    write_csv,
    write_json,
    write_note,
    write_remark,
)
from pulse_desktop.cli.parser import Subparsers, add_command, add_csv_option
from pulse_desktop.cli.worker_discovery import (
    HISTORY_S,
    discover_workers,
    missing_heartbeats,
    read_heartbeats,
)
from pulse_desktop.model.history_extent import NEWEST_MESSAGES
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _

if TYPE_CHECKING:
    from pulse_desktop.state.worker import Worker

_MAX_RUNNING_LENGTH: Final = 60


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "workers",
        run,
        summary=_("list the workers that are online"),
        description=_(
            "List the workers that are online: busy, idle, paused or draining, and the tasks they "
            "are running."
        ),
        examples=(
            ("pulse-desktop workers", ""),
            (
                "pulse-desktop workers --json | jq -r 'select(.state == \"paused\") | .worker'",
                "",
            ),
        ),
    )
    add_csv_option(parser)


async def run(arguments: Namespace) -> int:
    """List the workers that are online."""
    from pulse_desktop.state.serialize import WORKER_CELLS, listed_worker_to_dict
    from pulse_desktop.text.spreadsheet import to_cells
    from pulse_desktop.text.worker_text import clock_offset

    async with connected_session(
        arguments, history_s=HISTORY_S, newest=NEWEST_MESSAGES, scope="history"
    ) as session:
        missing = await catch_up_history(session)
        await read_heartbeats(session)
        responding = await discover_workers(session)
        missing += missing_heartbeats(session)
        now = session.now()
        online = {worker.id: worker for worker in session.state.workers.online(now)}
        listed = [
            listed_worker_to_dict(
                worker, now, answered=_has_replied(worker.control, name, responding)
            )
            for name, worker in sorted(online.items())
        ]
        clocks = [(name, text) for name in sorted(online) if (text := clock_offset(online[name]))]
        # A worker whose heartbeats are not seen can still reply.
        listed += [
            listed_worker_to_dict(None, now, answered=True) | {"worker": name, "control": True}
            for name in sorted(responding or frozenset())
            if name not in online
        ]
    if arguments.csv:
        write_csv([WORKER_CELLS, *map(to_cells, listed)])
    if arguments.json:
        for each in listed:
            write_json(each)
    for_scripts = arguments.json or arguments.csv
    if not listed and not missing:
        none = _("No workers: none is online, or they send no heartbeats.")
        write_remark(none, for_scripts=for_scripts)
    if for_scripts or not listed:
        return note_missing(missing)
    titles = (
        _("WORKER"),
        _("STATE"),
        _("BUSY"),
        _("LOG LEVEL"),
        _("COMMANDS"),
        _("RUNNING"),
    )
    TableWriter(titles).write(_cells(each, online.get(each["worker"])) for each in listed)
    for name, text in clocks:
        write_note(_("The clock of {worker} is off: {offset}.").format(worker=name, offset=text))
    return note_missing(missing)


def _has_replied(control: str, name: str, responding: frozenset[str] | None) -> bool | None:
    """Return whether a worker replied to the ping, None if it was not pinged."""
    return None if not control or responding is None else name in responding


def _cells(worker: dict[str, Any], seen: "Worker | None") -> tuple[str, ...]:
    busy = "-" if worker["busy"] is None else str(worker["busy"])
    return (
        worker["worker"],
        _state(worker),
        busy if worker["slots"] is None else f"{busy}/{worker['slots']}",
        (worker["log_level"] or "-").lower(),
        _commands(worker),
        formats.elided(_running(seen), _MAX_RUNNING_LENGTH) or "-",
    )


def _state(worker: dict[str, Any]) -> str:
    """Return the activity of a worker, with its health unless it is online."""
    from pulse_desktop.state.worker import WorkerActivity, WorkerHealth
    from pulse_desktop.text.worker_text import ACTIVITY_LABELS, HEALTH_LABELS

    activity = ACTIVITY_LABELS[WorkerActivity(worker["state"])][0] if worker["state"] else "-"
    if worker["health"] in (None, WorkerHealth.ONLINE):
        return activity
    health = HEALTH_LABELS[WorkerHealth(worker["health"])][0]
    return f"{activity} ({health})"


def _commands(worker: dict[str, Any]) -> str:
    """Return whether a worker accepts commands."""
    if worker["answered"] is False:
        return _("no response")
    return _("accepted") if worker["control"] else _("not accepted")


def _running(worker: "Worker | None") -> str:
    """Return the names of running tasks with their number: `2 × score, embed`."""
    from pulse_desktop.fields.worker_fields import running_tasks
    from pulse_desktop.protocol.task_names import task_name_forms
    from pulse_desktop.state.short_names import ShortNames

    counts = Counter(running_tasks(worker.tasks) if worker is not None else ())
    names = ShortNames(task_name_forms)
    for name in counts:
        names.add(name)
    return ", ".join(
        f"{count} × {names.label(name)}" if count > 1 else names.label(name)
        for name, count in counts.items()
    )
