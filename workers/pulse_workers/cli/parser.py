"""What can be said on the command line of `pulse-worker`, and its help."""

import argparse
from typing import Final

from pulse_desktop import __version__
from pulse_workers.cli import schedule
from pulse_workers.config.settings import DEFAULT_SERVER, VARIABLES, Settings
from pulse_workers.config.settings_file import CONFIG_VARIABLE, SYSTEM_FILE, user_file

_EPILOG: Final = """\
examples:
  pulse-worker run --server nats://127.0.0.1:4222     one worker process, ended by Ctrl C
  pulse-worker run --name worker-2 --slots 16         a second one, 16 tasks at a time
  PULSE_WORKER_TASKS=my_app.tasks pulse-worker run    with your own tasks as well
  pulse-worker feed                                   the sample chat, slice by slice
  pulse-worker scheduler                              send tasks by their schedules
  pulse-worker schedule list                          what is scheduled, and when it is next
  pulse-worker provision                              streams and buckets only
  pulse-worker check                                  is everything here that a worker needs?
  pulse-worker health                                 does the worker of this machine work?

exit status: 0 ended as asked, 1 failed, 2 wrong usage, 3 cannot connect

settings: an option wins over a variable, a variable over a file, a file over what stands in
brackets. Files are TOML: `slots = 16`. The user's wins over the machine's; --config or
PULSE_CONFIG names the only one to read.
"""


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="pulse-worker",
        description="Headless TaskIQ workers on NATS JetStream: durable, kept alive, observable.",
        epilog=_EPILOG + _files() + _variables(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"pulse-worker {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    run = commands.add_parser(
        "run",
        help="run one worker process until SIGTERM or Ctrl C",
        description="Take tasks from the queue until SIGTERM or Ctrl C. Then fetch no more, let "
        "running tasks finish (PULSE_DRAIN_TIMEOUT, 30 s), give back the rest and exit with 0. "
        "A second signal gives back at once.",
    )
    run.add_argument("--name", help="first part of the worker's identity (worker-1)")
    run.add_argument("--slots", type=_positive, metavar="N", help="tasks at the same time (8)")
    feed = commands.add_parser(
        "feed",
        help="enqueue the sample chat, slice by slice, until SIGTERM or Ctrl C",
        description="Enqueue a few messages of a Telegram Desktop export at a time, so that "
        "something is always happening. Goes on where it left off.",
    )
    feed.add_argument(
        "--interval", type=_seconds, metavar="SEC", help="time between two slices (4)"
    )
    feed.add_argument(
        "--export", default="", metavar="PATH", help="a result.json (the bundled sample)"
    )
    make = commands.add_parser(
        "provision",
        help="create streams and buckets and exit",
        description="Create the task stream and its consumer, the event history, and the buckets "
        "for results, messages, scores, vectors and knowledge, all with limits. What exists is "
        "left as it is.",
    )
    check = commands.add_parser(
        "check",
        help="look whether everything is here that a worker needs",
        description="Check the settings, each server, the login, JetStream, streams and limits, "
        "the clocks, and every permission a worker needs; say what to do. Nothing is changed. "
        "Exit status: 0 workers can run, 1 there is a problem, 3 no server can be reached.",
    )
    check.add_argument("--json", action="store_true", help="one JSON object per line")
    health = commands.add_parser(
        "health",
        help="tell whether the worker of this machine works, for a supervisor",
        description="Wait for a sign of life from the worker of this name on this host, on the "
        "way everybody else hears it. Exit status: 0 it works, 1 nothing was heard, 3 the server "
        "cannot be reached.",
    )
    health.add_argument(
        "--name", help="first part of its identity (PULSE_WORKER_NAME); scheduler for a scheduler"
    )
    health.add_argument(
        "--wait", type=_seconds, metavar="SEC", help="how long (two and a half heartbeats)"
    )
    schedule.add_parsers(commands, add_common_options, add_parent_pipe)
    for command in (run, feed, make, check, health):
        add_common_options(command)
    for command in (run, feed):
        add_parent_pipe(command)
    return parser


def add_common_options(command: argparse.ArgumentParser) -> None:
    """Add what every command takes: where the server is, the settings file, the log's level."""
    command.add_argument(
        "--server", metavar="URL", help=f"NATS address (PULSE_SERVER, else {DEFAULT_SERVER})"
    )
    command.add_argument(
        "--config", metavar="FILE", help="the only settings file to read (PULSE_CONFIG)"
    )
    command.add_argument(
        "--log-level", metavar="LEVEL", help="DEBUG, INFO, WARNING or ERROR (INFO)"
    )


def add_parent_pipe(command: argparse.ArgumentParser) -> None:
    """Add the option of commands that another program starts."""
    command.add_argument(
        "--parent-pipe",
        action="store_true",
        help="end when stdin ends, so that this process never outlives its parent",
    )


def _files() -> str:
    """Return where settings files are looked for."""
    return "".join(f"  {file}\n" for file in (SYSTEM_FILE, user_file()) if file) + "\n"


def _variables() -> str:
    """Return the table of variables and keys."""
    standard = Settings()
    head = f"environment variable, key in a file, meaning:\n  {CONFIG_VARIABLE}\n"
    return head + "".join(
        f"  {variable:<25} {field:<18} {meaning}{_shown(getattr(standard, field))}\n"
        for field, (variable, meaning) in VARIABLES.items()
    )


def _shown(value: object) -> str:
    if not str(value) or value == ():
        return ""
    if isinstance(value, bool):
        return f" ({str(value).lower()})"
    return f" ({value:.10g})" if isinstance(value, int | float) else f" ({value})"


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return value
