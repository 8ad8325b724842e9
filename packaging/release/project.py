"""Source of the packages: the committed tree, its version, and the time stamp of all files.

The time stamp is that of the commit (or SOURCE_DATE_EPOCH), so that packages of the same commit are
the same bytes.
"""

import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

VERSION_FILE: Final = Path("pulse_desktop") / "__init__.py"
_VERSION: Final = re.compile(r'^__version__ = "([0-9][0-9A-Za-z.+-]*)"$', re.MULTILINE)
_NOT_PACKAGED: Final = (".git", ".venv*", "build", "dist", "__pycache__", ".*_cache", ".hypothesis")


@dataclass(frozen=True)
class Project:
    """One packaging run.

    Attributes:
        root: the checkout.
        work: folder for intermediate files.
        dist: folder for finished packages.
        version: of the packages.
        epoch: time stamp of all files, Unix seconds.
        commit: that is packaged; empty without git.
        quick: whether to compress less, but faster: for tests.
    """

    root: Path
    work: Path
    dist: Path
    version: str
    epoch: int
    commit: str = ""
    quick: bool = False

    @property
    def source(self) -> Path:
        """Clean copy of the source tree."""
        return self.work / "source"

    @property
    def bundle(self) -> Path:
        """The frozen program, from which the packages for Linux are made."""
        return self.work / "bundle" / "pulse-desktop"

    @property
    def environment(self) -> dict[str, str]:
        """Environment that makes the output of programs reproducible."""
        return {
            **os.environ,
            "SOURCE_DATE_EPOCH": str(self.epoch),
            "PYTHONHASHSEED": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
        }

    def run(self, *command: str | Path, folder: Path | None = None, log: str = "") -> None:
        """Run a program; write its output to `log` in the work folder and print it on failure.

        Raises:
            SystemExit: it failed.
        """
        done = subprocess.run(
            [str(part) for part in command],
            cwd=folder or self.source,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        if log:
            (self.work / log).write_text(done.stdout)
        if done.returncode:
            sys.stderr.write("\n".join(done.stdout.splitlines()[-25:]) + "\n")
            sys.exit(f"package: {Path(str(command[0])).name} failed (exit {done.returncode})")


def version_in(text: str) -> str:
    """Return the version in the text of `__init__.py`.

    Raises:
        ValueError: there is none.
    """
    found = _VERSION.search(text)
    if found is None:
        raise ValueError(f"no version in {VERSION_FILE}")
    return found[1]


def open_project(
    root: Path, work: Path, dist: Path, *, version: str = "", commit: str = "", quick: bool = False
) -> Project:
    """Describe a packaging run.

    Args:
        root: the checkout.
        work: folder for intermediate files.
        dist: folder for finished packages.
        version: overrides the version in the code.
        commit: default: HEAD.
        quick: as in `Project`.
    """
    if _is_checkout(root):
        commit = _git(root, "rev-parse", commit or "HEAD").decode().strip()
    version = version or version_in(_committed(root, commit, VERSION_FILE))
    return Project(
        root, work.resolve(), dist.resolve(), version, _epoch(root, commit), commit, quick
    )


def prepare_source(project: Project) -> None:
    """Copy the committed tree; without git, the files of the checkout."""
    shutil.rmtree(project.source, ignore_errors=True)
    if project.commit:
        archive = _git(project.root, "archive", "--format=tar", project.commit)
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            # The archive is our own. The Python of Debian 12 may not have filters.
            if hasattr(tarfile, "data_filter"):
                tar.extractall(project.source, filter="data")
            else:
                tar.extractall(project.source)
        if _git(project.root, "status", "--porcelain", "--untracked-files=no"):
            print("package: note: uncommitted changes are not packaged")
    else:
        shutil.copytree(project.root, project.source, ignore=shutil.ignore_patterns(*_NOT_PACKAGED))
    (project.work / "commit").write_text(f"{project.commit}\n")
    file = project.source / VERSION_FILE
    file.write_text(_VERSION.sub(f'__version__ = "{project.version}"', file.read_text()))
    normalize(project.source, project.epoch)


def normalize(folder: Path, epoch: int) -> None:
    """Set the mode of all files below `folder` to 755 or 644, and their time stamp to `epoch`."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_symlink():
            os.utime(path, (epoch, epoch), follow_symlinks=False)
            continue
        executable = path.is_dir() or path.stat().st_mode & 0o100
        path.chmod(0o755 if executable else 0o644)
        os.utime(path, (epoch, epoch))
    folder.chmod(0o755)
    os.utime(folder, (epoch, epoch))


def _is_checkout(root: Path) -> bool:
    return (root / ".git").exists() and shutil.which("git") is not None


def _git(root: Path, *arguments: str) -> bytes:
    # In containers and on CI runners the checkout can belong to another user.
    command = ["git", "-c", f"safe.directory={root}", "-C", str(root), *arguments]
    return subprocess.run(command, check=True, capture_output=True).stdout


def _committed(root: Path, commit: str, path: Path) -> str:
    if commit:
        return _git(root, "show", f"{commit}:{path.as_posix()}").decode()
    return (root / path).read_text()


def _epoch(root: Path, commit: str) -> int:
    if value := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(value)
    if commit:
        return int(_git(root, "log", "-1", "--format=%ct", commit))
    return int((root / "CHANGELOG.md").stat().st_mtime)
