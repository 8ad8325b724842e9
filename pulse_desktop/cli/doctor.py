"""`pulse-desktop doctor`: each thing a newcomer trips over, checked, with what to do about it."""

from argparse import Namespace
from dataclasses import asdict
from typing import Final

from pulse_desktop.cli.exit_codes import CANNOT_CONNECT, FAILED, OK
from pulse_desktop.cli.machine_checks import check_machine
from pulse_desktop.cli.output import write_json, write_text
from pulse_desktop.cli.server_checks import check_server
from pulse_desktop.model.check_result import CheckResult
from pulse_desktop.model.errors import CannotConnectError

_SIGNS: Final = {"ok": "✔", "warning": "!", "problem": "✖"}
_JSON_STATUS: Final = {"ok": "ok", "warning": "note", "problem": "bad"}
"""The values that `doctor --json` has always printed."""


async def doctor(arguments: Namespace) -> int:
    """Check the machine, then the server."""
    worst = OK
    for finding in check_machine():
        worst = max(worst, _tell(finding, arguments))
    try:
        async for finding in check_server(arguments):
            worst = max(worst, _tell(finding, arguments))
    except CannotConnectError as error:
        _tell(
            CheckResult("server", "problem", f"{error.title}: {error.detail}", error.advice),
            arguments,
        )
        return CANNOT_CONNECT
    return worst


def _tell(finding: CheckResult, arguments: Namespace) -> int:
    if arguments.json:
        write_json({**asdict(finding), "status": _JSON_STATUS[finding.status]})
    else:
        write_text(f"{_SIGNS[finding.status]} {finding.check}: {finding.detail}")
        if finding.advice:
            write_text(f"    {finding.advice}")
    return FAILED if finding.status == "problem" else OK
