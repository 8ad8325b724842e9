"""Prepares the process for Qt and rejects the one combination of Python and Qt that aborts it.

The wheel of PySide6 6.12 returns None and True without taking a reference to them. From Python
3.12 on these objects are immortal and nothing happens; before that, each call loses a reference,
and when the count reaches zero the interpreter aborts: within seconds under load, within an hour
when idle. No exception can be caught, so the program must not start. Qt is not imported here.
"""

import os
import re
import sys
from importlib import metadata

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.text.translation import _

_IMMORTAL_NONE_PYTHON = (3, 12)
_UNSAFE_PYSIDE = (6, 12)
_DISTRIBUTIONS = ("PySide6-Essentials", "PySide6")


class UnsafeQtError(UserFacingError):
    """The installed PySide6 would abort this Python."""


def prepare_qt() -> None:
    """Prepare the process for Qt; call it before anything of Qt is imported.

    Raises:
        UnsafeQtError: PySide6 would abort this Python.
    """
    check_reference_counting()
    os.environ.setdefault("PYQTGRAPH_QT_LIB", "PySide6")


def check_reference_counting(
    *,
    python: tuple[int, ...] = tuple(sys.version_info[:3]),
    implementation: str = sys.implementation.name,
    pyside: str | None = None,
) -> None:
    """Check that the installed PySide6 is safe to use with this Python.

    Args:
        python: version of the interpreter, at least (major, minor).
        implementation: name of the interpreter; only CPython is affected.
        pyside: version of PySide6; None for the installed one, and passes when there is none.

    Raises:
        UnsafeQtError: PySide6 6.12 or newer on CPython older than 3.12.
    """
    if implementation != "cpython" or python[:2] >= _IMMORTAL_NONE_PYTHON:
        return
    version = pyside if pyside is not None else _installed_pyside()
    if version is None or _major_minor(version) < _UNSAFE_PYSIDE:
        return
    command = f'{sys.executable} -m pip install "PySide6-Essentials>=6.11,<6.12"'
    raise UnsafeQtError(
        _("PySide6 {version} cannot be used with Python {python}").format(
            version=version, python=".".join(map(str, python[:2]))
        ),
        _("it loses references to None and True, so that Python before 3.12 aborts."),
        _("Install an older one with `{command}`, or use Python 3.12 or 3.13.").format(
            command=command
        ),
    )


def _installed_pyside() -> str | None:
    for name in _DISTRIBUTIONS:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None


def _major_minor(version: str) -> tuple[int, ...]:
    """Return the first two numbers of a version, (6, 12) for 6.12.0a1."""
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])
