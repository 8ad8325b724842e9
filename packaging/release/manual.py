"""Manual pages, made from the parsers so that they never tell of options that are not there."""

from datetime import UTC, datetime
from typing import Final

from release.command_tree import Command, Option

_FILES: Final = {
    "pulse-desktop": (
        ("~/.local/share/pulse-desktop", "data and logs of the embedded server (PULSE_DATA_DIR)"),
        ("/usr/share/doc/pulse-desktop", "licences of all that is inside, bill of materials"),
    ),
    "pulse-worker": (
        ("/etc/pulse-desktop/worker.toml", "settings of all workers of the machine"),
        ("/etc/pulse-desktop/worker.env", "environment of those that run as system services"),
        ("/usr/share/doc/pulse-workers", "licences of all that is inside, bill of materials"),
    ),
}
_ONE_LINE: Final = {
    "pulse-desktop": "live monitor for TaskIQ workers on NATS",
    "pulse-worker": "headless TaskIQ workers on NATS JetStream",
}


def manual_page(command: Command, version: str, epoch: int) -> str:
    """Return the page of a program in section 1, in man's own language."""
    day = datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%d")
    others = " ,\n".join(f".BR {name} (1)" for name in _ONE_LINE if name != command.name)
    parts = [
        f'.TH {command.name.upper()} 1 "{day}" "Pulse Desktop {version}" "User commands"',
        ".SH NAME",
        f"{_escaped(command.name)} \\- {_escaped(_ONE_LINE[command.name])}",
        ".SH SYNOPSIS",
        f".B {_escaped(command.name)}\n.RI [ options ]\n.RI [ command ...]",
        ".SH DESCRIPTION",
        _paragraphs(command.description),
        ".SH OPTIONS",
        *(_option(each) for each in command.options),
        ".SH COMMANDS",
        *(_command(each) for each in command.walk() if each is not command),
        ".SH EXAMPLES, ENVIRONMENT AND EXIT STATUS",
        _verbatim(command.epilog),
        ".SH FILES",
        *(f".TP\n.I {_escaped(path)}\n{_escaped(what)}" for path, what in _FILES[command.name]),
        ".SH SEE ALSO",
        others,
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _command(command: Command) -> str:
    words = command.path.partition(" ")[2]
    names = " ".join(each.name for each in command.arguments)
    parts = [
        f".SS {_escaped(words)} {_escaped(names)}".rstrip(),
        _paragraphs(command.description or command.help),
    ]
    parts += [
        f".TP\n.I {_escaped(each.name)}\n{_escaped(each.help)}"
        for each in command.arguments
        if each.help
    ]
    parts += [_option(each) for each in command.options if "--help" not in each.flags]
    if command.epilog:
        parts.append(_verbatim(command.epilog))
    return "\n".join(parts)


def _option(option: Option) -> str:
    flags = ", ".join(f"\\fB{_escaped(flag)}\\fR" for flag in option.flags)
    value = f" \\fI{_escaped(option.value)}\\fR" if option.value else ""
    return f".TP\n{flags}{value}\n{_escaped(option.help)}"


def _paragraphs(text: str) -> str:
    """Return prose as it is; from the first example on, as lines."""
    prose, head, examples = text.partition("examples:")
    paragraphs = [" ".join(each.split()) for each in prose.strip().split("\n\n") if each.strip()]
    told = "\n.PP\n".join(_escaped(each) for each in paragraphs)
    return f"{told}\n{_verbatim(head + examples)}" if head else told


def _verbatim(text: str) -> str:
    return f".PP\n.nf\n{_escaped(text.strip())}\n.fi" if text.strip() else ""


def _escaped(text: str) -> str:
    """Return text that man takes for nothing but text."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "\\(ga")
    return "\n".join(
        f"\\&{line}" if line[:1] in (".", "'") else line for line in escaped.split("\n")
    )
