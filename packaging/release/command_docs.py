"""Man pages and shell completion, generated from the argument parsers.

argparse-manpage and shtab do the work. They need some help: argparse-manpage prints hidden
subcommands and leaves out the examples of a command, shtab does not know which arguments are files.
"""

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

import shtab
from argparse_manpage.manpage import Manpage

Shell = Literal["bash", "zsh", "fish"]

SUMMARIES: Final = {
    "pulse-desktop": "live monitor for TaskIQ workers on NATS",
    "pulse-worker": "headless TaskIQ workers on NATS JetStream",
}
"""The programs with their one-line descriptions."""

_FILES: Final = {
    "pulse-desktop": (
        ("~/.local/share/pulse-desktop", "data and logs of the embedded server (PULSE_DATA_DIR)"),
        ("/usr/share/doc/pulse-desktop", "licenses of the bundled software, bill of materials"),
    ),
    "pulse-worker": (
        ("/etc/pulse-desktop/worker.toml", "settings of all workers on the machine"),
        ("/etc/pulse-desktop/worker.env", "environment of workers that run as system services"),
        ("/usr/share/doc/pulse-workers", "licenses of the bundled software, bill of materials"),
    ),
}
_FILE_METAVARS: Final = frozenset({"FILE", "PATH"})
_USAGE_COLUMNS: Final = "1000"
"""One line of usage per command, which man wraps to the terminal."""


def shell_completion(parser: argparse.ArgumentParser, shell: Shell) -> str:
    """Return the completion script of a program."""
    for each in _walk(parser):
        for action in each._actions:  # noqa: SLF001 - argparse has no public access
            if action.metavar in _FILE_METAVARS:
                action.complete = shtab.FILE  # type: ignore[attr-defined]
    return str(shtab.complete(parser, shell))


def manual_page(parser: argparse.ArgumentParser, version: str, epoch: int) -> str:
    """Return the man page of a program for section 1.

    Args:
        parser: of the program. Its texts are changed.
        version: of the program.
        epoch: date of the page, Unix seconds.
    """
    name = parser.prog
    # Settings files of the user are named in the help of pulse-worker.
    epilog = (parser.epilog or "").replace(str(Path.home()), "~")
    parser.epilog = None
    for each in _walk(parser):
        if each.epilog:
            each.description = f"{each.description}\n\n{each.epilog}"
    with _columns(_USAGE_COLUMNS):
        page = Manpage(parser, format="single-commands-section")
        page.date = datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%d")
        page.source = f"Pulse Desktop {version}"
        page.manual = "User commands"
        page.description = SUMMARIES[name]
        escape = page.mf.format_text
        page.add_section("EXAMPLES AND NOTES", "=", f".nf\n{escape(epilog)}\n.fi")
        files = (f".TP\n.I {escape(path)}\n{escape(what)}" for path, what in _FILES[name])
        page.add_section("FILES", "=", "\n".join(files))
        others = (f".BR {escape(each)} (1)" for each in SUMMARIES if each != name)
        page.add_section("SEE ALSO", "=", " ,\n".join(others))
        return str(page)


def _walk(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield a parser and those of its subcommands, after removing the hidden ones."""
    yield parser
    for action in parser._actions:  # noqa: SLF001
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            shown = {each.dest for each in action._choices_actions}  # noqa: SLF001
            for name in set(action.choices) - shown:
                del action.choices[name]
            for each in action.choices.values():
                yield from _walk(each)


@contextmanager
def _columns(number: str) -> Iterator[None]:
    """Set the width that argparse formats for."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = number
    try:
        yield
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before
