"""Modules and files that PyInstaller would collect but the program does not use."""

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Final

Entry = tuple[Any, ...]
"""Name in the bundle, path of its origin, kind; as in the lists of PyInstaller."""

_MODULES: Final = (
    "tkinter",
    "turtle",
    "turtledemo",
    "ensurepip",
    "readline",  # under the GPL, and there is no prompt
    "_gdbm",  # under the GPL
    "dbm.gnu",
    "_dbm",
    "dbm.ndbm",
    "_tkinter",
    "nis",  # depends on Kerberos
    "curses",
    "_curses",
    "_curses_panel",
    "pydoc_data",
    "lib2to3",
    "distutils",
    "setuptools",
    "pip",
    "numpy.f2py",
    "numpy.testing",
    "numpy.tests",
    "pyqtgraph.examples",
    "pyqtgraph.opengl",
    "pyqtgraph.canvas",
    "pyqtgraph.flowchart",
    "pyqtgraph.jupyter",
    "matplotlib",
    "scipy",
    "IPython",
    "PySide6.QtNetwork",
    "PySide6.QtQml",
    "PySide6.QtQuick",
    "PySide6.QtSql",
    "PySide6.QtTest",
    "PySide6.QtPrintSupport",
    "PySide6.QtXml",
)

_FILES: Final = re.compile(
    r"""
    /translations/                                      # the window speaks English
    | platformthemes/libqgtk3                           # depends on GTK, GIO and their data
    | platforms/libq(eglfs|linuxfb|minimalegl|vkkhrdisplay|vnc)\b
    | /egldeviceintegrations/
    | /(qmltooling|qmllint|networkinformation|tls|virtualkeyboard|generic)/
    | platforminputcontexts/libqtvirtualkeyboard
    | imageformats/(lib)?q(pdf|tga|tiff|webp|wbmp|icns|jpeg|gif)\b
    | libQt6(Pdf|Qml|QmlModels|QmlMeta|QmlWorkerScript|Quick|VirtualKeyboard|Network|Eglfs\w*)\b
    | Qt6(Pdf|Qml|QmlModels|QmlMeta|Quick|VirtualKeyboard|Network)\.dll
    | opengl32sw\.dll                                   # 20 MB, for lack of a graphics driver
    | \.dist-info/(RECORD|INSTALLER|REQUESTED|direct_url\.json|licenses/)  # see third-party
    | pyqtgraph/(examples|icons/peegee)
    | numpy/.*/tests/
    """,
    re.VERBOSE,
)

_EXCLUDED_PREFIXES: Final = ("_", "antigravity", "idlelib", "test", "this")

_LOADED_BY_NAME: Final = ("libpython3", "libdbus-1.so")


def unused_modules() -> list[str]:
    """Return the modules that are left out."""
    return list(_MODULES)


def standard_library(folder: Path, names: Iterable[str]) -> list[str]:
    """Return the modules of the standard library that tasks of the user can import.

    Args:
        folder: of the standard library.
        names: of the top-level modules, as in `sys.stdlib_module_names`.
    """
    top_level = {
        name for name in names if name not in _MODULES and not name.startswith(_EXCLUDED_PREFIXES)
    }
    below = {
        ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__")
        for name in top_level
        for path in (folder / name).rglob("*.py")
        if not {"test", "tests", "__pycache__", "__main__.py"} & set(path.parts)
    }
    return sorted(top_level | below)


def is_unused(name: str) -> bool:
    """Return whether the program does not use the file with this name in the bundle."""
    return bool(_FILES.search("/" + name.replace("\\", "/")))


def without_unneeded_libraries(
    entries: Sequence[Entry], needs: Callable[[str], Iterable[str]]
) -> list[Entry]:
    """Remove libraries that only removed files need.

    Args:
        entries: as in the lists of PyInstaller.
        needs: returns the names of the libraries that a file is linked to.
    """
    by_name: dict[str, list[Entry]] = {}
    for entry in entries:
        by_name.setdefault(_base(entry[0]), []).append(entry)
    waiting = [name for name, group in by_name.items() if any(map(_is_root, group))]
    kept: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in kept:
            continue
        kept.add(name)
        for entry in by_name[name]:
            if entry[2] != "SYMLINK":
                waiting += [need for need in needs(entry[1]) if need in by_name]
    return [entry for entry in entries if _base(entry[0]) in kept]


def _base(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).name


def _is_root(entry: Entry) -> bool:
    """Return whether a file is loaded by name, not as a dependency of another library."""
    name, _, kind = entry[:3]
    if kind == "EXTENSION" or "/plugins/" in name or name.startswith("bin/"):
        return True
    return not re.match(r"lib.*\.so", _base(name)) or _base(name).startswith(_LOADED_BY_NAME)
