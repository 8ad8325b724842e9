"""`pulse-worker schedule`: list, add, remove, pause, resume and run schedules."""

import argparse
import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from nats.js.errors import NotFoundError
from taskiq import AsyncBroker, ScheduledTask, async_shared_broker
from taskiq.exceptions import SendTaskError
from taskiq.kicker import AsyncKicker

from pulse_desktop.model.log_format import loggable
from pulse_desktop.protocol.task_message import REQUESTED_BY
from pulse_desktop.text.translation import _
from pulse_workers.brokers.factory import make_broker
from pulse_workers.cli import schedule_add
from pulse_workers.cli.exit_codes import OK
from pulse_workers.cli.options import Subparsers, add_common_options
from pulse_workers.cli.output import print_line, print_note
from pulse_workers.cli.schedule_source import audited, connected_source, operator, publish_audit
from pulse_workers.config.settings import Settings
from pulse_workers.errors import ScheduleNotSentError
from pulse_workers.schedules.bucket import StoredSchedule
from pulse_workers.schedules.entry import InvalidEntry, Pause, to_utc, unknown_task_reason
from pulse_workers.schedules.source import SCHEDULED_FOR
from pulse_workers.telemetry.event_publisher import EventPublisher

_MAX_CELL: Final = 120
_COLUMNS: Final = {
    "id": _("ID"),
    "task": _("TASK"),
    "when": _("WHEN"),
    "next": _("NEXT"),
    "last": _("LAST"),
    "problem": _("PROBLEM"),
}


def add_parser(commands: Subparsers) -> None:
    """Add the command and its actions."""
    parser = commands.add_parser(
        "schedule",
        help=_("list, add, remove, pause, resume and run schedules"),
        description=_("List, add, remove, pause, resume and run schedules."),
    )
    actions = parser.add_subparsers(
        dest="action", required=True, metavar="ACTION", title=_("actions")
    )
    listing = actions.add_parser(
        "list",
        help=_("list all schedules, invalid ones included"),
        description=_(
            "List all schedules with the times of their next and last runs, and why one is "
            "invalid or paused."
        ),
    )
    listing.add_argument("--json", action="store_true", help=_("print one JSON array"))
    listing.set_defaults(run=_list)
    add = schedule_add.add_parser(actions)
    remove = actions.add_parser(
        "remove",
        help=_("remove schedules"),
        description=_("Remove schedules. Tasks that they have enqueued already are still run."),
    )
    remove.add_argument("ids", nargs="+", metavar="ID", help=_("ID of a schedule, as listed"))
    remove.set_defaults(run=_remove)
    pause = actions.add_parser(
        "pause",
        help=_("pause schedules"),
        description=_(
            "Pause schedules: no scheduler sends them until they are resumed, and a program that "
            "stores them again does not resume them."
        ),
    )
    pause.set_defaults(run=_pause)
    resume = actions.add_parser(
        "resume",
        help=_("resume paused schedules"),
        description=_(
            "Resume paused schedules. Runs that were due meanwhile are not sent, except one of a "
            "schedule for a single run (--at)."
        ),
    )
    resume.set_defaults(run=_resume)
    for several in (pause, resume):
        several.add_argument("ids", nargs="+", metavar="ID", help=_("ID of a schedule, as listed"))
    run_now = actions.add_parser(
        "run-now",
        help=_("enqueue the task of a schedule now"),
        description=_(
            "Enqueue the task of a schedule now, in addition to its runs and also while it is "
            "paused, and print the task ID."
        ),
    )
    run_now.add_argument("id", metavar="ID", help=_("ID of a schedule, as listed"))
    run_now.set_defaults(run=_run_now)
    for action in (listing, add, remove, pause, resume, run_now):
        add_common_options(action)


async def _list(options: argparse.Namespace, settings: Settings) -> int:
    async with connected_source(settings) as source:
        try:
            entries = await source.bucket.entries()
        except NotFoundError:  # nothing has created the bucket yet
            entries = []
    rows = [_row(entry) for entry in entries]
    if options.json:
        print_line(json.dumps(rows, ensure_ascii=False, indent=2))
    elif rows:
        _print_table(rows)
    else:
        print_line(_("no schedules"))
    return OK


async def _remove(options: argparse.Namespace, settings: Settings) -> int:
    async with (
        connected_source(settings) as source,
        audited(settings, "schedule_removed") as removed,
    ):
        for schedule_id in options.ids:
            await source.delete_schedule(schedule_id)
            removed.append(schedule_id)
            print_line(_("{id} removed").format(id=schedule_id))
    return OK


async def _pause(options: argparse.Namespace, settings: Settings) -> int:
    async with (
        connected_source(settings) as source,
        audited(settings, "schedule_paused") as paused,
    ):
        for schedule_id in options.ids:
            changed = await source.pause_schedule(schedule_id, operator())
            if changed:
                paused.append(schedule_id)
            text = _("{id} paused") if changed else _("{id} was paused already")
            print_line(text.format(id=schedule_id))
    return OK


async def _resume(options: argparse.Namespace, settings: Settings) -> int:
    async with (
        connected_source(settings) as source,
        audited(settings, "schedule_resumed") as resumed,
    ):
        for schedule_id in options.ids:
            changed = await source.resume_schedule(schedule_id)
            if changed:
                resumed.append(schedule_id)
            text = _("{id} resumed") if changed else _("{id} was not paused")
            print_line(text.format(id=schedule_id))
    return OK


async def _run_now(options: argparse.Namespace, settings: Settings) -> int:
    async with connected_source(settings) as source:
        task = (await source.entry(options.id)).task
    identity = settings.with_name("schedule").identity
    events = EventPublisher(settings, identity)
    broker = make_broker(settings, events, identity)
    await events.start()
    try:
        await broker.startup()
        try:
            if not await broker.has_workers():
                print_note(
                    _("no worker confirms tasks: it is lost unless another TaskIQ worker listens")
                )
            task_id = await _send(broker, task)
        finally:
            await broker.shutdown()
    finally:
        await events.close()
    print_line(task_id)
    await publish_audit(settings, "schedule_run", [options.id], task_id)
    return OK


async def _send(broker: AsyncBroker, task: ScheduledTask) -> str:
    """Enqueue the task of a schedule once, whatever its times, and return the task ID."""
    labels = {
        **task.labels,
        "schedule_id": task.schedule_id,
        SCHEDULED_FOR: datetime.now(UTC).isoformat(),
        REQUESTED_BY: operator(),
    }
    kicker: AsyncKicker[Any, Any] = AsyncKicker(task.task_name, broker, labels)
    try:
        sent = await kicker.kiq(*task.args, **task.kwargs)
    except SendTaskError as error:
        cause = error.__cause__ or error
        raise ScheduleNotSentError(
            _("{id} was not sent: {reason}").format(
                id=task.schedule_id, reason=f"{type(cause).__name__}: {cause}".rstrip(": ")
            )
        ) from error
    return sent.task_id


def _known_tasks() -> list[str]:
    return list(async_shared_broker.get_all_tasks())


def _print_table(rows: list[dict[str, Any]]) -> None:
    table = [list(_COLUMNS.values())]
    table += [[loggable(_cell(row, name), _MAX_CELL) for name in _COLUMNS] for row in rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for cells in table:
        padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        print_line("  ".join(padded).rstrip())


def _row(entry: StoredSchedule) -> dict[str, Any]:
    """Return the JSON form of a schedule; times are ISO 8601 in UTC."""
    if isinstance(entry, InvalidEntry):
        empty = dict.fromkeys((*_COLUMNS, "paused", "args", "kwargs", "labels"))
        return {**empty, "id": entry.id, "task": entry.task_name, "problem": entry.reason}
    task = entry.task
    return {
        "id": entry.id,
        "task": task.task_name,
        "when": _when(task),
        "next": _format_time(entry.next_due),
        "paused": _paused(entry.paused),
        "last": _format_time(entry.last.due if entry.last else None),
        "args": task.args,
        "kwargs": task.kwargs,
        "labels": task.labels,
        "problem": unknown_task_reason(task.task_name, _known_tasks()),
    }


def _paused(pause: Pause | None) -> dict[str, str | None] | None:
    return {"by": pause.by, "at": _format_time(to_utc(pause.at))} if pause is not None else None


def _cell(row: dict[str, Any], name: str) -> str:
    if name == "next" and row["paused"]:
        return _("paused by {user}").format(user=row["paused"]["by"])
    return row[name] or ""


def _when(task: ScheduledTask) -> str:
    parts = []
    if task.cron is not None:
        parts.append(f"cron {task.cron}{f' {task.cron_offset}' if task.cron_offset else ''}")
    if task.interval is not None:
        every = task.interval
        seconds = every.total_seconds() if isinstance(every, timedelta) else every
        parts.append(f"every {seconds:.0f} s")
    if task.time is not None:
        parts.append(f"at {_format_time(to_utc(task.time))}")
    return ", ".join(parts)


def _format_time(time: datetime | None) -> str | None:
    return time.isoformat(timespec="seconds").replace("+00:00", "Z") if time else None
