"""Libraries that the files of a bundle are linked to.

They decide which files only the window needs, and which system packages the bundle depends on.
"""

import re
import subprocess
from collections.abc import Iterable
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

from release.unused_files import without_unneeded_libraries

_WINDOW: Final = re.compile(
    r"^_internal/(PySide6|shiboken6|pyqtgraph|libQt6|libpyside6|libshiboken6|libicu|libdbus)"
)
_WAYLAND: Final = re.compile("wayland|libQt6Wl", re.IGNORECASE)
_SYMBOL: Final = re.compile(rb"\(?GLIBC_(\d+\.\d+)(?:\.\d+)?\)?")


def window_files(bundle: Path) -> set[Path]:
    """Return the files that only the window needs, relative to the bundle."""
    files = [
        path.relative_to(bundle)
        for path in sorted(bundle.rglob("*"))
        if path.is_symlink() or path.is_file()
    ]
    window = {path for path in files if _WINDOW.match(path.as_posix())}
    libraries = [
        (path.as_posix(), str(bundle / path), _kind(bundle / path))
        for path in files
        if path not in window and ".so" in path.name
    ]
    # The programs are no extensions, but what they and Python are linked to is headless too.
    kept = {entry[0] for entry in without_unneeded_libraries(libraries, needed_libraries)}
    window |= {Path(name) for name, _, _ in libraries if name not in kept}
    window |= {path for path in files if path.parts[0] == "share" and _is_desktop_file(path)}
    return window


def _kind(path: Path) -> str:
    """Return the kind of a file as PyInstaller lists it: a Python module is an EXTENSION."""
    if path.is_symlink():
        return "SYMLINK"
    return (
        "BINARY" if path.parent.name == "_internal" or ".libs" in path.parent.name else "EXTENSION"
    )


def _is_desktop_file(path: Path) -> bool:
    return path.parts[1] in ("applications", "metainfo", "icons")


@cache
def needed_libraries(path: str) -> tuple[str, ...]:
    """Return the names of the libraries that a file is linked to; none if it is no ELF file."""
    done = subprocess.run(["objdump", "-p", path], capture_output=True, text=True, check=False)
    return tuple(re.findall(r"^\s+NEEDED\s+(\S+)", done.stdout, re.MULTILINE))


def debian_dependencies(bundle: Path, files: Iterable[Path]) -> tuple[set[str], set[str]]:
    """Return the Debian packages that these files need, and those that only Wayland needs.

    Raises:
        SystemExit: a library is neither in the bundle nor installed here.
    """
    inside = {path.name for path in bundle.rglob("*")}
    required_names: set[str] = set()
    optional_names: set[str] = set()
    for path in files:
        full = bundle / path
        if full.is_symlink() or not full.is_file() or full.read_bytes()[:4] != b"\x7fELF":
            continue
        names = [name for name in needed_libraries(str(full)) if name not in inside]
        (optional_names if _WAYLAND.search(path.as_posix()) else required_names).update(names)
    optional_names -= required_names
    return _packages(required_names, required=True), _packages(optional_names, required=False)


def required_glibc(bundle: Path) -> str:
    """Return the newest version of glibc that a symbol in the bundle needs, such as 2.34."""
    newest = (0, 0)
    for path in bundle.rglob("*"):
        if path.is_symlink() or not path.is_file():
            continue
        content = path.read_bytes()
        if content[:4] == b"\x7fELF":
            for found in _SYMBOL.findall(content):
                major, minor = found.decode().split(".")
                newest = max(newest, (int(major), int(minor)))
    return f"{newest[0]}.{newest[1]}"


def _packages(names: Iterable[str], *, required: bool) -> set[str]:
    known = _installed_libraries()
    found: set[str] = set()
    for name in sorted(names):
        if name not in known:
            if required:
                raise SystemExit(f"package: {name} is needed but not installed here")
            continue
        found.add(_owner(Path(known[name])))
    return found - {"libc6"}


@lru_cache(maxsize=1)
def _installed_libraries() -> dict[str, str]:
    done = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True)
    lines = [line for line in done.stdout.splitlines() if " => " in line and "64" in line]
    return {line.split()[0]: line.split()[-1] for line in reversed(lines)}


def _owner(path: Path) -> str:
    real = path.resolve()
    for name in (str(path), str(real), str(real).removeprefix("/usr")):
        done = subprocess.run(
            ["dpkg-query", "-S", name], capture_output=True, text=True, check=False
        )
        if done.returncode == 0:
            return done.stdout.partition(":")[0]
    raise SystemExit(f"package: {path} belongs to no package")
