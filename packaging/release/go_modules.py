"""What a Go program was linked from, read from the program itself."""

import tomllib
from pathlib import Path
from typing import Final

from release.errors import MissingLicenceError

_MAGIC: Final = b"\xff Go buildinf:"
_HEADER: Final = 32
_SENTINEL: Final = 16
_TABLE: Final = "go-modules.toml"

Module = tuple[str, str, str, tuple[tuple[str, str], ...]]
"""Name, version, SPDX licence, licence texts."""


def go_modules(program: Path, licences: Path) -> list[Module]:
    """Return the modules in a Go program, its own and the standard library first.

    Raises:
        MissingLicenceError: one of them is not in the table of licences.
        ValueError: this is no Go program, or one from before Go 1.18.
    """
    go_version, text = _build_information(program.read_bytes())
    modules = [("std", go_version.removeprefix("go"))]
    for line in text.splitlines():
        fields = line.split("\t")
        if fields[0] in ("mod", "dep") and len(fields) >= 3:
            modules.append((fields[1], fields[2]))
    table = tomllib.loads((licences / _TABLE).read_text())
    found: list[Module] = []
    for name, version in modules:
        if name not in table:
            raise MissingLicenceError(f"{name} is in {program.name} but not in {_TABLE}")
        entry = table[name]
        texts = [("COPYRIGHT.txt", f"{name}\nCopyright (c) {entry['copyright']}\n")]
        texts += [
            (f"{each}.txt", (licences / f"{each}.txt").read_text())
            for each in entry["licence"].split(" AND ")
        ]
        found.append((name, version, entry["licence"], tuple(texts)))
    return found


def _build_information(binary: bytes) -> tuple[str, str]:
    start = binary.find(_MAGIC)
    if start < 0:
        raise ValueError("this is no Go program")
    version, position = _text_at(binary, start + _HEADER)
    module_bytes, _ = _text_at(binary, position)
    return version.decode(), module_bytes[_SENTINEL:-_SENTINEL].decode()


def _text_at(binary: bytes, position: int) -> tuple[bytes, int]:
    """Read a text behind its length, which is a varint. Returns it and what follows it."""
    length = shift = 0
    while True:
        byte = binary[position]
        position += 1
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return binary[position : position + length], position + length
