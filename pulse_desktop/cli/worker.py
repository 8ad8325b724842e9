"""`pulse-desktop worker`: send a command to one worker or to all of them."""

from argparse import Namespace
from typing import TYPE_CHECKING, Final

from pulse_desktop.cli.confirmation import confirmed
from pulse_desktop.cli.connection import catch_up_history, connected_session, note_missing
from pulse_desktop.cli.exit_codes import FAILED, OK
from pulse_desktop.cli.lookup import find_worker
from pulse_desktop.cli.output import write_json, write_line, write_note
from pulse_desktop.cli.parser import Subparsers, add_command, add_confirm_option, add_shared_options
from pulse_desktop.cli.worker_discovery import (
    HISTORY_S,
    discover_workers,
    missing_heartbeats,
    read_heartbeats,
)
from pulse_desktop.model.history_extent import NEWEST_MESSAGES
from pulse_desktop.protocol.control import LOG_LEVELS
from pulse_desktop.text.translation import _

if TYPE_CHECKING:
    from pulse_desktop.model.outcomes import CommandOutcome

ALL: Final = "all"


def add_parser(subparsers: Subparsers) -> None:
    """Add the command with its subcommands."""
    parser = add_command(
        subparsers,
        "worker",
        run,
        summary=_("pause, resume or drain workers, set their log level"),
        description=_(
            "Send a command to one worker or to all of them. NAME is a name from `pulse-desktop "
            "workers`, with or without the part that starts with @; `all` means every worker that "
            "accepts commands."
        ),
        examples=(
            ("pulse-desktop worker pause worker-1", _("stop taking tasks")),
            ("pulse-desktop worker resume all", _("take tasks again")),
            (
                "pulse-desktop worker drain worker-1",
                _("finish running tasks, requeue the rest, exit"),
            ),
            ("pulse-desktop worker log-level worker-1 debug", ""),
        ),
    )
    commands = parser.add_subparsers(
        dest="worker_command", required=True, metavar="pause|resume|drain|log-level"
    )
    for name, summary, description in (
        (
            "pause",
            _("stop taking tasks; running tasks continue"),
            _("Stop taking tasks. Running tasks continue."),
        ),
        ("resume", _("take tasks again"), _("Take tasks again.")),
        (
            "drain",
            _("finish running tasks, requeue the rest, and exit"),
            _("Finish running tasks, requeue the rest, and exit."),
        ),
        ("log-level", _("set the log level"), _("Set the log level.")),
    ):
        command = commands.add_parser(name, help=summary, description=description)
        add_shared_options(command)
        add_confirm_option(command)
        command.add_argument("name", metavar="NAME", help=_("name of a worker, or all"))
        if name == "log-level":
            command.add_argument(
                "level",
                metavar="LEVEL",
                type=str.upper,
                choices=LOG_LEVELS,
                help=", ".join(level.lower() for level in LOG_LEVELS),
            )


async def run(arguments: Namespace) -> int:
    """Send a command to one worker or to all of them."""
    async with connected_session(
        arguments, history_s=HISTORY_S, newest=NEWEST_MESSAGES, scope="history"
    ) as session:
        missing = await catch_up_history(session)
        await read_heartbeats(session)
        responding = await discover_workers(session)
        note_missing(missing + missing_heartbeats(session))
        name = "" if arguments.name == ALL else find_worker(session, arguments.name, responding)
        command = arguments.worker_command.replace("-", "_")
        level = getattr(arguments, "level", "")
        outcomes = await confirmed(
            arguments,
            lambda yes: session.workers.command(command, name, level, confirmed=yes),
        )
    for outcome in outcomes:
        _write_outcome(outcome, as_json=arguments.json)
    return OK if outcomes and all(outcome.done for outcome in outcomes) else FAILED


def _write_outcome(outcome: "CommandOutcome", *, as_json: bool) -> None:
    from pulse_desktop.text.outcome_text import command_label

    if as_json:
        write_json(
            {
                "worker": outcome.worker or None,
                "command": outcome.command,
                "outcome": outcome.status,
                "done": outcome.done,
                "detail": outcome.detail or command_label(outcome),
            }
        )
        return
    worker = outcome.worker or _("all workers")
    write_line(f"{worker}  {command_label(outcome)}")
    if outcome.detail and not outcome.done:
        write_note(outcome.detail)
