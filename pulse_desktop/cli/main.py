"""`pulse-desktop`: the window, and beside it every question and action without one."""

import argparse
import asyncio
import importlib
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from pulse_desktop.cli.exit_codes import CANNOT_CONNECT, FAILED, OK
from pulse_desktop.cli.output import (
    detach_stdout,
    prepare_streams,
    print_error,
    write_note,
)
from pulse_desktop.cli.parser import parse
from pulse_desktop.embedded.launcher import run_requested_module
from pulse_desktop.model.errors import CannotConnectError, UserFacingError

_MODULES: Final = {
    "local": "local",
    "status": "status",
    "tail": "status",
    "runs": "status",
    "show": "show",
    "run": "run",
    "rerun": "run",
    "cancel": "workers",
    "workers": "workers",
    "worker": "workers",
    "results": "results",
    "doctor": "doctor",
}
"""Where each command lives; loaded only when it is asked for, so that `--help` is quick."""

_ENDED_BY_SIGNAL: Final = frozenset({"local", "tail"})
"""Commands that go on until told to stop: for them that is the good end."""

_Action = Callable[[argparse.Namespace], Awaitable[int]]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code."""
    if run_requested_module(sys.argv if argv is None else ["pulse-desktop", *argv]):
        return OK
    arguments = parse(argv)
    prepare_streams(as_json=arguments.json)
    try:
        return _dispatch(arguments)
    except CannotConnectError as error:
        print_error(error)
        return CANNOT_CONNECT
    except UserFacingError as error:
        print_error(error)
        return FAILED
    except KeyboardInterrupt:
        return _interrupted(arguments)
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        detach_stdout()
        return OK


def _dispatch(arguments: argparse.Namespace) -> int:
    if arguments.command is None:
        return _open_window(arguments)
    if arguments.command == "screenshot":
        from pulse_desktop.cli.screenshot import screenshot  # noqa: PLC0415

        return screenshot(arguments)
    # Until the event loop takes over: loading takes a moment, and may be interrupted too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    module = importlib.import_module(f"pulse_desktop.cli.{_MODULES[arguments.command]}")
    action: _Action = getattr(module, arguments.command)
    try:
        return asyncio.run(_until_told_to_stop(action(arguments)))
    except asyncio.CancelledError:
        return _interrupted(arguments)


def _open_window(arguments: argparse.Namespace) -> int:
    try:
        from pulse_desktop.cli.window import open_window  # noqa: PLC0415 - Qt only where it is shown
    except ImportError as error:
        if getattr(sys, "frozen", False):
            how = "sudo apt install pulse-desktop"
        else:
            how = "pip install 'pulse-desktop[desktop]'"
        raise UserFacingError(
            "The window is not installed here",
            f"{error}.",
            f"Install it with: {how}. All commands work without it; "
            "`pulse-desktop doctor` says what is missing.",
        ) from error
    return open_window(arguments)


async def _until_told_to_stop(answer: Awaitable[int]) -> int:
    """Await an answer; SIGINT and SIGTERM cancel it, so that everything is put in order."""
    loop = asyncio.get_running_loop()
    work = asyncio.ensure_future(answer)
    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        try:
            loop.add_signal_handler(number, work.cancel)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(work.cancel))
    return await work


def _interrupted(arguments: argparse.Namespace) -> int:
    if arguments.command in _ENDED_BY_SIGNAL:
        return OK
    write_note("Interrupted.")
    return FAILED
