"""Commands and workers run without Qt: only the window imports it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

BLOCKED = """
import importlib, pkgutil, sys

from importlib.machinery import PathFinder

class BlockedFinder:
    NAMES = ("PySide6", "shiboken6", "qasync", "pyqtgraph")
    find_distributions = staticmethod(PathFinder.find_distributions)
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.NAMES:
            return None
        return PathFinder.find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = BlockedFinder()
"""

IMPORT_ALL = (
    BLOCKED
    + """
WINDOW = ("pulse_desktop.ui.", "pulse_desktop.app", "pulse_desktop.event_loop",
          "pulse_desktop.__main__", "pulse_desktop.cli.window_qt",
          "pulse_desktop.cli.screenshot_qt", "pulse_workers.__main__")
import pulse_desktop, pulse_workers
count = 0
for package in (pulse_desktop, pulse_workers):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.startswith(WINDOW):
            importlib.import_module(module.name)
            count += 1
assert not any(name.startswith(BlockedFinder.NAMES) for name in sys.modules)
print(count)
"""
)


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PULSE_")}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        check=False,
    )


def test_every_module_outside_the_window_can_be_imported_without_qt() -> None:
    done = run(IMPORT_ALL)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 100


@pytest.mark.parametrize(
    ("program", "arguments", "expected"),
    [
        ("pulse_desktop.cli.main", ("--version",), "pulse-desktop "),
        ("pulse_desktop.cli.main", ("doctor",), "PySide6 is not installed: commands work"),
        ("pulse_workers.cli.main", ("--help",), "Headless TaskIQ workers"),
    ],
)
def test_programs_run_without_qt(
    tmp_path: Path, program: str, arguments: tuple[str, ...], expected: str
) -> None:
    code = f"{BLOCKED}\nfrom {program} import main\nsys.exit(main())"
    if arguments == ("doctor",):
        code = f"import os\nos.environ['PULSE_DATA_DIR'] = {str(tmp_path)!r}\n{code}"
    done = run(code, *arguments)
    assert expected in done.stdout, done.stderr
    assert "Traceback" not in done.stderr


def test_the_window_without_qt_prints_the_missing_module() -> None:
    done = run(f"{BLOCKED}\nfrom pulse_desktop.cli.main import main\nsys.exit(main())")
    assert done.returncode == 1
    assert "The window is not installed here: No module named" in done.stderr
    assert "Traceback" not in done.stderr
