"""Third-party components of the bundle, determined from the origin of each of its files.

The build writes the origin of every module, library and data file to `origins.json`. An origin
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

from release.errors import MissingLicenseError
from release.go_modules import go_modules

OWN_PACKAGE: Final = "pulse-desktop"
_LICENCE_FILE: Final = re.compile(r"licen[cs]e|copying|notice|authors", re.IGNORECASE)
_SPDX_BY_CLASSIFIER: Final = {
    "MIT License": "MIT",
    "BSD License": "BSD-3-Clause",
    "Apache Software License": "Apache-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
_SPDX_BY_NAME: Final = {
    "MIT License": "MIT",
    "Apache 2.0": "Apache-2.0",
    "Apache 2 License": "Apache-2.0",
}
_SPDX_BY_PACKAGE: Final = {
    "taskiq-dependencies": "MIT",
    "pyinstaller": "GPL-2.0-or-later WITH Bootloader-exception",
    "colorama": "BSD-3-Clause",
    "uvloop": "MIT OR Apache-2.0",
    "pyside6-essentials": "LGPL-3.0-only",  # the one we choose of those it offers
    "shiboken6": "LGPL-3.0-only",
}
"""Licenses that are missing or imprecise in the metadata of the package."""

_STANDARD_TEXTS: Final = {
    "pyside6-essentials": ("LGPL-3.0.txt", "GPL-3.0.txt"),
    "shiboken6": ("LGPL-3.0.txt", "GPL-3.0.txt"),
}
"""Texts that the package does not contain. They are in packaging/licenses."""


@dataclass(frozen=True)
class Component:
    """A third-party component.

    Attributes:
        name: in its package index.
        version: in its package index.
        license: SPDX expression, empty if only the text is known.
        purl: package URL.
        texts: name and content of its license files.
        files: number of its files in the bundle.
    """

    name: str
    version: str
    license: str
    purl: str
    texts: tuple[tuple[str, str], ...] = field(repr=False)
    files: int = 1


def components(origins: Path, licenses: Path, source: Path) -> list[Component]:
    """Return the third-party components of the bundle, sorted by name.

    Args:
        origins: the file `origins.json`.
        licenses: folder of license texts that packages do not contain.
        source: the source tree that is packaged.

    Raises:
        MissingLicenseError: a component has no license text.
    """
    entries: Sequence[tuple[str, str, str]] = json.loads(origins.read_bytes())
    owners = _owners()
    by_package: dict[str, int] = {}
    system: set[Path] = set()
    python_files = 0
    server: Path | None = None
    for _kind, name, origin in entries:
        path = Path(origin)
        if source in path.parents:
            continue
        if name.replace("\\", "/").startswith("bin/nats-server"):
            server = path
        if (owner := owners.get(_real(path))) is not None:
            by_package[owner] = by_package.get(owner, 0) + 1
        elif _is_part_of_python(path):
            python_files += 1
        else:
            system.add(path)
    found = [
        _from_distribution(name, count, licenses)
        for name, count in by_package.items()
        if name != OWN_PACKAGE
    ]
    if "pyinstaller" not in by_package:  # its bootloader is in both programs
        found.append(_from_distribution("pyinstaller", 1, licenses))
    found.append(_python(python_files))
    if server is not None:
        found += [
            Component(name, version, spdx, f"pkg:golang/{name}@{version}", texts)
            for name, version, spdx, texts in go_modules(server, licenses)
        ]
    found += _from_system(system)
    return sorted(found, key=lambda each: (each.name.lower(), each.version))


def _real(path: Path) -> str:
    # Only the folder is resolved: a link in an environment can lead to its base interpreter.
    return str(path.parent.resolve() / path.name)


def _owners() -> dict[str, str]:
    """Return the package of every installed file."""
    return {
        _real(Path(str(file.locate()))): distribution.name.lower().replace("_", "-")
        for distribution in metadata.distributions()
        for file in distribution.files or ()
    }


def _is_part_of_python(path: Path) -> bool:
    base = Path(sys.base_prefix).resolve()
    library = Path(json.__file__).resolve().parents[1]
    resolved = path.resolve()
    return (
        library in resolved.parents
        or (base in resolved.parents and base != Path("/usr"))
        or path.name.startswith(("libpython3", "python3", "base_library"))
    )


def _from_distribution(name: str, files: int, licenses: Path) -> Component:
    distribution = metadata.distribution(name)
    texts = [
        (file.name if len(file.parts) <= 3 else "-".join(file.parts[2:]), file.read_text() or "")
        for file in distribution.files or ()
        if ".dist-info" in file.parts[0] and _LICENCE_FILE.search(file.name)
    ]
    texts += [(text, (licenses / text).read_text()) for text in _STANDARD_TEXTS.get(name, ())]
    if not texts:
        raise MissingLicenseError(f"{name} has no license text: add it to {licenses.name}")
    return Component(
        distribution.name,
        distribution.version,
        _SPDX_BY_PACKAGE.get(name) or license_of(distribution.metadata),
        f"pkg:pypi/{name}@{distribution.version}",
        tuple(texts),
        files,
    )


def license_of(package: metadata.PackageMetadata) -> str:
    """Return the license of a package as SPDX expression, empty if its metadata is unclear."""
    for key in ("License-Expression", "License"):
        text = package[key].strip() if key in package else ""
        if text and len(text) < 80 and "\n" not in text:
            return _SPDX_BY_NAME.get(text, text)
    classes = [
        each.split(" :: ")[-1] for each in package.get_all("Classifier") or () if "License" in each
    ]
    return " OR ".join(_SPDX_BY_CLASSIFIER[each] for each in classes if each in _SPDX_BY_CLASSIFIER)


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
        raise MissingLicenseError("this Python has no license text")
    texts = ((text.name, text.read_text()),)
    return Component("Python", version, "PSF-2.0", f"pkg:generic/python@{version}", texts, files)


def _from_system(paths: Iterable[Path]) -> list[Component]:
    """Return the Debian packages that own these files. Only Debian's libraries are bundled."""
    if shutil.which("dpkg-query") is None:
        return []
    counts: dict[tuple[str, str], int] = {}
    for path in paths:
        owner = _debian_owner(path)
        if owner is None:
            raise MissingLicenseError(f"{path} belongs to no Debian package")
        counts[owner] = counts.get(owner, 0) + 1
    found = []
    for (package, version), files in sorted(counts.items()):
        name = package.partition(":")[0]
        copyright_file = Path("/usr/share/doc") / name / "copyright"
        if not copyright_file.is_file():
            raise MissingLicenseError(f"{copyright_file} is missing")
        texts = (("copyright", copyright_file.read_text(errors="replace")),)
        purl = f"pkg:deb/debian/{name}@{version}"
        found.append(Component(name, version, "", purl, texts, files))
    return found


def _debian_owner(path: Path) -> tuple[str, str] | None:
    # dpkg may list the file with its path from before or after /lib was merged into /usr.
    real = path.resolve()
    for name in {str(path), str(real), str(real).removeprefix("/usr"), f"/usr{path}"}:
        done = subprocess.run(
            ["dpkg-query", "-S", name], capture_output=True, text=True, check=False
        )
        if done.returncode == 0:
            package = done.stdout.split(": ")[0].split(",")[0]
            version = subprocess.run(
                ["dpkg-query", "-W", "-f", "${Version}", package],
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            return package, version
    return None
