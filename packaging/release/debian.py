"""Debian packages: two of them, made from one bundle.

`pulse-workers` contains workers, command line and nats-server. `pulse-desktop` adds the window in
the same folder. A server needs only the first, without Qt and X11.
"""

import gzip
import re
import shutil
import textwrap
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import Final

from release.archive import machine
from release.libraries import debian_dependencies, required_glibc, window_files
from release.project import Project, normalize

HEADLESS: Final = "pulse-workers"
WINDOW: Final = "pulse-desktop"
_SERVER: Final = "/usr/lib/pulse-desktop/_internal/bin/nats-server"
_MAINTAINER: Final = "Pulse Desktop maintainers <maintainers@pulse-desktop.invalid>"
_HOME: Final = Path("usr/lib/pulse-desktop")
_DATA: Final = (
    "fonts-dejavu-core | fonts-noto-core | fonts-liberation",
    # Data that bundled libraries read from the system.
    "fontconfig-config",
    "libx11-data",
    "xkb-data",
)
_DESCRIPTION: Final = {
    HEADLESS: (
        "TaskIQ workers on NATS JetStream, and a command line to monitor them",
        """\
Headless workers with durable queues, retries, heartbeats and events; the command line of Pulse
Desktop, which shows runs, events, results and failures and re-runs tasks; and nats-server for an
embedded stack on one machine. Needs no graphical libraries. Systemd units are included, but not
started by the installation.""",
    ),
    WINDOW: (
        "live desktop monitor for TaskIQ workers on NATS",
        """\
Desktop window that shows the live runs, events, results, failures, queue and workers of any TaskIQ
system on NATS, with history from JetStream, and re-runs tasks with one key. Without a server it
starts an embedded one on this machine, with sample tasks.""",
    ),
}


@dataclass(frozen=True)
class _Package:
    """A package that is being built."""

    name: str
    tree: Path
    depends: str
    recommends: str


def debian_version(version: str) -> str:
    """Return a version that Debian sorts like Python: a release candidate before its release."""
    return re.sub(r"\.?(a|b|rc|dev)(\d+)", r"~\1\2", version).replace("+", "~")


def build_debs(project: Project) -> list[Path]:
    """Build both packages into `dist`."""
    for old in [*project.dist.glob(f"{HEADLESS}_*.deb"), *project.dist.glob(f"{WINDOW}_*.deb")]:
        old.unlink()
    trees = project.work / "debian"
    shutil.rmtree(trees, ignore_errors=True)
    window = window_files(project.bundle)
    files = [
        path.relative_to(project.bundle)
        for path in sorted(project.bundle.rglob("*"))
        if path.is_symlink() or path.is_file()
    ]
    headless = [path for path in files if path not in window]
    version = debian_version(project.version)
    libc = f"libc6 (>= {required_glibc(project.bundle)})"
    required, _recommended = debian_dependencies(project.bundle, headless)
    base = _Package(HEADLESS, trees / HEADLESS, ", ".join([libc, *sorted(required)]), "systemd")
    required, recommended = debian_dependencies(project.bundle, window)
    desktop = _Package(
        WINDOW,
        trees / WINDOW,
        ", ".join([f"{HEADLESS} (= {version})", libc, *sorted(required), *_DATA]),
        ", ".join([*sorted(recommended), "fonts-noto-color-emoji"]),
    )
    for package, content in ((base, headless), (desktop, sorted(window))):
        for path in content:
            _install_file(project.bundle, path, package.tree)
    _finish_headless(project, base)
    return [_pack(project, package, version) for package in (base, desktop)]


def _install_file(bundle: Path, path: Path, tree: Path) -> None:
    """Copy a file of the bundle to its place in the package."""
    if path.parts[0] == "share":
        target = tree / "usr" / path
    elif path.parts[0] in ("third-party", "LICENSE", "sbom.cdx.json"):
        target = tree / "usr/share/doc" / HEADLESS / path
    else:
        target = tree / _HOME / path
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(bundle / path, target, follow_symlinks=False)


def _finish_headless(project: Project, package: _Package) -> None:
    """Add the commands in /usr/bin and the systemd units."""
    programs = package.tree / "usr/bin"
    programs.mkdir(parents=True)
    for name in ("pulse-desktop", "pulse-worker"):
        (programs / name).symlink_to(f"../lib/pulse-desktop/{name}")
    _add_services(project.source / "packaging", package.tree)
    for page in (package.tree / "usr/share/man/man1").iterdir():
        compress(page)


def _add_services(packaging: Path, tree: Path) -> None:
    """Add the units and their configuration files. An upgrade keeps changes to the latter."""
    units = tree / "usr/lib/systemd/system"
    examples = tree / "usr/share/doc" / HEADLESS / "examples"
    settings = tree / "etc/pulse-desktop"
    for folder in (units, examples, settings / "nats"):
        folder.mkdir(parents=True)
    for unit in sorted((packaging / "systemd").glob("pulse-*")):
        # The nats-server of this package is not on PATH, to not conflict with another.
        text = unit.read_text().replace("ExecStart=nats-server", f"ExecStart={_SERVER}")
        (units / unit.name).write_text(text)
    for example in sorted((packaging / "systemd").glob("*.example")):
        shutil.copy2(example, examples / example.name)
    for name in ("accounts.conf", "host.conf"):
        shutil.copy2(packaging / "nats" / name, settings / "nats" / name)


def _pack(project: Project, package: _Package, version: str) -> Path:
    doc = package.tree / "usr/share/doc" / package.name
    doc.mkdir(parents=True, exist_ok=True)
    (doc / "copyright").write_text(_copyright())
    log = doc / "changelog.gz"
    log.write_text(_changelog(project, package.name, version))
    compress(log)
    normalize(package.tree, project.epoch)
    control = package.tree / "DEBIAN"
    control.mkdir()
    (control / "control").write_text(_control(package, version))
    scripts = project.source / "packaging" / "debian"
    for script in sorted(scripts.glob(f"{package.name}.*")):
        target = control / script.suffix[1:]
        shutil.copy2(script, target)
        target.chmod(0o755)
    settings = [path for path in sorted(package.tree.glob("etc/**/*")) if path.is_file()]
    if settings:
        listed = "".join(f"/{path.relative_to(package.tree)}\n" for path in settings)
        (control / "conffiles").write_text(listed)
    normalize(control, project.epoch)
    for script in control.glob("p*"):
        script.chmod(0o755)
    target = project.dist / f"{package.name}_{version}_{_architecture()}.deb"
    # The number of threads is fixed because it decides how the data is cut into blocks.
    packing = ("-Zgzip", "-z1") if project.quick else ("-Zxz", "-z6", "--threads-max=2")
    project.run(
        *("dpkg-deb", "--root-owner-group", *packing),
        *("--build", package.tree, target),
        log=f"{package.name}.log",
    )
    return target


def _control(package: _Package, version: str) -> str:
    short, long = _DESCRIPTION[package.name]
    kilobytes = sum(
        (path.lstat().st_size + 1023) // 1024 if path.is_file() or path.is_symlink() else 1
        for path in package.tree.rglob("*")
    )
    lines = [
        f"Package: {package.name}",
        f"Version: {version}",
        f"Architecture: {_architecture()}",
        f"Maintainer: {_MAINTAINER}",
        f"Installed-Size: {kilobytes}",
        f"Depends: {package.depends}",
        f"Recommends: {package.recommends}",
        "Section: net",
        "Priority: optional",
        f"Description: {short}",
        *(f" {line}" for line in textwrap.wrap(long, 76)),
    ]
    return "\n".join(lines) + "\n"


def _architecture() -> str:
    return {"x86_64": "amd64"}.get(machine(), machine())


def _copyright() -> str:
    return textwrap.dedent(f"""\
        Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
        Upstream-Name: pulse-desktop
        Comment: The bundled third-party software and its licenses are listed in
         /usr/share/doc/{HEADLESS}/third-party/README.txt and, machine-readable, in sbom.cdx.json.

        Files: *
        Copyright: the Pulse Desktop contributors
        License: Apache-2.0
         On Debian systems the text of the license is in /usr/share/common-licenses/Apache-2.0.
        """)


def _changelog(project: Project, name: str, version: str) -> str:
    date = formatdate(project.epoch, localtime=False, usegmt=False).replace("-0000", "+0000")
    return (
        f"{name} ({version}) unstable; urgency=medium\n\n"
        f"  * Release {project.version}; see CHANGELOG.md for the changes.\n\n"
        f" -- {_MAINTAINER}  {date}\n"
    )


def compress(path: Path) -> None:
    """Replace a file by its gzip-compressed form, without name and time stamp."""
    packed = gzip.compress(path.read_bytes(), 9, mtime=0)
    path.unlink()
    (path if path.suffix == ".gz" else path.with_name(f"{path.name}.gz")).write_bytes(packed)
