"""The commands about schedules: `pulse-worker scheduler`, and `schedule list|add|remove`."""

import argparse
import contextlib
import getpass
import json
import socket
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from nats.js.errors import NotFoundError
from taskiq import ScheduledTask, async_shared_broker

from pulse_workers.config.settings import Settings
from pulse_workers.registry import import_tasks
from pulse_workers.schedules.bucket import Stored
from pulse_workers.schedules.entry import InvalidEntry, as_utc, why_unknown
from pulse_workers.schedules.errors import InvalidScheduleError
from pulse_workers.schedules.process import run_scheduler
from pulse_workers.schedules.source import JsonScheduleSource
from pulse_workers.telemetry.event_publisher import EventPublisher

T = TypeVar("T")

_SCHEDULER: Final = """\
Send tasks by their schedules until SIGTERM or Ctrl C. Any number of schedulers may run: each run
is sent once, and when one is killed the others go on. A scheduler sends only tasks that it knows,
so it needs the same PULSE_WORKER_TASKS as the workers.
"""
_ADD: Final = """\
Store a schedule. A cron line counts from now on; an interval begins at once; a moment that is
past is sent at once, with its delay in the label late_s. What came due while no scheduler ran is
sent once, not once for each time.
"""
_ADD_EXAMPLES: Final = """\
examples:
  pulse-worker schedule add my_tasks:report --cron '0 3 * * *' --tz Europe/Kyiv
  pulse-worker schedule add my_tasks:check --every 30s --id check --args '["db"]'
  pulse-worker schedule add my_tasks:remind --at 2026-12-01T09:00+02:00 --kwargs '{"who": "ops"}'

cron: minute, hour, day of the month, month, weekday (0 or sun is Sunday). When the clocks change,
a line with a fixed hour comes once a day, one with every hour follows real time.
"""
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_COLUMNS: Final = ("id", "task", "when", "next", "last", "problem")


def add_parsers(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    add_common: Callable[[argparse.ArgumentParser], None],
    add_pipe: Callable[[argparse.ArgumentParser], None],
) -> None:
    """Add the commands.

    Args:
        commands: where.
        add_common: adds the options that every command has.
        add_pipe: adds those of commands that another program starts.
    """
    scheduler = commands.add_parser(
        "scheduler", help="send tasks by their schedules until SIGTERM", description=_SCHEDULER
    )
    add_common(scheduler)
    add_pipe(scheduler)
    schedule = commands.add_parser(
        "schedule", help="list, add and remove schedules", description="Look after schedules."
    )
    actions = schedule.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="show all schedules, broken ones too")
    listing.add_argument("--json", action="store_true", help="one JSON array")
    add = actions.add_parser(
        "add",
        help="store a schedule",
        description=_ADD,
        epilog=_ADD_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_arguments_of_add(add)
    remove = actions.add_parser("remove", help="remove schedules")
    remove.add_argument("ids", nargs="+", metavar="ID", help="as in the list")
    for action in (listing, add, remove):
        add_common(action)


async def run(options: argparse.Namespace, settings: Settings) -> None:
    """Carry one of the commands out.

    Raises:
        InvalidScheduleError: what is to be added cannot be used.
        WorkerError: it failed for another reason; `str()` says which.
    """
    if options.command == "scheduler":
        await run_scheduler(settings, parent_pipe=options.parent_pipe)
        return
    import_tasks(settings.task_modules)
    async with _connected(settings) as source:
        match options.action:
            case "list":
                _show(await _entries(source), as_json=options.json)
            case "add":
                await source.provision()
                schedule_id = await _add(source, options)
                sys.stdout.write(f"{schedule_id}\n")
                await _tell(settings, "schedule_added", [schedule_id])
            case _:
                for schedule_id in options.ids:
                    await source.delete_schedule(schedule_id)
                    sys.stdout.write(f"{schedule_id} removed\n")
                await _tell(settings, "schedule_removed", options.ids)


def _add_arguments_of_add(add: argparse.ArgumentParser) -> None:
    add.add_argument("name", metavar="NAME", help="the task, module:function")
    when = add.add_mutually_exclusive_group(required=True)
    when.add_argument("--cron", metavar="LINE", help="five fields, such as '*/10 * * * *'")
    when.add_argument("--every", type=_interval, metavar="TIME", help="such as 30s, 5m, 2h, 1d")
    when.add_argument("--at", type=_moment, metavar="TIME", help="ISO 8601; UTC without an offset")
    add.add_argument("--tz", metavar="ZONE", help="of --cron, such as Europe/Kyiv (UTC)")
    add.add_argument("--id", help="the schedule's id; one of the same id is replaced (random)")
    add.add_argument("--args", type=_array, default=[], metavar="JSON", help="array of arguments")
    add.add_argument("--kwargs", type=_object, default={}, metavar="JSON", help="named arguments")
    add.add_argument("--labels", type=_object, default={}, metavar="JSON", help="labels")
    add.add_argument(
        "--unchecked", action="store_true", help="store it also for a task that is not known here"
    )


async def _add(source: JsonScheduleSource, options: argparse.Namespace) -> str:
    """Store a schedule and return its id."""
    if options.tz and not options.cron:
        raise InvalidScheduleError("--tz belongs to --cron; give --at with an offset")
    reason = "" if options.unchecked else why_unknown(options.name, _known_tasks())
    if reason:
        raise InvalidScheduleError(f"{reason}. --unchecked stores it all the same")
    schedule = ScheduledTask(
        task_name=options.name,
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
    return schedule.schedule_id


@contextlib.asynccontextmanager
async def _connected(settings: Settings) -> AsyncIterator[JsonScheduleSource]:
    source = JsonScheduleSource(settings)
    await source.connect()
    try:
        with source.explained():
            yield source
    finally:
        await source.shutdown()


async def _entries(source: JsonScheduleSource) -> list[Stored]:
    """Return all schedules; none where nobody has made the bucket yet."""
    try:
        return await source.bucket.entries()
    except NotFoundError:
        return []


async def _tell(settings: Settings, action: str, targets: list[str]) -> None:
    """Publish who did it, as is done for everything that somebody does to the system."""
    who = f"{getpass.getuser()}@{socket.gethostname()}"
    events = EventPublisher(settings, settings.with_name("schedule").identity)
    await events.start()
    for target in targets:
        fields = {"who": who, "action": action, "target": target, "detail": ""}
        events.publish("monitoring", "audit", fields)
    await events.close()


def _known_tasks() -> list[str]:
    return list(async_shared_broker.get_all_tasks())


def _show(entries: list[Stored], *, as_json: bool) -> None:
    rows = [_row(entry) for entry in entries]
    if as_json:
        sys.stdout.write(json.dumps(rows, ensure_ascii=False, indent=2) + "\n")
        return
    if not rows:
        sys.stdout.write("no schedules\n")
        return
    table = [[name.upper() for name in _COLUMNS]]
    table += [[row[name] or "" for name in _COLUMNS] for row in rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for cells in table:
        padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        sys.stdout.write("  ".join(padded).rstrip() + "\n")


def _row(entry: Stored) -> dict[str, Any]:
    """Return what is shown of a schedule; times are ISO 8601 in UTC."""
    if isinstance(entry, InvalidEntry):
        empty = dict.fromkeys((*_COLUMNS, "args", "kwargs", "labels"))
        return {**empty, "id": entry.id, "task": entry.task_name, "problem": entry.reason}
    task = entry.task
    return {
        "id": entry.id,
        "task": task.task_name,
        "when": _words(task),
        "next": _shown(entry.next_due),
        "last": _shown(entry.last.due if entry.last else None),
        "args": task.args,
        "kwargs": task.kwargs,
        "labels": task.labels,
        "problem": why_unknown(task.task_name, _known_tasks()),
    }


def _words(task: ScheduledTask) -> str:
    parts = []
    if task.cron is not None:
        parts.append(f"cron {task.cron}{f' {task.cron_offset}' if task.cron_offset else ''}")
    if task.interval is not None:
        every = task.interval
        seconds = every.total_seconds() if isinstance(every, timedelta) else every
        parts.append(f"every {seconds:.0f} s")
    if task.time is not None:
        parts.append(f"at {_shown(as_utc(task.time))}")
    return ", ".join(parts)


def _shown(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z") if moment else None


def _interval(text: str) -> timedelta:
    number, unit = (text[:-1], text[-1:]) if text[-1:] in _UNITS else (text, "s")
    if not (number.isdecimal() and 0 < int(number) * _UNITS[unit] < 10**10):
        raise argparse.ArgumentTypeError(f"{text!r} is no interval such as 30s, 5m, 2h or 1d")
    return timedelta(seconds=int(number) * _UNITS[unit])


def _moment(text: str) -> datetime:
    try:
        return as_utc(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 2026-12-01T09:00Z") from None


def _array(text: str) -> list[Any]:
    return _json(text, list, "array")


def _object(text: str) -> dict[str, Any]:
    return _json(text, dict, "object")


def _json(text: str, kind: type[T], name: str) -> T:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {error}") from None
    if not isinstance(value, kind):
        raise argparse.ArgumentTypeError(f"{text!r} is no JSON {name}")
    return value
