"""How to start a module of this program as a process, from a checkout, a wheel or a bundle.

In a PyInstaller bundle there is no interpreter to give `-m` to: the bundled program is started
again with `RUN_MODULE`, and its entry point must call `run_requested_module` before anything else.
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
    # -P: a folder called "workers" where the user happens to stand must not be run instead.
    return [sys.executable, "-P", "-m", module, *arguments]


def _bundled_program() -> str:
    """Return the program to start again: the one with output, where the window's has none.

    Windows knows two kinds of programs. The Start menu starts the one without a console; what that
    starts in the background must be able to write its logs.
    """
    with_output = Path(sys.executable).with_name("pulse-desktop.exe")
    return str(with_output) if with_output.is_file() else sys.executable


def child_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment for one that runs in another folder."""
    environment = {**os.environ, **(extra or {})}
    if path := environment.get("PYTHONPATH"):
        entries = (os.path.abspath(entry) for entry in path.split(os.pathsep) if entry)  # noqa: PTH100
        environment["PYTHONPATH"] = os.pathsep.join(entries)
    # A bundle's child must not lean on files that the parent removes when it ends.
    environment["PYINSTALLER_RESET_ENVIRONMENT"] = "1"
    environment["PYTHONUNBUFFERED"] = "1"
    return environment


def run_requested_module(argv: Sequence[str]) -> bool:
    """Run the module a bundled program was started for. False when it was started for itself."""
    if len(argv) < 3 or argv[1] != RUN_MODULE:
        return False
    module, arguments = argv[2], argv[3:]
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    return True
