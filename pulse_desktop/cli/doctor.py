"""`pulse-desktop doctor`: check this machine and the server."""

from argparse import Namespace
from dataclasses import asdict
from typing import Final

from pulse_desktop.cli.exit_codes import CANNOT_CONNECT, FAILED, OK
from pulse_desktop.cli.output import write_json, write_text
from pulse_desktop.cli.parser import Subparsers, add_command
from pulse_desktop.model.check_result import CheckResult
from pulse_desktop.model.errors import CannotConnectError
from pulse_desktop.text.translation import _, translate

_SIGNS: Final = {"ok": "✔", "warning": "!", "problem": "✖"}

_JSON_STATUS: Final = {"ok": "ok", "warning": "note", "problem": "bad"}
"""The values that scripts know."""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    add_command(
        subparsers,
        "doctor",
        run,
        summary=_("check this machine and the server, and suggest fixes"),
        description=_(
            "Check Python, Qt, the display, nats-server, the data folder and the health of the "
            "embedded server, the stored profiles and the keyring; then the server: "
            "its JetStream, task queue, results and history. Suggest a fix for each problem. "
            "Exit 1 if there is one."
        ),
        examples=(
            ("pulse-desktop doctor", ""),
            ("pulse-desktop doctor --server nats://host:4222", ""),
        ),
    )


async def run(arguments: Namespace) -> int:
    """Check the machine, then the server."""
    from pulse_desktop.cli.machine_checks import check_embedded_server, check_machine
    from pulse_desktop.cli.profile_checks import check_profiles
    from pulse_desktop.cli.server_checks import check_server

    code = OK
    for result in check_machine():
        code = max(code, _report(result, as_json=arguments.json))
    if (embedded := await check_embedded_server()) is not None:
        code = max(code, _report(embedded, as_json=arguments.json))
    async for result in check_profiles():
        code = max(code, _report(result, as_json=arguments.json))
    try:
        async for result in check_server(arguments):
            code = max(code, _report(result, as_json=arguments.json))
    except CannotConnectError as error:
        detail = f"{error.title}: {error.detail}"
        _report(CheckResult("server", "problem", detail, error.advice), as_json=arguments.json)
        return CANNOT_CONNECT
    return code


def _report(result: CheckResult, *, as_json: bool) -> int:
    """Write a check result and return the exit code that it calls for."""
    if as_json:
        write_json({**asdict(result), "status": _JSON_STATUS[result.status]})
    else:
        write_text(f"{_SIGNS[result.status]} {translate(result.check)}: {result.detail}")
        if result.advice:
            write_text(f"    {result.advice}")
    return FAILED if result.status == "problem" else OK
