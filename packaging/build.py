"""Build the packages, the same way on every system.

    python packaging/build.py all                everything that this system can build
    python packaging/build.py wheel freeze sums  single steps, in this order

It runs in an environment made from packaging/package.lock, which `make package`
(packaging/package.sh) creates. The commit is built, not the working tree.
"""

import argparse
import sys
from pathlib import Path

from release import archive, bundle, debian, icons
from release.project import open_project, prepare_source

ROOT = Path(__file__).resolve().parents[1]
STEPS = ("wheel", "freeze", "portable", "deb", "sums")


def main() -> int:
    """Run the steps and return the exit code."""
    parser = argparse.ArgumentParser(description="Build packages of Pulse Desktop.")
    parser.add_argument("steps", nargs="+", choices=("all", "icons", *STEPS), metavar="STEP")
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout (this one)")
    parser.add_argument(
        "--work", type=Path, default=Path("build/package"), help="intermediate files"
    )
    parser.add_argument("--dist", type=Path, default=Path("dist"), help="finished packages")
    parser.add_argument("--version", default="", help="overrides the version in the code")
    parser.add_argument("--commit", default="", help="default: HEAD")
    parser.add_argument("--quick", action="store_true", help="compress less, but faster")
    options = parser.parse_args()
    if options.steps == ["icons"]:
        svg = ROOT / "resources" / "icons" / "pulse-desktop.svg"
        icons.draw_icons(svg, options.work / "icons")
        return 0
    project = open_project(
        options.root,
        options.work,
        options.dist,
        version=options.version,
        commit=options.commit,
        quick=options.quick,
    )
    project.work.mkdir(parents=True, exist_ok=True)
    project.dist.mkdir(parents=True, exist_ok=True)
    steps = set(STEPS if "all" in options.steps else options.steps)
    if "all" in options.steps and sys.platform != "linux":
        steps -= {"deb"}
    if "wheel" in steps or not project.source.is_dir():
        prepare_source(project)
    if "all" in options.steps:
        clear(project.dist)
    wheel = None
    if "wheel" in steps:
        say("wheel and source distribution")
        wheel = bundle.build_wheel(project)
    if "freeze" in steps:
        say(f"freezing {project.version} with Python {sys.version.split()[0]}")
        bundle.freeze(project, wheel or next(project.dist.glob("pulse_desktop-*.whl")))
        say("licenses, bill of materials, man pages")
        found = bundle.add_documents(project)
        print(f"package: {len(found)} third-party components")
    if "portable" in steps:
        say("portable archive")
        archive.portable_archive(project)
    if "deb" in steps:
        say("Debian packages")
        debian.build_debs(project)
    if "sums" in steps:
        archive.write_checksums(project.dist)
    return 0


def clear(dist: Path) -> None:
    """Remove the packages of earlier runs, of any version."""
    for path in [*dist.glob("pulse[-_]*"), *dist.glob(archive.SUMS)]:
        path.unlink()


def say(step: str) -> None:
    """Print the name of a step."""
    print(f"package: {step}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
