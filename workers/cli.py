"""The command `pulse-worker`: run a worker, feed the sample, or only make streams and buckets."""

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Coroutine, Sequence
from typing import Any, Final, TypeVar

from pulse_desktop import __version__
from workers.connection import connect
from workers.errors import (
    CannotConnectError,
    ExportUnreadableError,
    ProvisionError,
    SettingsError,
)
from workers.feed import run_feed
from workers.process import run_worker
from workers.provisioning import provision
from workers.settings import DEFAULT_SERVER, VARIABLES, Settings, load_settings

T = TypeVar("T")

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
NO_CONNECTION: Final = 3

_EPILOG: Final = """\
examples:
  pulse-worker run --server nats://127.0.0.1:4222     one worker process, ended by Ctrl C
  pulse-worker run --name worker-2 --slots 16         a second one, 16 tasks at a time
  PULSE_WORKER_TASKS=my_app.tasks pulse-worker run    with your own tasks as well
  pulse-worker feed                                   the sample chat, slice by slice
  pulse-worker provision                              streams and buckets only

exit status: 0 ended as asked, 1 failed, 2 wrong usage, 3 cannot connect

environment (the command line wins; in brackets what is taken otherwise):
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        settings = load_settings(
            server=options.server,
            worker_name=getattr(options, "name", None),
            slots=getattr(options, "slots", None),
            feed_interval=getattr(options, "interval", None),
            log_level=options.log_level,
        )
        _set_up_log(settings)
        return _run(_command(options, settings))
    except SettingsError as error:
        return _fail(error, USAGE)
    except CannotConnectError as error:
        return _fail(error, NO_CONNECTION)
    except (ProvisionError, ExportUnreadableError) as error:
        return _fail(error, FAILED)
    except KeyboardInterrupt:
        return OK


def run_as_script() -> None:
    """Run the command and end the process with its status."""
    sys.exit(main())


async def _command(options: argparse.Namespace, settings: Settings) -> int:
    match options.command:
        case "run":
            given_back = await run_worker(settings, parent_pipe=options.parent_pipe)
            if given_back:
                _leave_at_once()
        case "feed":
            await run_feed(settings, path=options.export, parent_pipe=options.parent_pipe)
        case _:
            await _provision(settings)
    return OK


async def _provision(settings: Settings) -> None:
    client = await connect(settings, "provision")
    try:
        made = await provision(client.jetstream(), settings)
    finally:
        await client.close()
    names = ", ".join(made.created) if made.created else "everything was there already"
    sys.stdout.write(f"{settings.shown_server}: {names}\n")


def _run(command: Coroutine[Any, Any, T]) -> T:
    """Run on uvloop where it is installed."""
    try:
        import uvloop  # noqa: PLC0415 - not installed everywhere
    except ImportError:
        factory = None
    else:
        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(command)


def _leave_at_once() -> None:
    """End without waiting for threads of sync tasks: those tasks were given back."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(OK)


def _fail(error: Exception, status: int) -> int:
    sys.stderr.write(f"pulse-worker: {error}\n")
    return status


def _set_up_log(settings: Settings) -> None:
    level = logging.getLevelName(settings.log_level.upper())
    if not isinstance(level, int):
        raise SettingsError("PULSE_LOG_LEVEL", settings.log_level, "DEBUG, INFO, WARNING or ERROR")
    logging.basicConfig(
        level=level,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
        force=True,
    )
    for name in ("taskiq", "nats"):
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pulse-worker",
        description="Headless TaskIQ workers on NATS JetStream: durable, kept alive, observable.",
        epilog=_EPILOG + _variables(),
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
    for command in (run, feed, make):
        command.add_argument(
            "--server", metavar="URL", help=f"NATS address (PULSE_SERVER, else {DEFAULT_SERVER})"
        )
        command.add_argument(
            "--log-level", metavar="LEVEL", help="DEBUG, INFO, WARNING or ERROR (INFO)"
        )
    for command in (run, feed):
        command.add_argument(
            "--parent-pipe",
            action="store_true",
            help="end when stdin ends, so that this process never outlives its parent",
        )
    return parser


def _variables() -> str:
    """Return the table of environment variables."""
    standard = Settings()
    return "".join(
        f"  {variable:<25} {meaning}{_shown(getattr(standard, field))}\n"
        for field, (variable, meaning) in VARIABLES.items()
    )


def _shown(value: object) -> str:
    if value in ("", ()):
        return ""
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


if __name__ == "__main__":
    run_as_script()
