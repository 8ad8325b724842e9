"""`pulse-worker schedule add`: store a schedule whose task and arguments are checked."""

import argparse
import json
import uuid
from datetime import datetime, timedelta
from typing import Any, Final

from taskiq import ScheduledTask, TaskiqMessage, async_shared_broker

from pulse_desktop.protocol.task_names import canonical_name
from pulse_desktop.protocol.task_schema import TaskSchema, argument_errors, read_schema
from pulse_desktop.text.schema_text import argument_error_label
from pulse_desktop.text.translation import _
from pulse_workers.checks.probe import SINGLE_ATTEMPT
from pulse_workers.cli.exit_codes import OK
from pulse_workers.cli.options import Subparsers
from pulse_workers.cli.output import print_line
from pulse_workers.cli.schedule_source import connected_source, operator, publish_audit
from pulse_workers.config.settings import Settings
from pulse_workers.errors import WrongArgumentsError
from pulse_workers.runtime.connection import connect
from pulse_workers.schedules.cron import InvalidScheduleError
from pulse_workers.schedules.entry import to_utc, unknown_task_reason
from pulse_workers.telemetry.announced_schemas import announced_schema
from pulse_workers.telemetry.task_schemas import describe_tasks
from pulse_workers.worker.arguments import ArgumentConverter

_ADD: Final = _("""\
Store a schedule. A cron expression takes effect from now on, an interval starts immediately, and a
time in the past is sent immediately, with its delay in the label late_s. Runs missed while no
scheduler was running are sent once, not once each. The arguments are checked against the task, as
it is defined in PULSE_WORKER_TASKS, or else as a live worker announces it.
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
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_ANNOUNCEMENT_TIMEOUT_S: Final = 2.0


def add_parser(actions: Subparsers) -> argparse.ArgumentParser:
    """Add the action."""
    add = actions.add_parser(
        "add",
        help=_("store a schedule"),
        description=_ADD,
        epilog=_ADD_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
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
        "--force",
        action="store_true",
        help=_("store it even if no worker has the task or its arguments are wrong"),
    )
    add.add_argument("--unchecked", dest="force", action="store_true", help=argparse.SUPPRESS)
    add.set_defaults(run=run)
    return add


async def run(options: argparse.Namespace, settings: Settings) -> int:
    """Store a schedule and print its ID."""
    async with connected_source(settings) as source:
        if options.tz and not options.cron:
            raise InvalidScheduleError(_("--tz requires --cron; for --at, give an offset instead"))
        schedule = ScheduledTask(
            task_name=canonical_name(options.name),
            labels=options.labels,
            args=options.args,
            kwargs=options.kwargs,
            schedule_id=options.id or uuid.uuid4().hex,
            cron=options.cron,
            cron_offset=options.tz,
            interval=options.every,
            time=options.at,
        )
        if not options.force and (problem := await _problem(schedule, settings)):
            hint = _("Use --force to store the schedule anyway.")
            raise InvalidScheduleError(f"{problem}. {hint}")
        await source.provision()
        await source.add_schedule(schedule)
        print_line(schedule.schedule_id)
        await publish_audit(settings, "schedule_added", [schedule.schedule_id])
    return OK


async def _problem(schedule: ScheduledTask, settings: Settings) -> str:
    """Return why the task cannot be run with these arguments; empty if it can."""
    name = schedule.task_name
    task = async_shared_broker.get_all_tasks().get(name)
    if task is not None:
        schema = read_schema(name, describe_tasks(async_shared_broker)[name])
    elif announced := await _announced(name, settings):
        schema = announced
    else:
        reason = unknown_task_reason(name, list(async_shared_broker.get_all_tasks()))
        return _("{reason}; no live worker announces it").format(reason=reason)
    errors = argument_errors(schema, schedule.args, schedule.kwargs)
    if errors:
        text = "; ".join(argument_error_label(error) for error in errors)
        return _("{task}: {errors}").format(task=name, errors=text)
    if task is not None:
        message = TaskiqMessage(
            task_id="",
            task_name=name,
            labels={},
            args=[*schedule.args],
            kwargs={**schedule.kwargs},
        )
        try:
            ArgumentConverter(task.original_func).convert(message)
        except WrongArgumentsError as error:
            return _("{task}: {errors}").format(task=name, errors=error)
    return ""


async def _announced(name: str, settings: Settings) -> TaskSchema | None:
    client = await connect(
        settings.with_name("schedule"), "schedule", error_cb=_ignore_error, **SINGLE_ATTEMPT
    )
    try:
        return await announced_schema(client, name, operator(), _ANNOUNCEMENT_TIMEOUT_S)
    finally:
        await client.close()


async def _ignore_error(_error: Exception) -> None:
    """Commands may be forbidden; what workers announce by themselves arrives nevertheless."""


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
