"""Two Debian packages from one bundle.

`pulse-workers` has all but the window: workers, command line, nats-server. `pulse-desktop` adds the
window to it, in the same folder. A server gets the first alone and with it neither Qt nor X11.
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
from release.linked import debian_needs, glibc_needed, window_files
from release.project import Project, normalise

HEADLESS: Final = "pulse-workers"
WINDOW: Final = "pulse-desktop"
_SERVER: Final = "/usr/lib/pulse-desktop/_internal/bin/nats-server"
_MAINTAINER: Final = "Pulse Desktop maintainers <maintainers@pulse-desktop.invalid>"
_HOME: Final = Path("usr/lib/pulse-desktop")
_DATA: Final = (
    "fonts-dejavu-core | fonts-noto-core | fonts-liberation",
    # What libraries inside the bundle read from outside.
    "fontconfig-config",
    "libx11-data",
    "xkb-data",
)
_DESCRIPTION: Final = {
    HEADLESS: (
        "TaskIQ workers on NATS JetStream, and the command line to watch them",
        """\
Headless workers with durable queues, retries, heartbeats and events; the command line of Pulse
Desktop, which shows runs, events, results and failures and re-runs tasks; and a nats-server for an
embedded system on one machine. Needs no graphical libraries. Systemd units are included and not
started by the installation.""",
    ),
    WINDOW: (
        "live desktop monitor for TaskIQ workers on NATS",
        """\
The operator's window on a task queue: live runs, events, results, failures, queue and workers of
any TaskIQ system on NATS, with history from JetStream and re-run at one key. With no server named
it starts one on this machine, with sample work.""",
    ),
}


@dataclass(frozen=True)
class _Package:
    """One package while it is put together."""

    name: str
    tree: Path
    depends: str
    recommends: str


def debian_version(version: str) -> str:
    """Return a Python version as Debian orders it: a release candidate before its release."""
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
    libc = f"libc6 (>= {glibc_needed(project.bundle)})"
    hard, _ = debian_needs(project.bundle, headless)
    base = _Package(HEADLESS, trees / HEADLESS, ", ".join([libc, *sorted(hard)]), "systemd")
    hard, soft = debian_needs(project.bundle, window)
    desktop = _Package(
        WINDOW,
        trees / WINDOW,
        ", ".join([f"{HEADLESS} (= {version})", libc, *sorted(hard), *_DATA]),
        ", ".join([*sorted(soft), "fonts-noto-color-emoji"]),
    )
    for package, content in ((base, headless), (desktop, sorted(window))):
        for path in content:
            _place(project.bundle, path, package.tree)
    _finish_headless(project, base)
    return [_pack(project, package, version) for package in (base, desktop)]


def _place(bundle: Path, path: Path, tree: Path) -> None:
    """Put a file of the bundle where the system wants it."""
    if path.parts[0] == "share":
        target = tree / "usr" / path
    elif path.parts[0] in ("third-party", "LICENSE", "sbom.cdx.json"):
        target = tree / "usr/share/doc" / HEADLESS / path
    else:
        target = tree / _HOME / path
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(bundle / path, target, follow_symlinks=False)


def _finish_headless(project: Project, package: _Package) -> None:
    """Add the commands on PATH and the units of the system services."""
    programs = package.tree / "usr/bin"
    programs.mkdir(parents=True)
    for name in ("pulse-desktop", "pulse-worker"):
        (programs / name).symlink_to(f"../lib/pulse-desktop/{name}")
    _add_services(project.source / "packaging", package.tree)
    for page in (package.tree / "usr/share/man/man1").iterdir():
        _compress(page)


def _add_services(packaging: Path, tree: Path) -> None:
    """Add the units, and the settings that they read: changed ones survive an upgrade."""
    units = tree / "usr/lib/systemd/system"
    examples = tree / "usr/share/doc" / HEADLESS / "examples"
    settings = tree / "etc/pulse-desktop"
    for folder in (units, examples, settings / "nats"):
        folder.mkdir(parents=True)
    for unit in sorted((packaging / "systemd").glob("pulse-*")):
        # The server of this package is not on PATH, lest it stand in the way of another.
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
    _compress(log)
    normalise(package.tree, project.epoch)
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
    normalise(control, project.epoch)
    for script in control.glob("p*"):
        script.chmod(0o755)
    target = project.dist / f"{package.name}_{version}_{_architecture()}.deb"
    # Two threads whatever the machine has: the number decides how it is cut into blocks.
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
        Comment: The software of others that is inside, each with its licence, is listed in
         /usr/share/doc/{HEADLESS}/third-party/README.txt and, for programs, in sbom.cdx.json there.

        Files: *
        Copyright: the Pulse Desktop contributors
        License: Apache-2.0
         On Debian systems the text of the licence is in /usr/share/common-licenses/Apache-2.0.
        """)


def _changelog(project: Project, name: str, version: str) -> str:
    date = formatdate(project.epoch, localtime=False, usegmt=False).replace("-0000", "+0000")
    return (
        f"{name} ({version}) unstable; urgency=medium\n\n"
        f"  * Release {project.version}; what is new is told in CHANGELOG.md.\n\n"
        f" -- {_MAINTAINER}  {date}\n"
    )


def _compress(path: Path) -> None:
    """Replace a file by itself, compressed, with no name and no time in it."""
    packed = gzip.compress(path.read_bytes(), 9, mtime=0)
    path.unlink()
    (path if path.suffix == ".gz" else path.with_name(f"{path.name}.gz")).write_bytes(packed)
