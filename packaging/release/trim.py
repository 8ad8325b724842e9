"""What PyInstaller would collect and the program never uses."""

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Final

Entry = tuple[Any, ...]
"""Name in the bundle, where it is taken from, kind; as PyInstaller lists them."""

_MODULES: Final = (
    "tkinter",
    "turtle",
    "turtledemo",
    "ensurepip",
    "readline",  # GNU's, under the GPL, for prompts that nobody gets
    "_gdbm",  # under the GPL as well
    "dbm.gnu",
    "_dbm",
    "dbm.ndbm",
    "_tkinter",
    "nis",  # brings Kerberos
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
    | platformthemes/libqgtk3                           # would bring GTK, GIO and their data
    | platforms/libq(eglfs|linuxfb|minimalegl|vkkhrdisplay|vnc)\b
    | /egldeviceintegrations/
    | /(qmltooling|qmllint|networkinformation|tls|virtualkeyboard|generic)/
    | platforminputcontexts/libqtvirtualkeyboard
    | imageformats/(lib)?q(pdf|tga|tiff|webp|wbmp|icns|jpeg|gif)\b
    | libQt6(Pdf|Qml|QmlModels|QmlMeta|QmlWorkerScript|Quick|VirtualKeyboard|Network|Eglfs\w*)\b
    | Qt6(Pdf|Qml|QmlModels|QmlMeta|Quick|VirtualKeyboard|Network)\.dll
    | opengl32sw\.dll                                   # 20 MB for machines without any driver
    | \.dist-info/(RECORD|INSTALLER|REQUESTED|direct_url\.json|licenses/)  # licences lie elsewhere
    | pyqtgraph/(examples|icons/peegee)
    | numpy/.*/tests/
    """,
    re.VERBOSE,
)

_OF_NO_PROGRAM: Final = ("_", "antigravity", "idlelib", "test", "this")

_LOADED_LATER: Final = ("libpython3", "libdbus-1.so")


def unused_modules() -> list[str]:
    """Return the modules not to follow, whoever imports them."""
    return list(_MODULES)


def standard_library(folder: Path, names: Iterable[str]) -> list[str]:
    """Return every module of the standard library that a program may want.

    Args:
        folder: where it lies.
        names: the top level, as in `sys.stdlib_module_names`.
    """
    wanted = {
        name for name in names if name not in _MODULES and not name.startswith(_OF_NO_PROGRAM)
    }
    below = {
        ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__")
        for name in wanted
        for path in (folder / name).rglob("*.py")
        if not {"test", "tests", "__pycache__", "__main__.py"} & set(path.parts)
    }
    return sorted(wanted | below)


def is_unused(name: str) -> bool:
    """Whether the file of this name in the bundle serves nothing that the program does."""
    return bool(_FILES.search("/" + name.replace("\\", "/")))


def without_orphans(entries: Sequence[Entry], needs: Callable[[str], Iterable[str]]) -> list[Entry]:
    """Drop libraries that nothing kept needs: what a plugin had brought that is not there any more.

    Args:
        entries: name in the bundle, source, kind, as PyInstaller lists binaries.
        needs: names of the libraries that a file is linked to.
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
    """Whether this is loaded by name and not because another library wants it."""
    name, _, kind = entry[:3]
    if kind == "EXTENSION" or "/plugins/" in name or name.startswith("bin/"):
        return True
    return not re.match(r"lib.*\.so", _base(name)) or _base(name).startswith(_LOADED_LATER)
