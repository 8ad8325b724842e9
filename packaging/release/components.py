"""Which software of others is in the bundle, found by where each of its files came from.

PyInstaller tells the origin of every module, library and data file (`origins.json`). An origin
belongs to an installed Python package, to Python itself, or to a package of the system.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Final

from release.errors import MissingLicenceError
from release.go_modules import go_modules

OUR_OWN: Final = "pulse-desktop"
_LICENCE_FILE: Final = re.compile(r"licen[cs]e|copying|notice|authors", re.IGNORECASE)
_CLASSIFIED: Final = {
    "MIT License": "MIT",
    "BSD License": "BSD-3-Clause",
    "Apache Software License": "Apache-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
_SPOKEN: Final = {
    "MIT License": "MIT",
    "Apache 2.0": "Apache-2.0",
    "Apache 2 License": "Apache-2.0",
}
_BY_HAND: Final = {
    "taskiq-dependencies": "MIT",
    "pyinstaller": "GPL-2.0-or-later WITH Bootloader-exception",
    "colorama": "BSD-3-Clause",
    "uvloop": "MIT OR Apache-2.0",
    "pyside6-essentials": "LGPL-3.0-only",  # of the choice it offers, what we use it under
    "shiboken6": "LGPL-3.0-only",
}
"""Licences that the package's metadata tells badly or not at all."""

_STANDARD_TEXTS: Final = {
    "pyside6-essentials": ("LGPL-3.0.txt", "GPL-3.0.txt"),
    "shiboken6": ("LGPL-3.0.txt", "GPL-3.0.txt"),
}
"""Texts that the package does not carry; they lie in packaging/licences."""


@dataclass(frozen=True)
class Component:
    """One piece of software of others.

    Attributes:
        name: as its own index calls it.
        version: as its own index writes it.
        licence: SPDX expression, empty when only the text tells.
        purl: package URL.
        texts: name and content of its licence files.
        files: how many files of the bundle are its.
    """

    name: str
    version: str
    licence: str
    purl: str
    texts: tuple[tuple[str, str], ...] = field(repr=False)
    files: int = 1


def components(origins: Path, licences: Path, ours: Path) -> list[Component]:
    """Return all that is in the bundle beside what is ours, by name.

    Args:
        origins: what PyInstaller wrote.
        licences: folder of the texts that packages do not carry.
        ours: the tree that is packaged.

    Raises:
        MissingLicenceError: a licence text is nowhere to be found.
    """
    entries: Sequence[tuple[str, str, str]] = json.loads(origins.read_bytes())
    owners = _owners()
    by_package: dict[str, int] = {}
    system: set[Path] = set()
    python_files = 0
    server: Path | None = None
    for _, name, source in entries:
        path = Path(source)
        if ours in path.parents:
            continue
        if name.replace("\\", "/").startswith("bin/nats-server"):
            server = path
        if (owner := owners.get(_real(path))) is not None:
            by_package[owner] = by_package.get(owner, 0) + 1
        elif _is_pythons(path):
            python_files += 1
        else:
            system.add(path)
    found = [
        _from_distribution(name, count, licences)
        for name, count in by_package.items()
        if name != OUR_OWN
    ]
    if "pyinstaller" not in by_package:  # its start-up code is in both programs
        found.append(_from_distribution("pyinstaller", 1, licences))
    found.append(_python(python_files))
    if server is not None:
        found += [
            Component(name, version, licence, f"pkg:golang/{name}@{version}", texts)
            for name, version, licence, texts in go_modules(server, licences)
        ]
    found += _from_system(system)
    return sorted(found, key=lambda each: (each.name.lower(), each.version))


def _real(path: Path) -> str:
    # Only the folder: a link inside an environment may lead to the interpreter it was made from.
    return str(path.parent.resolve() / path.name)


def _owners() -> dict[str, str]:
    """Map every installed file to the package that owns it."""
    return {
        _real(Path(str(file.locate()))): distribution.name.lower().replace("_", "-")
        for distribution in metadata.distributions()
        for file in distribution.files or ()
    }


def _is_pythons(path: Path) -> bool:
    base = Path(sys.base_prefix).resolve()
    library = Path(json.__file__).resolve().parents[1]
    resolved = path.resolve()
    return (
        library in resolved.parents
        or (base in resolved.parents and base != Path("/usr"))
        or path.name.startswith(("libpython3", "python3", "base_library"))
    )


def _from_distribution(name: str, files: int, licences: Path) -> Component:
    distribution = metadata.distribution(name)
    texts = [
        (file.name if len(file.parts) <= 3 else "-".join(file.parts[2:]), file.read_text() or "")
        for file in distribution.files or ()
        if ".dist-info" in file.parts[0] and _LICENCE_FILE.search(file.name)
    ]
    texts += [(text, (licences / text).read_text()) for text in _STANDARD_TEXTS.get(name, ())]
    if not texts:
        raise MissingLicenceError(f"{name} carries no licence text: put one into {licences.name}")
    return Component(
        distribution.name,
        distribution.version,
        _BY_HAND.get(name) or licence_of(distribution.metadata),
        f"pkg:pypi/{name}@{distribution.version}",
        tuple(texts),
        files,
    )


def licence_of(told: metadata.PackageMetadata) -> str:
    """Return the SPDX expression that a package's metadata amounts to, empty when it is unclear."""
    for key in ("License-Expression", "License"):
        text = (told.get(key) or "").strip()
        if text and len(text) < 80 and "\n" not in text:
            return _SPOKEN.get(text, text)
    classes = [
        each.split(" :: ")[-1] for each in told.get_all("Classifier") or () if "License" in each
    ]
    return " OR ".join(_CLASSIFIED[each] for each in classes if each in _CLASSIFIED)


def _python(files: int) -> Component:
    version = ".".join(map(str, sys.version_info[:3]))
    minor = ".".join(map(str, sys.version_info[:2]))
    places = (
        Path(json.__file__).parents[1] / "LICENSE.txt",
        Path(sys.base_prefix) / "LICENSE.txt",
        Path(f"/usr/share/doc/python{minor}/copyright"),
        Path(f"/usr/share/doc/libpython{minor}-minimal/copyright"),
    )
    text = next((place for place in places if place.is_file()), None)
    if text is None:
        raise MissingLicenceError("this Python carries no licence text")
    texts = ((text.name, text.read_text()),)
    return Component("Python", version, "PSF-2.0", f"pkg:generic/python@{version}", texts, files)


def _from_system(paths: Iterable[Path]) -> list[Component]:
    """Return the Debian packages that own these files; elsewhere nothing of the system is taken."""
    if shutil.which("dpkg-query") is None:
        return []
    counts: dict[tuple[str, str], int] = {}
    for path in paths:
        owner = _debian_owner(path)
        if owner is None:
            raise MissingLicenceError(f"{path} belongs to no package: whose is it?")
        counts[owner] = counts.get(owner, 0) + 1
    found = []
    for (package, version), files in sorted(counts.items()):
        name = package.partition(":")[0]
        copyright_file = Path("/usr/share/doc") / name / "copyright"
        if not copyright_file.is_file():
            raise MissingLicenceError(f"{copyright_file} is missing")
        texts = (("copyright", copyright_file.read_text(errors="replace")),)
        purl = f"pkg:deb/debian/{name}@{version}"
        found.append(Component(name, version, "", purl, texts, files))
    return found


def _debian_owner(path: Path) -> tuple[str, str] | None:
    # dpkg may know the file by its name before or after /lib became a part of /usr.
    real = path.resolve()
    for name in {str(path), str(real), str(real).removeprefix("/usr"), f"/usr{path}"}:
        told = subprocess.run(
            ["dpkg-query", "-S", name], capture_output=True, text=True, check=False
        )
        if told.returncode == 0:
            package = told.stdout.split(": ")[0].split(",")[0]
            version = subprocess.run(
                ["dpkg-query", "-W", "-f", "${Version}", package],
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            return package, version
    return None
