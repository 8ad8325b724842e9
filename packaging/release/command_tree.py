"""A command line as data, read from its parser: what man pages and shell completion are made of."""

import argparse
import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Option:
    """One option.

    Attributes:
        flags: `--server`, `-s`.
        value: name of its value, empty for a switch.
        help: one line.
        choices: what the value may be, empty when anything.
    """

    flags: tuple[str, ...]
    value: str
    help: str
    choices: tuple[str, ...]


@dataclass(frozen=True)
class Argument:
    """One argument without a flag."""

    name: str
    help: str
    choices: tuple[str, ...]


@dataclass(frozen=True)
class Command:
    """A program or one of its commands.

    Attributes:
        path: `pulse-desktop`, or `pulse-desktop results get`.
        help: one line.
        description: what stands above the options, paragraphs apart.
        epilog: what stands below them.
    """

    path: str
    help: str
    description: str
    epilog: str
    options: tuple[Option, ...]
    arguments: tuple[Argument, ...]
    commands: "tuple[Command, ...]"

    @property
    def name(self) -> str:
        """The last word of the path."""
        return self.path.rpartition(" ")[2]

    def walk(self) -> Iterator["Command"]:
        """Yield this command and all below it."""
        yield self
        for each in self.commands:
            yield from each.walk()


def command_tree(parser: argparse.ArgumentParser, path: str = "", help_text: str = "") -> Command:
    """Return what a parser understands."""
    path = path or parser.prog
    options: list[Option] = []
    arguments: list[Argument] = []
    commands: list[Command] = []
    for action in parser._actions:  # noqa: SLF001 - argparse has no public way to read a parser
        if action.help == argparse.SUPPRESS:
            continue
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            told = {each.dest: each.help or "" for each in action._choices_actions}  # noqa: SLF001
            commands += [
                command_tree(below, f"{path} {name}", told.get(name, ""))
                for name, below in action.choices.items()
                if told.get(name) != argparse.SUPPRESS
            ]
        elif action.option_strings:
            options.append(
                Option(
                    tuple(action.option_strings), _value(action), _line(action), _choices(action)
                )
            )
        else:
            arguments.append(Argument(_value(action), _line(action), _choices(action)))
    return Command(
        path,
        help_text,
        (parser.description or "").strip(),
        (parser.epilog or "").strip("\n"),
        tuple(options),
        tuple(arguments),
        tuple(commands),
    )


def _value(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    if isinstance(action.metavar, tuple):
        return " ".join(action.metavar)
    name = action.metavar or "|".join(_choices(action)) or action.dest.upper()
    return f"{name}..." if action.nargs in ("*", "+") else name


def _choices(action: argparse.Action) -> tuple[str, ...]:
    return tuple(str(each) for each in action.choices or ())


def _line(action: argparse.Action) -> str:
    return re.sub(r"\s+", " ", (action.help or "").replace("%(prog)s", "").replace("%%", "%"))
