"""`pulse-desktop`: the window, and beside it every question and action without one."""

import argparse
import asyncio
import re
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import msgspec

from pulse_desktop import __version__
from pulse_desktop.bus.errors import CannotConnectError, UserFacingError
from pulse_desktop.commands import acting, doctor, local, watching
from pulse_desktop.commands.session import CANNOT_CONNECT, FAILED, OK, complain
from pulse_desktop.local.commands import run_requested_module

_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

_DESCRIPTION: Final = """\
Watch TaskIQ workers on NATS: live runs, events and results, and re-run what failed.

Without a command this opens the window. With no server named (--server or PULSE_SERVER) it starts
a NATS server, workers and sample work on this machine."""

_EXAMPLES: Final = """\
examples:
  pulse-desktop                                     the window, on an embedded server
  pulse-desktop --server nats://me:secret@host:4222 the window, on yours
  pulse-desktop runs --state failed --since 1h      what failed in the last hour
  pulse-desktop rerun 3f9c0e6a… --wait 30           run it again and see how it ends
  pulse-desktop tail tasks --since 10m --json       events as JSON lines
  pulse-desktop doctor                              what is wrong, and what to do

exit codes: 0 ok, 1 what was asked for failed, 2 wrong usage, 3 cannot connect"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code."""
    if run_requested_module(sys.argv if argv is None else ["pulse-desktop", *argv]):
        return OK
    arguments = _parser().parse_args(argv)
    try:
        return _dispatch(arguments)
    except CannotConnectError as error:
        complain(error)
        return CANNOT_CONNECT
    except UserFacingError as error:
        complain(error)
        return FAILED
    except KeyboardInterrupt:
        return OK
    except BrokenPipeError:
        # Whoever read our output has seen enough; Python must not complain about it at exit.
        sys.stdout = open("/dev/null", "w")  # noqa: SIM115, PTH123
        return OK


def _dispatch(arguments: argparse.Namespace) -> int:
    if arguments.command is None:
        from pulse_desktop.app import open_window  # noqa: PLC0415 - Qt only where it is shown

        return open_window(arguments)
    if arguments.command == "screenshot":
        from pulse_desktop.app import take_screenshot  # noqa: PLC0415

        return take_screenshot(arguments)
    action: Callable[[argparse.Namespace], Awaitable[int]] = arguments.action
    return asyncio.run(_awaited(action(arguments)))


async def _awaited(answer: Awaitable[int]) -> int:
    return await answer


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pulse-desktop",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    _add_server(parser, None)
    parser.add_argument("--theme", choices=("dark", "light", "system"), default="system")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    _add_local(commands)
    _add_watching(commands)
    _add_acting(commands)
    _add_screenshot(commands)
    _command(
        commands,
        "doctor",
        doctor.doctor,
        "check each thing a newcomer trips over, and say what to do",
    )
    return parser


def _add_local(commands: Any) -> None:
    parser = _command(
        commands, "local", local.local, "the embedded stack without a window, until interrupted"
    )
    parser.add_argument(
        "--workers", type=_positive, default=1, metavar="N", help="worker processes (1)"
    )
    parser.add_argument("--no-sample", action="store_true", help="do not feed the sample chat")


def _add_watching(commands: Any) -> None:
    _command(commands, "status", watching.status, "how the server, topics, queue and workers are")
    tail = _command(commands, "tail", watching.tail, "print events as they come")
    tail.add_argument("topics", nargs="*", metavar="TOPIC", help="such as tasks; all when none")
    tail.add_argument(
        "--since", type=_span, metavar="SPAN", help="first those of the last 10m, 1h…"
    )
    tail.add_argument("--count", type=_positive, metavar="N", help="stop after N events")
    tail.add_argument(
        "--for", dest="for_s", type=_span, metavar="SEC", help="stop after so many seconds"
    )
    runs = _command(commands, "runs", watching.runs, "list task runs, the latest first")
    runs.add_argument(
        "--state", action="append", choices=watching.STATES, help="only this state; may be repeated"
    )
    runs.add_argument(
        "--since", type=_span, default=86400.0, metavar="SPAN", help="30m, 1h, 7d (1d)"
    )
    runs.add_argument("--limit", type=_positive, default=100, metavar="N", help="at most N (100)")
    show = _command(commands, "show", watching.show, "all that is known of one run")
    show.add_argument("task_id", metavar="TASK_ID")


def _add_acting(commands: Any) -> None:
    run = _command(commands, "run", acting.run, "enqueue a task by name")
    run.add_argument(
        "task_name", metavar="TASK_NAME", help="as registered, such as module:function"
    )
    run.add_argument("--args", type=_json_of(list), default=b"[]", metavar="JSON", help="an array")
    run.add_argument(
        "--kwargs", type=_json_of(dict), default=b"{}", metavar="JSON", help="an object"
    )
    rerun = _command(commands, "rerun", acting.rerun, "run again, with the arguments as captured")
    rerun.add_argument("task_ids", nargs="+", metavar="TASK_ID")
    for parser in (run, rerun):
        parser.add_argument(
            "--wait", type=_span, metavar="SEC", help="wait for the end; exit 1 unless it succeeds"
        )
        parser.add_argument(
            "--anyway", action="store_true", help="also while no worker listens (durable queue)"
        )
    results = _command(commands, "results", acting.results, "list, print or save stored results")
    what = results.add_subparsers(dest="what", required=True, metavar="list|get|save")
    for name, text in (("list", "all keys"), ("get", "print one"), ("save", "save the bytes")):
        parser = what.add_parser(name, help=text, description=text)
        _add_server(parser, argparse.SUPPRESS)
        _add_json(parser, argparse.SUPPRESS)
        if name != "list":
            parser.add_argument("key", metavar="KEY")
        if name == "save":
            parser.add_argument("path", metavar="PATH")


def _add_screenshot(commands: Any) -> None:
    parser = _command(commands, "screenshot", None, "render a page of the real window into a file")
    parser.add_argument("--page", required=True, metavar="NAME", help="overview, tasks, results, …")
    parser.add_argument("--out", required=True, metavar="FILE", help="a .png")
    parser.add_argument("--theme", choices=("dark", "light"), default="dark", help="colours (dark)")
    parser.add_argument("--size", type=_size, default=(1440, 900), metavar="WxH", help="(1440x900)")
    parser.add_argument(
        "--after", type=_span, default=3.0, metavar="SEC", help="seconds of live events first (3)"
    )


def _command(
    commands: Any, name: str, action: Callable[..., Awaitable[int]] | None, text: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text[0].upper() + text[1:] + "."
    )
    parser.set_defaults(action=action)
    _add_server(parser, argparse.SUPPRESS)
    _add_json(parser, False)
    return parser


def _add_server(parser: argparse.ArgumentParser, default: Any) -> None:
    parser.add_argument(
        "--server",
        metavar="URL",
        default=default,
        help="NATS address (else PULSE_SERVER, else the running embedded stack)",
    )


def _add_json(parser: argparse.ArgumentParser, default: Any) -> None:
    parser.add_argument(
        "--json", action="store_true", default=default, help="one JSON object per line on stdout"
    )


def _span(text: str) -> float:
    """Read `30`, `30s`, `10m`, `1h` or `7d` as seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd]?)", text.strip())
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time span; write 30s, 10m, 1h or 7d")
    return float(match[1]) * _UNITS[match[2] or "s"]


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{3,5})[xX×](\d{3,5})", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write 1440x900")
    return int(match[1]), int(match[2])


def _json_of(kind: type) -> Callable[[str], bytes]:
    def read(text: str) -> bytes:
        try:
            value = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError) as error:
            raise argparse.ArgumentTypeError(f"not JSON: {error}") from None
        if not isinstance(value, kind):
            wanted = "an array" if kind is list else "an object"
            raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}")
        return text.encode()

    return read
