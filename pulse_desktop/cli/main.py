"""Entry point of `pulse-desktop`: parse the command line, run the command, map errors to codes."""

import argparse
import os
import signal
import sys
from collections.abc import Coroutine, Sequence
from typing import Any, Final

from pulse_desktop import __version__
from pulse_desktop.cli import (
    argument_types,
    cancel,
    compare,
    doctor,
    groups,
    local,
    profiles,
    provision,
    record,
    replay,
    rerun,
    results,
    run,
    runs,
    screenshot,
    show,
    status,
    tail,
    window,
    worker,
    workers,
)
from pulse_desktop.cli.exit_codes import CANNOT_CONNECT, FAILED, OK
from pulse_desktop.cli.output import detach_stdout, prepare_streams, print_error, write_note
from pulse_desktop.cli.parser import (
    PROGRAM,
    HelpFormatter,
    Parser,
    add_name_options,
    add_profile_option,
    add_server_option,
    format_examples,
)
from pulse_desktop.launcher import run_requested_module
from pulse_desktop.model.connection_options import add_connection_options, read_environment
from pulse_desktop.model.errors import CannotConnectError, NoSuchProfileError, UserFacingError
from pulse_desktop.start_up import restore_interrupt
from pulse_desktop.text.translation import _, use_english

COMMANDS: Final = (
    local,
    status,
    tail,
    runs,
    groups,
    show,
    compare,
    run,
    rerun,
    cancel,
    workers,
    worker,
    results,
    record,
    replay,
    profiles,
    provision,
    screenshot,
    doctor,
)
"""The modules of the commands, in the order of the help. `window` runs without a command."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code."""
    if run_requested_module(sys.argv if argv is None else [PROGRAM, *argv]):
        return OK
    arguments = parse_arguments(argv)
    for_scripts = arguments.json or arguments.csv
    prepare_streams(for_scripts=for_scripts)
    if for_scripts:
        use_english()  # scripts compare texts such as `detail`
    try:
        return _run_command(arguments)
    except CannotConnectError as error:
        print_error(error)
        return CANNOT_CONNECT
    except UserFacingError as error:
        if isinstance(error, NoSuchProfileError):
            error.advice = _("`pulse-desktop profiles list` shows them, `profiles add` adds one.")
        print_error(error)
        return FAILED
    except KeyboardInterrupt:
        return _interrupted(arguments)
    except BrokenPipeError:
        detach_stdout()  # the reader of the pipe has closed it, such as `head`
        return OK
    except Exception:  # noqa: BLE001 - a bug, whose text may be a server's
        import traceback

        write_note(traceback.format_exc().rstrip())
        return FAILED


def make_parser() -> argparse.ArgumentParser:
    """Return the parser. In its namespace `run` is the function that runs the command."""
    parser = Parser(
        prog=PROGRAM,
        description=_(
            "Monitor TaskIQ workers on NATS: live runs, events and results. Re-run failed "
            "tasks.\n\n"
            "Without a command this opens the window. Without a server (--server, --profile "
            "or their variables) it opens what was chosen at the first start; --profile local "
            "starts an embedded NATS server, workers and sample tasks on this machine."
        ),
        epilog=_epilog(),
        formatter_class=HelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    add_server_option(parser, default=None)
    add_profile_option(parser, default=None)
    add_name_options(parser, default=None)
    add_connection_options(parser)
    window.add_options(parser)
    # Hidden here; accepted so that it can be given before the command.
    parser.add_argument("--json", action="store_true", help=argparse.SUPPRESS)
    parser.set_defaults(csv=False)
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", title=_("commands"))
    for command in COMMANDS:
        command.add_parser(subparsers)
    return parser


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the arguments. Exit with a usage error if they, or PULSE_SERVER, are invalid."""
    parser = make_parser()
    arguments = parser.parse_args(argv)
    if arguments.csv and arguments.json:
        parser.error(_("--csv and --json cannot be combined"))
    if arguments.command == "local":
        return arguments
    try:
        address = read_environment(os.environ).get("servers", "")
    except ValueError as error:
        parser.error(str(error))
    if address and arguments.server is None:
        try:
            argument_types.server(address)
        except argparse.ArgumentTypeError as error:
            parser.error(f"PULSE_SERVER: {error}")
    return arguments


def _epilog() -> str:
    examples = format_examples(
        (
            ("pulse-desktop", _("open the window; the first start asks what to watch")),
            ("pulse-desktop --profile local", _("open it on an embedded server")),
            ("pulse-desktop --server nats://host:4222", _("open the window on your server")),
            ("pulse-desktop runs --state failed --since 1h", _("list failures of the last hour")),
            ("pulse-desktop rerun 3f9c0e6a --wait 30", _("re-run a task and wait for its result")),
            ("pulse-desktop tail tasks --since 10m --json", _("print events as JSON lines")),
            ("pulse-desktop doctor", _("find problems and how to fix them")),
        )
    )
    notes = (
        _(
            "credentials: a .creds or nkey file, a client certificate, or a user; passwords and "
            "tokens in a file, in PULSE_PASSWORD or PULSE_TOKEN, or in PULSE_SERVER, because other "
            "users of this machine can read the value of --server"
        ),
        _("durations: 30 or 30s seconds, 10m minutes, 1h hours, 7d days"),
        _("exit codes: 0 success, 1 failure, 2 usage error, 3 cannot connect"),
    )
    return "\n\n".join([examples, *notes])


def _run_command(arguments: argparse.Namespace) -> int:
    import asyncio
    import inspect

    from pulse_desktop.bounded_runner import run_bounded

    if not inspect.iscoroutinefunction(arguments.run):
        restore_interrupt()
        code: int = arguments.run(arguments)
        return code
    # Until the event loop handles SIGTERM: imports take a moment and can be interrupted as well.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return run_bounded(cancel_on_signal(arguments.run(arguments)))
    except asyncio.CancelledError:
        return _interrupted(arguments)


async def cancel_on_signal(command: Coroutine[Any, Any, int]) -> int:
    """Await a command. SIGINT and SIGTERM cancel it, so that it can clean up."""
    import asyncio

    restore_interrupt()
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(command)
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, task.cancel)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_args: loop.call_soon_threadsafe(task.cancel))
    return await task


def _interrupted(arguments: argparse.Namespace) -> int:
    if arguments.ends_on_signal:
        return OK
    write_note(_("Interrupted."))
    return FAILED
