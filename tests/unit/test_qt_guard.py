"""The check before Qt starts, and a proof that the installed Qt loses no references."""

import subprocess
import sys

import pytest

from pulse_desktop.qt_guard import UnsafeQtError, check_reference_counting

# A process of its own: were the defect there, it would take the whole test run with it.
# An immortal object reports one huge constant, so that the same comparison holds on every Python.
_COUNT_LOST_REFERENCES = """
import sys
from PySide6.QtCore import QCoreApplication, QObject, QTimer, Signal

class Emitter(QObject):
    emitted = Signal(int)

application = QCoreApplication([])
timer, emitter = QTimer(), Emitter()

def work(times):
    for _ in range(times):
        timer.setInterval(10)
        emitter.emitted.emit(1)

def on_emitted(number):
    pass

def connect_and_disconnect(times):
    for _ in range(times):
        emitter.emitted.connect(on_emitted)
        emitter.emitted.disconnect(on_emitted)

work(10)
connect_and_disconnect(10)
before = sys.getrefcount(None), sys.getrefcount(True)
work(2000)
connect_and_disconnect(500)
after = sys.getrefcount(None), sys.getrefcount(True)
print(before[0] - after[0], before[1] - after[1])
"""


def run_python(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True, timeout=60
    )


def test_the_installed_qt_loses_no_reference_of_none_or_true() -> None:
    done = run_python(_COUNT_LOST_REFERENCES)

    assert done.returncode == 0, done.stderr
    lost_none, lost_true = map(int, done.stdout.split())
    assert abs(lost_none) < 100
    assert abs(lost_true) < 100


@pytest.mark.parametrize("pyside", ["6.12.0", "6.12.0a1", "6.13.2", "7.0"])
@pytest.mark.parametrize("python", [(3, 11, 7), (3, 10)])
def test_a_qt_that_would_abort_python_is_rejected(python: tuple[int, ...], pyside: str) -> None:
    with pytest.raises(UnsafeQtError) as caught:
        check_reference_counting(python=python, implementation="cpython", pyside=pyside)

    text = str(caught.value)
    assert f"PySide6 {pyside}" in text
    assert "aborts" in text
    assert 'pip install "PySide6-Essentials>=6.11,<6.12"' in caught.value.advice


@pytest.mark.parametrize(
    ("python", "implementation", "pyside"),
    [
        ((3, 11, 7), "cpython", "6.11.3"),
        ((3, 11, 7), "cpython", "6.9.3"),
        ((3, 12, 0), "cpython", "6.12.0"),
        ((3, 13, 0), "cpython", "6.12.0"),
        ((3, 11, 0), "pypy", "6.12.0"),
    ],
)
def test_every_other_pair_is_accepted(
    python: tuple[int, ...], implementation: str, pyside: str
) -> None:
    check_reference_counting(python=python, implementation=implementation, pyside=pyside)


def test_the_installed_pair_is_accepted() -> None:
    check_reference_counting()


def test_the_guard_itself_imports_no_qt() -> None:
    script = "import sys, pulse_desktop.qt_guard; print(*sys.modules)"

    assert "PySide6" not in run_python(script).stdout
