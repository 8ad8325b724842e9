"""`pulse-worker schedule list|add|remove`: manage schedules."""

import argparse
import contextlib
import getpass
import json
import socket
import sys
import uuid
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any, Final

from nats.js.errors import NotFoundError
from taskiq import ScheduledTask, async_shared_broker

from pulse_desktop.model.log_format import loggable
from pulse_desktop.protocol.task_names import canonical_name
from pulse_desktop.text.translation import _
from pulse_workers.chat.application import CHAT
from pulse_workers.cli.exit_codes import OK
from pulse_workers.cli.options import Subparsers, add_common_options
from pulse_workers.cli.output import print_line
from pulse_workers.config.settings import Settings
from pulse_workers.schedules.bucket import StoredSchedule
from pulse_workers.schedules.cron import InvalidScheduleError
from pulse_workers.schedules.entry import InvalidEntry, to_utc, unknown_task_reason
from pulse_workers.schedules.source import JsonScheduleSource
from pulse_workers.telemetry.event_publisher import EventPublisher

_ADD: Final = _("""\
Store a schedule. A cron expression takes effect from now on, an interval starts immediately, and a
time in the past is sent immediately, with its delay in the label late_s. Runs missed while no
scheduler was running are sent once, not once each.
""")
_ADD_EXAMPLES: Final = _("""\
examples:
  pulse-worker schedule add my_tasks:report --cron '0 3 * * *' --tz Europe/Kyiv
  pulse-worker schedule add my_tasks:check --every 30s --id check --args '["db"]'
  pulse-worker schedule add my_tasks:remind --at 2026-12-01T09:00+02:00 --kwargs '{"who": "ops"}'

cron: minute, hour, day of month, month, day of week (0 or sun is Sunday). When daylight saving time
begins or ends, an expression with a fixed hour runs once a day, one with every hour (*) follows
real time.
""")
_MAX_CELL: Final = 120
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
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
        help=_("list, add and remove schedules"),
        description=_("List, add and remove schedules."),
    )
    actions = parser.add_subparsers(
        dest="action", required=True, metavar="ACTION", title=_("actions")
    )
    listing = actions.add_parser("list", help=_("list all schedules, invalid ones included"))
    listing.add_argument("--json", action="store_true", help=_("print one JSON array"))
    listing.set_defaults(run=_list)
    add = actions.add_parser(
        "add",
        help=_("store a schedule"),
        description=_ADD,
        epilog=_ADD_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_options_of_add(add)
    add.set_defaults(run=_add)
    remove = actions.add_parser("remove", help=_("remove schedules"))
    remove.add_argument("ids", nargs="+", metavar="ID", help=_("ID of a schedule, as listed"))
    remove.set_defaults(run=_remove)
    for action in (listing, add, remove):
        add_common_options(action)


def _add_options_of_add(add: argparse.ArgumentParser) -> None:
    add.add_argument("name", metavar="NAME", help=_("name of the task, module:function"))
    when = add.add_mutually_exclusive_group(required=True)
    when.add_argument(
        "--cron", metavar="LINE", help=_("cron expression of five fields, such as '*/10 * * * *'")
    )
    when.add_argument(
        "--every", type=_interval, metavar="TIME", help=_("interval, such as 30s, 5m, 2h or 1d")
    )
    when.add_argument(
        "--at", type=_time, metavar="TIME", help=_("time in ISO 8601; UTC if it has no offset")
    )
    add.add_argument(
        "--tz", metavar="ZONE", help=_("time zone of --cron, such as Europe/Kyiv (default: UTC)")
    )
    add.add_argument(
        "--id",
        help=_("ID of the schedule; an existing one with this ID is replaced (default: random)"),
    )
    add.add_argument(
        "--args",
        type=_json_array,
        default=[],
        metavar="JSON",
        help=_("positional arguments, a JSON array"),
    )
    add.add_argument(
        "--kwargs",
        type=_json_object,
        default={},
        metavar="JSON",
        help=_("keyword arguments, a JSON object"),
    )
    add.add_argument(
        "--labels", type=_json_object, default={}, metavar="JSON", help=_("labels, a JSON object")
    )
    add.add_argument(
        "--unchecked",
        action="store_true",
        help=_("store it even if the task is not known on this machine"),
    )


async def _list(options: argparse.Namespace, settings: Settings) -> int:
    async with _connected_source(settings) as source:
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


async def _add(options: argparse.Namespace, settings: Settings) -> int:
    async with _connected_source(settings) as source:
        await source.provision()
        if options.tz and not options.cron:
            raise InvalidScheduleError(_("--tz requires --cron; for --at, give an offset instead"))
        name = canonical_name(options.name)
        reason = "" if options.unchecked else unknown_task_reason(name, _known_tasks())
        if reason:
            hint = _("Use --unchecked to store the schedule anyway.")
            raise InvalidScheduleError(f"{reason}. {hint}")
        schedule = ScheduledTask(
            task_name=name,
            labels=options.labels,
            args=options.args,
            kwargs=options.kwargs,
            schedule_id=options.id or uuid.uuid4().hex,
            cron=options.cron,
            cron_offset=options.tz,
            interval=options.every,
            time=options.at,
        )
        await source.add_schedule(schedule)
        print_line(schedule.schedule_id)
        await _publish_audit(settings, "schedule_added", [schedule.schedule_id])
    return OK


async def _remove(options: argparse.Namespace, settings: Settings) -> int:
    async with _connected_source(settings) as source:
        for schedule_id in options.ids:
            await source.delete_schedule(schedule_id)
            print_line(_("{id} removed").format(id=schedule_id))
        await _publish_audit(settings, "schedule_removed", options.ids)
    return OK


@contextlib.asynccontextmanager
async def _connected_source(settings: Settings) -> AsyncIterator[JsonScheduleSource]:
    CHAT.import_tasks(settings)
    source = JsonScheduleSource(settings)
    await source.connect()
    try:
        with source.explain_errors():
            yield source
    finally:
        await source.shutdown()


async def _publish_audit(settings: Settings, action: str, targets: list[str]) -> None:
    """Publish who changed which schedules, as for every action of an operator."""
    user = f"{getpass.getuser()}@{socket.gethostname()}"
    events = EventPublisher(settings, settings.with_name("schedule").identity)
    await events.start()
    for target in targets:
        fields = {"who": user, "action": action, "target": target, "detail": ""}
        events.publish("monitoring", "audit", fields)
    await events.close()


def _known_tasks() -> list[str]:
    return list(async_shared_broker.get_all_tasks())


def _print_table(rows: list[dict[str, Any]]) -> None:
    table = [list(_COLUMNS.values())]
    table += [[loggable(row[name] or "", _MAX_CELL) for name in _COLUMNS] for row in rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for cells in table:
        padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        sys.stdout.write("  ".join(padded).rstrip() + "\n")


def _row(entry: StoredSchedule) -> dict[str, Any]:
    """Return the JSON form of a schedule; times are ISO 8601 in UTC."""
    if isinstance(entry, InvalidEntry):
        empty = dict.fromkeys((*_COLUMNS, "args", "kwargs", "labels"))
        return {**empty, "id": entry.id, "task": entry.task_name, "problem": entry.reason}
    task = entry.task
    return {
        "id": entry.id,
        "task": task.task_name,
        "when": _when(task),
        "next": _format_time(entry.next_due),
        "last": _format_time(entry.last.due if entry.last else None),
        "args": task.args,
        "kwargs": task.kwargs,
        "labels": task.labels,
        "problem": unknown_task_reason(task.task_name, _known_tasks()),
    }


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


def _interval(text: str) -> timedelta:
    number, unit = (text[:-1], text[-1:]) if text[-1:] in _UNITS else (text, "s")
    if not (number.isdecimal() and 0 < int(number) * _UNITS[unit] < 10**10):
        message = _("{value!r} is not an interval such as 30s, 5m, 2h or 1d").format(value=text)
        raise argparse.ArgumentTypeError(message)
    return timedelta(seconds=int(number) * _UNITS[unit])


def _time(text: str) -> datetime:
    try:
        return to_utc(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        message = _("{value!r} is not a time such as 2026-12-01T09:00Z").format(value=text)
        raise argparse.ArgumentTypeError(message) from None


def _json_array(text: str) -> list[Any]:
    value = _json(text)
    if not isinstance(value, list):
        raise argparse.ArgumentTypeError(_("{value!r} is not a JSON array").format(value=text))
    return value


def _json_object(text: str) -> dict[str, Any]:
    value = _json(text)
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(_("{value!r} is not a JSON object").format(value=text))
    return value


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        message = _("invalid JSON: {reason}").format(reason=error)
        raise argparse.ArgumentTypeError(message) from None
