"""The argument parser of `pulse-worker` and its help."""

import argparse
import importlib
from collections.abc import Sequence
from typing import Final

from pulse_desktop import __version__
from pulse_desktop.argument_parser import ArgumentParser
from pulse_desktop.text.translation import _
from pulse_workers.config.settings import VARIABLES, Settings
from pulse_workers.config.settings_file import CONFIG_VARIABLE, SYSTEM_FILE, user_file

_COMMANDS: Final = (
    "run",
    "scheduler",
    "schedule",
    "feed",
    "telegram",
    "provision",
    "check",
    "health",
)
"""The modules of the commands, in the order of the help. One is imported when it is needed: a
supervisor runs `health` often, and it needs a small part of what a worker does.
"""
_EPILOG: Final = _("""\
examples:
  pulse-worker run --server nats://127.0.0.1:4222     run one worker process, stop it with Ctrl C
  pulse-worker run --name worker-2 --slots 16         run a second one, 16 tasks concurrently
  PULSE_WORKER_TASKS=my_app.tasks pulse-worker run    run your own tasks, too
  pulse-worker feed                                   enqueue the sample chat, slice by slice
  pulse-worker telegram                               receive the messages of a Telegram bot
  pulse-worker scheduler                              send scheduled tasks
  pulse-worker schedule list                          list schedules and when they run next
  pulse-worker provision                              create the streams and buckets only
  pulse-worker check                                  check everything that a worker needs
  pulse-worker health                                 check that this machine's worker is alive

exit code: 0 success, 1 failure, 2 invalid usage or setting, 3 cannot connect

settings: an option overrides an environment variable, a variable overrides a settings file, and a
file overrides the default, shown in parentheses. Files are TOML: `slots = 16`. The second file
overrides the first; with --config or PULSE_CONFIG, only the named file is read:
""")


def make_parser(arguments: Sequence[str] = ()) -> argparse.ArgumentParser:
    """Return a parser. `run` of the parsed options is the command's function.

    Args:
        arguments: to be parsed: if they begin with a command, the parser knows it alone.
    """
    needed = [name for name in _COMMANDS if name in arguments[:1]]
    parser = ArgumentParser(
        prog="pulse-worker",
        description=_(
            "Headless TaskIQ workers on NATS JetStream: durable tasks, live events, schedules."
        ),
        epilog="" if needed else _EPILOG + _settings_files() + _settings_table(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"pulse-worker {__version__}")
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", title=_("commands")
    )
    for name in needed or _COMMANDS:
        importlib.import_module(f"pulse_workers.cli.{name}").add_parser(commands)
    return parser


def _settings_files() -> str:
    return "".join(f"  {file}\n" for file in (SYSTEM_FILE, user_file()) if file) + "\n"


def _settings_table() -> str:
    defaults = Settings()
    head = _("environment variable, key in a settings file, meaning (default):")
    config = _("path to the only settings file to read")
    return f"{head}\n  {CONFIG_VARIABLE:<44} {config}\n" + "".join(
        f"  {variable:<25} {field:<18} {description}{_default(getattr(defaults, field))}\n"
        for field, (variable, description) in VARIABLES.items()
    )


def _default(value: object) -> str:
    if not str(value) or value == ():
        return ""
    if isinstance(value, bool):
        return f" ({str(value).lower()})"
    return f" ({value:.10g})" if isinstance(value, int | float) else f" ({value})"
