"""Reproducible archives, and their checksums."""

import hashlib
import platform
import shutil
import stat
import sys
import tarfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from release.project import Project

SUMS: Final = "SHA256SUMS"


def portable_archive(project: Project) -> Path:
    """Pack the bundle into an archive to unpack anywhere: `.tar.xz`, on Windows `.zip`."""
    system = {"linux": "linux", "darwin": "macos", "win32": "windows"}[sys.platform]
    stem = f"pulse-desktop-{project.version}-{system}-{machine()}"
    if sys.platform == "win32":
        return _zip(project, project.dist / f"{stem}.zip")
    plain = project.work / f"{stem}.tar"
    top = f"pulse-desktop-{project.version}"
    with tarfile.open(plain, "w", format=tarfile.GNU_FORMAT) as tar:
        for path in [project.bundle, *sorted(project.bundle.rglob("*"))]:
            name = Path(top) / path.relative_to(project.bundle)
            entry = tar.gettarinfo(path, name.as_posix())
            entry.uid = entry.gid = 0
            entry.uname = entry.gname = "root"
            entry.mtime = project.epoch
            if entry.isreg():
                with path.open("rb") as content:
                    tar.addfile(entry, content)
            else:
                tar.addfile(entry)
    # The number of threads is fixed because it decides how the data is cut into blocks.
    project.run("xz", "--force", "--threads=2", "-6", plain)
    return Path(shutil.move(f"{plain}.xz", project.dist / f"{stem}.tar.xz"))


def write_checksums(dist: Path) -> Path:
    """Write `SHA256SUMS` of all files in `dist` for `sha256sum --check`."""
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted(dist.iterdir())
        if path.is_file() and path.name != SUMS
    ]
    target = dist / SUMS
    target.write_text("".join(lines), newline="\n")
    return target


def machine() -> str:
    """Return the machine type as in file names: x86_64 or arm64."""
    name = platform.machine().lower()
    return {"amd64": "x86_64", "aarch64": "arm64"}.get(name, name)


def _zip(project: Project, target: Path) -> Path:
    moment = datetime.fromtimestamp(project.epoch, UTC).timetuple()[:6]
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(project.bundle.rglob("*")):
            if path.is_dir():
                continue
            name = Path(f"pulse-desktop-{project.version}") / path.relative_to(project.bundle)
            entry = zipfile.ZipInfo(name.as_posix(), moment)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (stat.S_IFREG | 0o755) << 16
            archive.writestr(entry, path.read_bytes())
    return target
