"""The command line as users write it: commands, options, their units, and help that teaches.

Nothing heavy is imported here: `--help`, `--version` and a wrong usage answer at once.
"""

import argparse
import difflib
import os
import sys
from collections.abc import Sequence
from typing import Any, Final, NoReturn

from pulse_desktop import __version__
from pulse_desktop.cli import help_text
from pulse_desktop.cli.argument_types import (
    MAX_SIZE,
    MIN_SIZE,
    by,
    duration,
    json_of,
    positive_int,
    server,
    size,
    task_name,
)
from pulse_desktop.cli.exit_codes import USAGE
from pulse_desktop.cli.worker_arguments import add_control
from pulse_desktop.state.run import RunState

PAGE_NAMES: Final = (
    "overview",
    "tasks",
    "messages",
    "knowledge",
    "agents",
    "providers",
    "monitoring",
    "metrics",
    "results",
    "events",
)
_STATES: Final = tuple(str(state) for state in RunState)


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong, and where to read more."""

    def error(self, message: str) -> NoReturn:
        sys.stderr.write(f"{self.prog}: {message}\n`{self.prog} --help` shows how.\n")
        sys.exit(USAGE)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        names = [str(choice) for choice in action.choices]
        near = difflib.get_close_matches(str(value), names, 1)
        meant = f"; did you mean {near[0]}?" if near else f"; there are: {', '.join(names)}"
        raise argparse.ArgumentError(action, f"there is no {value!r}{meant}")


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the options as given; ends the program when they, or PULSE_SERVER, are wrong."""
    parser = make_parser()
    arguments = parser.parse_args(argv)
    named = os.environ.get("PULSE_SERVER", "")
    if named and arguments.server is None and arguments.command != "local":
        try:
            server(named)
        except argparse.ArgumentTypeError as error:
            parser.error(f"PULSE_SERVER: {error}")
    return arguments


def make_parser() -> argparse.ArgumentParser:
    """Return the parser; the namespace's `command` is None when the window is asked for."""
    parser = _Parser(
        prog="pulse-desktop",
        description=help_text.DESCRIPTION,
        epilog=help_text.EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    _add_server(parser, None)
    parser.add_argument(
        "--theme",
        choices=("dark", "light", "system"),
        help="colours of the window (those chosen last, else the system's)",
    )
    # Accepted here as well, so that it may stand before the command.
    parser.add_argument("--json", action="store_true", help=argparse.SUPPRESS)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    _add_local(commands)
    _add_watching(commands)
    _add_acting(commands)
    add_control(commands, _add_command, _add_shared)
    _add_results(commands)
    _add_screenshot(commands)
    text = "check each thing a newcomer trips over, and say what to do"
    _add_command(commands, "doctor", text, help_text.DOCTOR)
    return parser


def _add_local(commands: Any) -> None:
    text = "the embedded stack without a window, until interrupted"
    parser = _add_command(commands, "local", text, help_text.LOCAL)
    parser.add_argument(
        "--workers", type=positive_int, default=1, metavar="N", help="worker processes (1)"
    )
    parser.add_argument("--no-sample", action="store_true", help="do not feed the sample chat")


def _add_watching(commands: Any) -> None:
    _add_command(
        commands, "status", "how the server, topics, queue and workers are", help_text.STATUS
    )
    tail = _add_command(commands, "tail", "print events as they come", help_text.TAIL)
    tail.add_argument("topics", nargs="*", metavar="TOPIC", help="such as tasks; all when none")
    tail.add_argument(
        "--since", type=duration, metavar="SPAN", help="first those of the last 30s, 10m, 1h, 7d"
    )
    tail.add_argument("--count", type=positive_int, metavar="N", help="end after N events")
    tail.add_argument(
        "--for",
        dest="for_s",
        type=duration,
        metavar="SEC",
        help="end after SEC seconds (or 5m, 1h), however many came",
    )
    runs = _add_command(commands, "runs", "list task runs, the latest first", help_text.RUNS)
    runs.add_argument(
        "--state",
        action="append",
        choices=_STATES,
        metavar="S",
        help=f"only this state; may be repeated: {', '.join(_STATES)}",
    )
    runs.add_argument(
        "--since", type=duration, default=86400.0, metavar="SPAN", help="30m, 1h, 7d (1d)"
    )
    runs.add_argument(
        "--limit", type=positive_int, default=100, metavar="N", help="at most N (100)"
    )
    show = _add_command(commands, "show", "all that is known of one run", help_text.SHOW)
    show.add_argument("task_id", metavar="TASK_ID")


def _add_acting(commands: Any) -> None:
    run = _add_command(commands, "run", "enqueue a task by name", help_text.RUN)
    run.add_argument(
        "task_name",
        type=task_name,
        metavar="TASK_NAME",
        help="as registered, such as module:function",
    )
    run.add_argument(
        "--args", type=json_of(list), default=b"[]", metavar="JSON", help="a JSON array ([])"
    )
    run.add_argument(
        "--kwargs", type=json_of(dict), default=b"{}", metavar="JSON", help="a JSON object ({})"
    )
    text = "run again, with the arguments as captured"
    rerun = _add_command(commands, "rerun", text, help_text.RERUN)
    rerun.add_argument("task_ids", nargs="+", metavar="TASK_ID", help="or its first characters")
    for parser in (run, rerun):
        parser.add_argument(
            "--wait",
            type=duration,
            metavar="SEC",
            help="wait up to SEC seconds (or 5m) for the end; exit 1 unless it succeeds",
        )
        parser.add_argument(
            "--force",
            "--anyway",
            action="store_true",
            help="also while no worker listens, if a stream keeps the task until one comes",
        )


def _add_results(commands: Any) -> None:
    results = _add_command(
        commands, "results", "list, print or save stored results", help_text.RESULTS
    )
    what = results.add_subparsers(dest="what", required=True, metavar="list|get|save")
    for name, text in (
        ("list", "all keys, the newest first"),
        ("get", "print one as JSON"),
        ("save", "save the bytes as they are"),
    ):
        parser = what.add_parser(name, help=text, description=_sentence(text))
        _add_shared(parser)
        if name != "list":
            parser.add_argument("key", metavar="KEY", help="the task id")
        if name == "save":
            parser.add_argument("path", metavar="PATH", help="a file; replaced if it exists")


def _add_screenshot(commands: Any) -> None:
    text = "render a page of the real window into a file"
    parser = _add_command(commands, "screenshot", text, help_text.SCREENSHOT)
    parser.add_argument(
        "--page",
        required=True,
        choices=PAGE_NAMES,
        metavar="NAME",
        help=", ".join(PAGE_NAMES),
    )
    parser.add_argument("--out", required=True, metavar="FILE", help="a .png, replaced")
    parser.add_argument(
        "--open",
        default="",
        metavar="TEXT",
        help="a run or result to open there, by its whole id; else words to filter by",
    )
    parser.add_argument("--theme", choices=("dark", "light"), default="dark", help="colours (dark)")
    parser.add_argument(
        "--size",
        type=size,
        default=(1440, 900),
        metavar="WxH",
        help=f"pixels (1440x900), from {by(MIN_SIZE)} to {by(MAX_SIZE)}",
    )
    parser.add_argument(
        "--after",
        type=duration,
        default=3.0,
        metavar="SEC",
        help="seconds of live events after history was read (3)",
    )


def _add_command(commands: Any, name: str, text: str, teaching: str) -> argparse.ArgumentParser:
    description, _, examples = teaching.partition("\n\nexamples:")
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=text,
        description=description,
        epilog=f"examples:{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_shared(parser)
    return parser


def _add_shared(parser: argparse.ArgumentParser) -> None:
    _add_server(parser, argparse.SUPPRESS)
    _add_json(parser)


def _add_server(parser: argparse.ArgumentParser, default: Any) -> None:
    parser.add_argument(
        "--server",
        type=server,
        metavar="URL",
        default=default,
        help="nats://[user:password@|token@]host:4222 "
        "(else PULSE_SERVER, else the running embedded stack)",
    )


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--json",
        action="store_true",
        default=argparse.SUPPRESS,
        help="one JSON object per line on stdout, nothing else there",
    )


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
