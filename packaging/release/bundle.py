"""The frozen program: a folder with both commands, nats-server, and all their dependencies."""

import os
import shutil
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from release.command_docs import Shell, manual_page, shell_completion
from release.components import Component, components
from release.errors import MissingLicenseError
from release.project import Project, normalize
from release.sbom import bill_of_materials

ORIGINS: Final = "origins.json"
SBOM: Final = "sbom.cdx.json"
THIRD_PARTY: Final = "third-party"
_STRIPPED: Final = "/usr/bin/strip"
_NEVER_STRIPPED: Final = ("PySide6", "shiboken6", "numpy.libs", "bin")
"""Qt is stripped already. Stripping breaks libraries that were patched for a wheel."""


def build_wheel(project: Project) -> Path:
    """Build wheel and source distribution into `dist` and return the wheel."""
    for old in project.dist.glob("pulse_desktop-*"):
        old.unlink()
    project.run(sys.executable, "-m", "hatchling", "build", "-d", project.dist, log="wheel.log")
    return next(project.dist.glob("pulse_desktop-*.whl"))


def freeze(project: Project, wheel: Path) -> None:
    """Install the wheel beside its locked dependencies and freeze it into `project.bundle`."""
    pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-deps"]
    project.run(*pip, "--force-reinstall", "--no-compile", wheel, log="install.log")
    build_py = project.source / "packaging" / "build.py"
    icons = project.work / "icons"
    project.run(sys.executable, build_py, "icons", "--work", project.work, log="icons.log")
    shutil.rmtree(project.bundle.parent, ignore_errors=True)
    packaging = project.source / "packaging"
    os.environ["PULSE_ICONS"] = str(icons)
    os.environ["PULSE_ORIGINS"] = str(project.work / ORIGINS)
    os.environ["PYTHONPATH"] = str(packaging)
    os.environ["PYINSTALLER_CONFIG_DIR"] = str(project.work / "pyinstaller")
    project.run(
        # -P and another folder: the installed package is frozen, not the checkout.
        *(
            sys.executable,
            "-P",
            "-m",
            "PyInstaller",
            "--noconfirm",
            "--clean",
            "--log-level",
            "WARN",
        ),
        *("--distpath", project.bundle.parent, "--workpath", project.work / "freeze"),
        packaging / "freeze" / "pulse-desktop.spec",
        folder=project.work,
        log="freeze.log",
    )
    if sys.platform == "linux":
        _strip(project.bundle)
    _smoke_test(project)


def _smoke_test(project: Project) -> None:
    """Load the modules of both programs, to notice a missing one now."""
    suffix = ".exe" if sys.platform == "win32" else ""
    for name, module in (
        ("pulse-desktop", "pulse_desktop.cli.window_qt"),
        ("pulse-desktop", "pulse_desktop.embedded.guardian"),
        ("pulse-desktop", "pulse_workers"),
    ):
        arguments = ["--run-module", module]
        if not module.endswith("window_qt"):
            arguments.append("--help")
        project.run(project.bundle / f"{name}{suffix}", *arguments, folder=project.work)
    project.run(project.bundle / f"pulse-worker{suffix}", "--help", folder=project.work)


def add_documents(project: Project) -> list[Component]:
    """Add licenses, bill of materials, man pages and shell completion to the bundle."""
    bundle = project.bundle
    licenses = project.source / "packaging" / "licenses"
    try:
        found = components(project.work / ORIGINS, licenses, project.source)
    except MissingLicenseError as error:
        sys.exit(f"package: {error}")
    shutil.copy(project.source / "LICENSE", bundle / "LICENSE")
    _write_licenses(found, bundle / THIRD_PARTY)
    (bundle / SBOM).write_text(bill_of_materials(project, found))
    shutil.copy(bundle / SBOM, project.dist / f"pulse-desktop-{project.version}.{SBOM}")
    if os.name == "posix":
        _write_share(project, bundle / "share")
    normalize(bundle, project.epoch)
    return found


def parser_factories() -> dict[str, Callable[[], ArgumentParser]]:
    """Return the functions that make the parsers of both programs, by program."""
    # The installed modules are described, so they are imported only now.
    from pulse_workers.cli.parser import make_parser as make_worker_parser  # noqa: PLC0415

    from pulse_desktop.cli.main import make_parser  # noqa: PLC0415

    return {"pulse-desktop": make_parser, "pulse-worker": make_worker_parser}


def _write_licenses(found: Iterable[Component], folder: Path) -> None:
    for component in found:
        place = folder / component.name.replace("/", "_")
        place.mkdir(parents=True, exist_ok=True)
        for name, text in component.texts:
            (place / name).write_text(text)
    lines = [
        f"{each.name} {each.version}: {each.license or 'see its copyright file'}" for each in found
    ]
    text = (
        "Third-party software in this bundle. Its licenses are in the folders beside this file.\n"
        "Qt and PySide6 are used under the LGPL 3: their libraries are separate files in\n"
        "_internal/PySide6 and can be replaced by others of the same version.\n\n"
    )
    (folder / "README.txt").write_text(text + "\n".join(lines) + "\n")


def _write_share(project: Project, share: Path) -> None:
    """Write the files for desktops and shells, in the layout of /usr/share."""
    resources = project.source / "packaging" / "desktop"
    for name, make_parser in parser_factories().items():
        page = manual_page(make_parser(), project.version, project.epoch)
        _write(share / "man" / "man1" / f"{name}.1", page)
        completions: tuple[tuple[Shell, str], ...] = (
            ("bash", f"bash-completion/completions/{name}"),
            ("zsh", f"zsh/vendor-completions/_{name}"),
            ("fish", f"fish/vendor_completions.d/{name}.fish"),
        )
        for shell, path in completions:
            _write(share / path, shell_completion(make_parser(), shell))
    _write(
        share / "applications" / "pulse-desktop.desktop",
        (resources / "pulse-desktop.desktop").read_text(),
    )
    metainfo = (resources / "metainfo.xml").read_text()
    day = datetime.fromtimestamp(project.epoch, UTC).strftime("%Y-%m-%d")
    metainfo = metainfo.replace("@VERSION@", project.version).replace("@DATE@", day)
    _write(share / "metainfo" / "pulse-desktop.metainfo.xml", metainfo)
    icons = share / "icons" / "hicolor"
    for png in sorted((project.work / "icons").glob("*.png")):
        size = png.stem.rpartition("-")[2]
        place = icons / f"{size}x{size}" / "apps" / "pulse-desktop.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(png, place)
    svg = project.source / "resources" / "icons" / "pulse-desktop.svg"
    _write(icons / "scalable" / "apps" / "pulse-desktop.svg", svg.read_text())


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _strip(bundle: Path) -> None:
    """Remove debug symbols, which are half the size of some libraries."""
    if not Path(_STRIPPED).exists():
        return
    internal = bundle / "_internal"
    libraries = [
        path
        for path in sorted(internal.rglob("*.so*"))
        if not path.is_symlink() and path.relative_to(internal).parts[0] not in _NEVER_STRIPPED
    ]
    subprocess.run([_STRIPPED, "--strip-debug", *map(str, libraries)], check=True)
