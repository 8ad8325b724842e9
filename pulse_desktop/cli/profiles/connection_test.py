"""`profiles test`: test a connection step by step."""

import shlex
from argparse import Namespace
from typing import TYPE_CHECKING, Any, Final

from pulse_desktop.cli.argument_types import profile_name
from pulse_desktop.cli.exit_codes import CANNOT_CONNECT, FAILED, OK
from pulse_desktop.cli.output import write_json, write_line, write_text
from pulse_desktop.cli.parser import Subparsers, add_shared_options
from pulse_desktop.cli.profile_choice import chosen_profile, profile_secrets
from pulse_desktop.text.translation import _

if TYPE_CHECKING:
    from pulse_desktop.model.connection_step import ConnectionStep

_SIGNS: Final = {"ok": "✔", "warning": "!", "failed": "✖", "skipped": "–"}


def add_parsers(commands: Subparsers) -> None:
    """Add the subcommand."""
    command = commands.add_parser(
        "test",
        help=_("test a connection step by step"),
        description=_(
            "Connect to each server of a profile, show each step as it happens (name, TCP, TLS, "
            "login, JetStream, permissions, clock), and what to do about one that fails. Nothing "
            "is changed on the server. Exit 1 if a step fails, 3 if no server can be connected to."
        ),
    )
    add_shared_options(command)
    command.add_argument(
        "name",
        type=profile_name,
        metavar="NAME",
        nargs="?",
        help=_("of a profile, or nats:NAME (default: as for every command)"),
    )
    command.set_defaults(run=run_test)


async def run_test(arguments: Namespace) -> int:
    """Test the connection; return the exit code."""
    from pulse_desktop.session.connection_test import ConnectionTest

    if arguments.name is not None:
        arguments.profile = arguments.name
    profile = await profile_secrets().complete(chosen_profile(arguments))
    is_stored = bool(profile.name) and not (profile.is_context or profile.is_embedded)
    writer = _StepWriter(profile.name if is_stored else "", as_json=arguments.json)
    result = await ConnectionTest(profile, writer.write).run()
    if not result.is_connected:
        return CANNOT_CONNECT
    return OK if result.is_good else FAILED


class _StepWriter:
    """Writes each step when it has ended, and once more if it ends otherwise after a retry."""

    def __init__(self, stored_name: str, *, as_json: bool) -> None:
        """Write nothing yet.

        Args:
            stored_name: of the profile, empty if it is not stored here.
            as_json: whether to write JSON lines.
        """
        self._stored_name = stored_name
        self._as_json = as_json
        self._written: dict[Any, str] = {}
        self._server = ""

    def write(self, step: "ConnectionStep") -> None:
        from pulse_desktop.text.connection_step_text import step_text

        if not step.status.is_final or self._written.get(step.key) == step.status:
            return
        self._written[step.key] = step.status
        if self._as_json:
            write_json(_fields(step))
            return
        if step.server and step.server != self._server:
            write_line(step.server)
        self._server = step.server
        text = f"{_SIGNS[step.status]} {step_text(step)}"
        if step.detail:
            text = f"{text}: {step.detail}"
        write_text(f"  {text}" if step.server else text)
        if advice := self._advice(step.advice):
            write_text(f"      {advice}" if step.server else f"    {advice}")

    def _advice(self, advice: str) -> str:
        """Return what to do, and where if it is an option that the profile has."""
        from pulse_desktop.text.option_text import named_options

        if not (self._stored_name and named_options(advice)):
            return advice
        change = _("The profile is changed by: pulse-desktop profiles edit {name}")
        return f"{advice} {change.format(name=shlex.quote(self._stored_name))}"


def _fields(step: "ConnectionStep") -> dict[str, Any]:
    return {
        "step": step.kind,
        "server": step.server or None,
        "purpose": step.purpose or None,
        "status": step.status,
        "detail": step.detail,
        "advice": step.advice,
        "seconds": None if step.duration_s is None else round(step.duration_s, 6),
    }
