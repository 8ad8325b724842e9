"""Refuses the one combination of Python and Qt that kills the process while it works.

The wheel of PySide6 6.12 returns None and True without taking a reference to them. From Python
3.12 on those objects are immortal and nothing happens; before that, each call loses one, and when
the count reaches zero the interpreter aborts: within seconds under load, within the hour when idle.
No exception can be caught, so the only cure is not to start. Nothing of Qt is imported here.
"""

import re
import sys
from importlib import metadata

_FIRST_PYTHON_WITH_IMMORTAL_NONE = (3, 12)
_FIRST_PYSIDE_THAT_NEEDS_IT = (6, 12)
_DISTRIBUTIONS = ("PySide6-Essentials", "PySide6")


class UnsafeQtError(RuntimeError):
    """The installed PySide6 would abort this Python.

    Attributes:
        title: what is wrong, a few words.
        detail: what would happen and why.
        advice: the command that repairs it.
    """

    def __init__(self, title: str, detail: str, advice: str) -> None:
        super().__init__(f"{title}\n{detail}\n{advice}")
        self.title = title
        self.detail = detail
        self.advice = advice


def check_reference_counting(
    *,
    python: tuple[int, ...] = tuple(sys.version_info[:3]),
    implementation: str = sys.implementation.name,
    pyside: str | None = None,
) -> None:
    """Return when Qt can be used; call it before anything else of Qt is imported.

    Args:
        python: version of the interpreter, at least (major, minor).
        implementation: its name; only CPython counts references this way.
        pyside: version of PySide6; None asks what is installed, and nothing installed passes.

    Raises:
        UnsafeQtError: PySide6 6.12 or newer on CPython older than 3.12.
    """
    if implementation != "cpython" or python[:2] >= _FIRST_PYTHON_WITH_IMMORTAL_NONE:
        return
    version = pyside if pyside is not None else _installed_pyside()
    if version is None or _major_minor(version) < _FIRST_PYSIDE_THAT_NEEDS_IT:
        return
    spoken = ".".join(map(str, python[:2]))
    raise UnsafeQtError(
        f"PySide6 {version} cannot be used with Python {spoken}",
        "It loses references to None and True: Python before 3.12 aborts in the middle of work.",
        f'Install an older one:  {sys.executable} -m pip install "PySide6-Essentials>=6.11,<6.12"'
        "   or use Python 3.12 or 3.13.",
    )


def _installed_pyside() -> str | None:
    for name in _DISTRIBUTIONS:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None


def _major_minor(version: str) -> tuple[int, ...]:
    """Take the first two numbers, so that 6.12.0a1 counts as 6.12."""
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])
