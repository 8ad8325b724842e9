"""The lock file agrees with pyproject.toml on every supported Python version and system."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).parents[3]
LOCK = (PROJECT / "packaging" / "requirements.lock").read_text()
PYTHONS = ("3.11.2", "3.11.7", "3.12.1", "3.13.0")
SYSTEMS = {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}


def marker_environment(python: str, system: str) -> dict[str, str]:
    return {
        "python_version": python.rpartition(".")[0],
        "python_full_version": python,
        "sys_platform": system,
        "platform_system": SYSTEMS[system],
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
        "extra": "",
    }


def pins(python: str, system: str) -> dict[str, str]:
    """Return the versions that pip would install."""
    environment = marker_environment(python, system)
    versions: dict[str, str] = {}
    for line in re.findall(r"^[a-z][^\\\n]*", LOCK, re.MULTILINE):
        requirement = Requirement(line.strip())
        if requirement.marker and not requirement.marker.evaluate(environment):
            continue
        assert requirement.name not in versions, f"{requirement.name} is pinned twice"
        versions[requirement.name] = next(iter(requirement.specifier)).version
    return versions


def requirements() -> list[Requirement]:
    project: dict[str, Any] = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"]]
    for extra in project["optional-dependencies"].values():
        lines += extra
    lines += [
        line
        for line in (PROJECT / "packaging" / "build-requirements.in").read_text().splitlines()
        if not line.startswith("#")
    ]
    parsed = [Requirement(line) for line in lines]
    return [each for each in parsed if each.name != project["name"]]


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("python", PYTHONS)
def test_every_dependency_is_pinned_within_its_range(python: str, system: str) -> None:
    environment = marker_environment(python, system)
    pinned = pins(python, system)

    for requirement in requirements():
        if requirement.marker and not requirement.marker.evaluate(environment):
            continue
        name = canonicalize_name(requirement.name)
        assert name in pinned, f"{name} is not in the lock: run make lock"
        assert requirement.specifier.contains(pinned[name]), f"{name} {pinned[name]}: run make lock"


@pytest.mark.parametrize("system", SYSTEMS)
def test_python_3_11_gets_the_qt_that_does_not_abort_it(system: str) -> None:
    for python in PYTHONS:
        old = python.startswith("3.11")
        for name in ("pyside6-essentials", "shiboken6"):
            assert pins(python, system)[name].startswith("6.11." if old else "6.12."), python


def test_every_pin_has_hashes_and_no_index_is_named() -> None:
    entries = re.split(r"^(?=[a-z])", LOCK, flags=re.MULTILINE)[1:]

    assert len(entries) > 40
    for entry in entries:
        assert "--hash=sha256:" in entry, entry
    assert "://" not in LOCK
    assert "find-links" not in LOCK
