"""Argument parser of `pulse-desktop`: what the commands share.

Nothing heavy is imported here, nor by the modules of the commands before they run: `--help`,
`--version` and usage errors must return at once.
"""

import argparse
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, NoReturn, TypeAlias

from pulse_desktop.argument_parser import ArgumentParser
from pulse_desktop.cli.argument_types import (
    bucket_name,
    positive_int,
    profile_name,
    server,
    stream_or_consumer_name,
    subject_name,
)
from pulse_desktop.cli.exit_codes import USAGE
from pulse_desktop.model.connection_options import add_connection_options
from pulse_desktop.text.translation import _

PROGRAM: Final = "pulse-desktop"
DEFAULT_LIMIT: Final = 100

NAME_OPTIONS: Final = {
    "subject": ("PULSE_TASK_SUBJECT", _("subject of the tasks (default: taskiq_tasks)")),
    "consumer": (
        "PULSE_TASK_CONSUMER",
        _("durable consumer of the workers (default: taskiq_durable)"),
    ),
    "bucket": ("PULSE_RESULT_BUCKET", _("bucket of the results (default: taskiq_results)")),
    "stream": ("PULSE_TASK_STREAM", _("stream of the tasks (default: found by their subject)")),
    "subject_prefix": (
        "PULSE_SUBJECT_PREFIX",
        _("what the subjects of events and commands begin with (default: nothing)"),
    ),
}
"""Options for a TaskIQ system with names of its own: environment variable and help."""

_NAME_TYPES: Final = {
    "subject": subject_name,
    "consumer": stream_or_consumer_name,
    "bucket": bucket_name,
    "stream": stream_or_consumer_name,
    "subject_prefix": subject_name,
}

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001
Run: TypeAlias = Callable[[argparse.Namespace], int | Awaitable[int]]
Example: TypeAlias = tuple[str, str]
"""A command line and what it does, empty when it speaks for itself."""


class HelpFormatter(argparse.HelpFormatter):
    """Help formatter that wraps paragraphs and keeps the lines of examples."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        import textwrap

        return "\n\n".join(
            part
            if "\n" in part
            else textwrap.fill(
                part,
                width,
                initial_indent=indent,
                subsequent_indent=indent,
                break_on_hyphens=False,
            )
            for part in text.split("\n\n")
        )


class Parser(ArgumentParser):
    """Argument parser that reports an error in one line and suggests the nearest choice.

    The words of a query may stand anywhere among the options; see `add_words`.
    """

    def parse_args(  # type: ignore[override]  # the overloads of the base class
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """Return the arguments; exit with a usage error if they are not valid."""
        found, rest = self.parse_known_args(args, namespace)
        words = getattr(found, getattr(found, "words_name", ""), None)
        end = rest.index("--") if "--" in rest else len(rest)
        if rest and (words is None or any(each.startswith("-") for each in rest[:end])):
            self.error(_("unrecognized arguments: {words}").format(words=" ".join(rest)))
        if words is not None:
            words += rest[:end] + rest[end + 1 :]
        return found

    def error(self, message: str) -> NoReturn:
        """Write the error and exit with the code of usage errors."""
        hint = _("See `{program} --help`.").format(program=self.prog)
        sys.stderr.write(f"{self.prog}: {message}\n{hint}\n")
        sys.exit(USAGE)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        import difflib

        names = visible_choices(action)
        near = difflib.get_close_matches(str(value), names, 1)
        if near:
            message = _("unknown value {value!r}; did you mean {near}?")
        else:
            message = _("unknown value {value!r}; choose from: {names}")
        raise argparse.ArgumentError(
            action, message.format(value=value, near="".join(near), names=", ".join(names))
        )


def visible_choices(action: argparse.Action) -> list[str]:
    """Return the choices of an action without subcommands kept only as hidden aliases."""
    names = [str(choice) for choice in action.choices or ()]
    if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - no public class
        shown = {each.dest for each in action._choices_actions}  # noqa: SLF001
        names = [name for name in names if name in shown]
    return names


def add_command(
    subparsers: Subparsers,
    name: str,
    run: Run,
    *,
    summary: str,
    description: str,
    examples: Sequence[Example],
    ends_on_signal: bool = False,
) -> argparse.ArgumentParser:
    """Add a command with the options that every command has.

    Args:
        subparsers: the commands of the program.
        name: as typed.
        run: runs the command and returns its exit code.
        summary: one line for the list of commands.
        description: shown by the command's own help.
        examples: shown below the options.
        ends_on_signal: whether SIGINT and SIGTERM are the usual end of the command: exit code 0.
    """
    parser = subparsers.add_parser(
        name,
        help=summary,
        description=description,
        epilog=format_examples(examples),
        formatter_class=HelpFormatter,
    )
    parser.set_defaults(run=run, ends_on_signal=ends_on_signal)
    add_shared_options(parser)
    return parser


def add_words(parser: argparse.ArgumentParser, name: str, *, metavar: str, help_: str) -> None:
    """Add the words that a command takes, which may stand before, between and after options.

    The standard library takes only those that stand together: with `tail tasks --since 1h
    type:failed` it takes `tasks` alone, which `Parser` completes.

    Args:
        parser: of the command.
        name: of the argument.
        metavar: what they are.
        help_: says more.
    """
    parser.add_argument(name, nargs="*", metavar=metavar, help=help_)
    parser.set_defaults(words_name=name)


def add_shared_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that every command has."""
    add_server_option(parser, default=argparse.SUPPRESS)
    add_profile_option(parser, default=argparse.SUPPRESS)
    add_name_options(parser, default=argparse.SUPPRESS)
    add_json_option(parser)
    add_connection_options(parser, default=argparse.SUPPRESS)


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """Add `--json`."""
    parser.add_argument(
        "--json",
        action="store_true",
        default=argparse.SUPPRESS,
        help=_("write one JSON object per line to stdout, and nothing else"),
    )


def add_csv_option(parser: argparse.ArgumentParser) -> None:
    """Add `--csv` to a command that lists rows."""
    parser.add_argument(
        "--csv",
        action="store_true",
        help=_("write CSV with headings to stdout, safe to open in a spreadsheet"),
    )


def add_server_option(parser: argparse.ArgumentParser, default: str | None) -> None:
    """Add `--server`."""
    parser.add_argument(
        "--server",
        type=server,
        metavar="URL",
        default=default,
        help=_(
            "nats://[user:password@|token@]host:4222 "
            "(default: PULSE_SERVER, else the running embedded stack)"
        ),
    )


def add_profile_option(parser: argparse.ArgumentParser, default: str | None) -> None:
    """Add `--profile`."""
    parser.add_argument(
        "--profile",
        type=profile_name,
        metavar="NAME",
        default=default,
        help=_(
            "a stored connection profile, or local for the embedded server "
            "(PULSE_PROFILE); `pulse-desktop profiles list` shows them"
        ),
    )


def add_confirm_option(parser: argparse.ArgumentParser, *, always_asks: bool = False) -> None:
    """Add `--yes` to a command that acts on a server.

    Args:
        parser: of the command.
        always_asks: whether it asks on every system, and not only where the profile requires it.
    """
    text = _("do not ask for confirmation, where the profile requires it")
    if always_asks:
        text = _("do not ask for confirmation")
    parser.add_argument("--yes", action="store_true", help=text)


def add_limit_option(parser: argparse.ArgumentParser) -> None:
    """Add `--limit` to a command that lists what there is, latest first."""
    parser.add_argument(
        "--limit",
        type=positive_int,
        default=DEFAULT_LIMIT,
        metavar="N",
        help=_("list at most N, the latest (default: {default})").format(default=DEFAULT_LIMIT),
    )


def add_name_options(parser: argparse.ArgumentParser, default: str | None) -> None:
    """Add the options for a TaskIQ system with names of its own."""
    for name, (variable, text) in NAME_OPTIONS.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=_NAME_TYPES[name],
            metavar="NAME",
            default=default,
            help=f"{text}; {variable}",
        )


def add_hidden_alias(parser: argparse.ArgumentParser, old: str, option: str) -> None:
    """Accept an old spelling of an option without showing it in the help."""
    action = next(each for each in parser._actions if option in each.option_strings)  # noqa: SLF001
    settings: dict[str, Any] = (
        {"action": "store_true"} if action.nargs == 0 else {"type": action.type, "metavar": old}
    )
    parser.add_argument(
        old, dest=action.dest, default=argparse.SUPPRESS, help=argparse.SUPPRESS, **settings
    )


def format_examples(examples: Sequence[Example]) -> str:
    """Return the examples of a help text, their comments in one column."""
    width = max((len(command) for command, comment in examples if comment), default=0)
    lines = [f"  {command:<{width}}  {comment}".rstrip() for command, comment in examples]
    return "\n".join([_("examples:"), *lines])
