"""Options that several commands have, and the types of their values."""

import argparse
import re
from typing import Final, TypeAlias

from pulse_desktop.model.connection_options import add_connection_options
from pulse_desktop.text.translation import _
from pulse_workers.config.settings import DEFAULT_SERVER

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - no public name

_SIZE: Final = re.compile(r"([0-9]{1,15})([KMG]?)I?B?")
_UNITS: Final = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_LEVELS: Final = "DEBUG, INFO, WARNING, ERROR"


def add_common_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of every command: server, settings file and log level."""
    parser.add_argument(
        "--server",
        metavar="URL",
        help=_("NATS server URL (PULSE_SERVER, else {url})").format(url=DEFAULT_SERVER),
    )
    add_connection_options(parser)
    parser.add_argument(
        "--config", metavar="FILE", help=_("read only this settings file (PULSE_CONFIG)")
    )
    parser.add_argument(
        "--log-level",
        metavar="LEVEL",
        help=_("log level: {levels} (default: INFO)").format(levels=_LEVELS),
    )


def add_parent_pipe_option(parser: argparse.ArgumentParser) -> None:
    """Add the option for a parent process that must not be outlived."""
    parser.add_argument(
        "--parent-pipe",
        action="store_true",
        help=_("exit when stdin is closed, so that this process never outlives its parent"),
    )


def positive_int(text: str) -> int:
    """Parse a whole number above 0."""
    if not text.isdecimal() or int(text) < 1:
        message = _("{value!r} is not a whole number above 0").format(value=text)
        raise argparse.ArgumentTypeError(message)
    return int(text)


def size_in_bytes(text: str) -> int:
    """Parse a size above 0: a number of bytes, or of K, M or G."""
    found = _SIZE.fullmatch(text.strip().upper())
    size = int(found[1]) * _UNITS[found[2]] if found else 0
    if not size:
        message = _("{value!r} is not a size such as 512M or 2G").format(value=text)
        raise argparse.ArgumentTypeError(message)
    return size


def seconds(text: str) -> float:
    """Parse a number of seconds above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        message = _("{value!r} is not a number of seconds above 0").format(value=text)
        raise argparse.ArgumentTypeError(message)
    return value
