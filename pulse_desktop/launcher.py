"""Command lines that run a module of this program: from a checkout, a wheel or a bundle.

A PyInstaller bundle has no interpreter for `-m`: the bundled program is started again with
`RUN_MODULE`, and its entry point must call `run_requested_module` before anything else.
"""

import os
import runpy
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

RUN_MODULE: Final = "--run-module"


def module_command(module: str, *arguments: str) -> list[str]:
    """Return the command line that runs `module` with the interpreter of this process."""
    if getattr(sys, "frozen", False):
        return [_bundled_program(), RUN_MODULE, module, *arguments]
    # -P: modules in the working directory must not shadow ours.
    return [sys.executable, "-P", "-m", module, *arguments]


def _bundled_program() -> str:
    """Return the bundled program that has standard streams.

    On Windows a program has either a console or none. The Start menu starts the one without;
    processes that it starts in the background must be able to write their logs.
    """
    console_program = Path(sys.executable).with_name("pulse-desktop.exe")
    return str(console_program) if console_program.is_file() else sys.executable


def child_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of this process for a child with another working directory."""
    environment = {**os.environ, **(extra or {})}
    if path := environment.get("PYTHONPATH"):
        entries = (os.path.abspath(entry) for entry in path.split(os.pathsep) if entry)  # noqa: PTH100
        environment["PYTHONPATH"] = os.pathsep.join(entries)
    # Else the child of a bundle would use files that its parent removes at exit.
    environment["PYINSTALLER_RESET_ENVIRONMENT"] = "1"
    environment["PYTHONUNBUFFERED"] = "1"
    return environment


def run_requested_module(argv: Sequence[str]) -> bool:
    """Run the module that a bundled program was started for; return False if there is none."""
    if len(argv) < 3 or argv[1] != RUN_MODULE:
        return False
    module, arguments = argv[2], argv[3:]
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    return True
