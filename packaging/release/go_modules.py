"""Modules that a Go program was linked from, read from its build information."""

import tomllib
from pathlib import Path
from typing import Final

from release.errors import MissingLicenseError

_MAGIC: Final = b"\xff Go buildinf:"
_HEADER: Final = 32
_SENTINEL: Final = 16
_TABLE: Final = "go-modules.toml"

Module = tuple[str, str, str, tuple[tuple[str, str], ...]]
"""Name, version, SPDX license, license texts."""


def go_modules(program: Path, licenses: Path) -> list[Module]:
    """Return the modules in a Go program, its own and the standard library first.

    Raises:
        MissingLicenseError: a module is not in the table of licenses.
        ValueError: this is not a Go program, or it was built before Go 1.18.
    """
    go_version, text = _build_information(program.read_bytes())
    modules = [("std", go_version.removeprefix("go"))]
    for line in text.splitlines():
        fields = line.split("\t")
        if fields[0] in ("mod", "dep") and len(fields) >= 3:
            modules.append((fields[1], fields[2]))
    table = tomllib.loads((licenses / _TABLE).read_text())
    found: list[Module] = []
    for name, version in modules:
        if name not in table:
            raise MissingLicenseError(f"{name} is in {program.name} but not in {_TABLE}")
        entry = table[name]
        texts = [("COPYRIGHT.txt", f"{name}\nCopyright (c) {entry['copyright']}\n")]
        texts += [
            (f"{each}.txt", (licenses / f"{each}.txt").read_text())
            for each in entry["license"].split(" AND ")
        ]
        found.append((name, version, entry["license"], tuple(texts)))
    return found


def _build_information(binary: bytes) -> tuple[str, str]:
    start = binary.find(_MAGIC)
    if start < 0:
        raise ValueError("not a Go program")
    version, position = _text_at(binary, start + _HEADER)
    module_bytes, _ = _text_at(binary, position)
    return version.decode(), module_bytes[_SENTINEL:-_SENTINEL].decode()


def _text_at(binary: bytes, position: int) -> tuple[bytes, int]:
    """Return a text that is preceded by its length, a varint, and the position after it."""
    length = shift = 0
    while True:
        byte = binary[position]
        position += 1
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return binary[position : position + length], position + length
