"""Measures what the packages weigh and how soon they start; writes the table in docs/install.md.

    python packaging/figures.py            prints it
    python packaging/figures.py --write    and puts it into the page

It needs dist/ and build/package/bundle of one `make package`.
"""

import argparse
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
DIST: Final = ROOT / "dist"
BUNDLE: Final = ROOT / "build" / "package" / "bundle" / "pulse-desktop"
PAGE: Final = ROOT / "docs" / "install.md"
BEGIN: Final = "<!-- figures: made by packaging/figures.py -->"
END: Final = "<!-- end of figures -->"
ROUNDS: Final = 5
PATIENCE_S: Final = 60.0

_WHAT: Final = (
    ("pulse-workers_*.deb", "`.deb`, workers and command line"),
    ("pulse-desktop_*.deb", "`.deb`, the window"),
    ("pulse-desktop-*-linux-*.tar.xz", "portable archive"),
    ("pulse_desktop-*.whl", "wheel, without its dependencies"),
    ("pulse_desktop-*.tar.gz", "source distribution"),
)


def sizes() -> list[tuple[str, str, str]]:
    """Return what each package is, its size, and its size once installed."""
    rows = []
    for pattern, what in _WHAT:
        for path in DIST.glob(pattern):
            installed = ""
            if path.suffix == ".deb":
                said = subprocess.run(
                    ["dpkg-deb", "-f", path, "Installed-Size"],
                    capture_output=True,
                    text=True,
                    check=True,
                ).stdout
                installed = f"{int(said) * 1024 / 1e6:.0f} MB"
            elif path.name.endswith(".tar.xz"):
                installed = f"{weight(BUNDLE) / 1e6:.0f} MB"
            rows.append((what, f"{path.stat().st_size / 1e6:.1f} MB", installed))
    return rows


def weight(folder: Path) -> int:
    """Return the bytes in all files below a folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())


def starts() -> list[tuple[str, str, str]]:
    """Return what was started, and the median and the longest of several times."""
    measured = [
        ("`pulse-desktop --version`", lambda: until_end("pulse-desktop", "--version")),
        ("`pulse-worker --version`", lambda: until_end("pulse-worker", "--version")),
        ("`pulse-desktop local`, until a worker takes tasks", until_the_stack_is_ready),
        ("the window, first start, until it shows live data", until_the_window_is_connected),
    ]
    return [row(what, measure) for what, measure in measured]


def row(what: str, measure: Callable[[], float]) -> tuple[str, str, str]:
    """Measure several times, once beforehand for the disk's cache."""
    measure()
    times = [measure() for _ in range(ROUNDS)]
    return what, f"{statistics.median(times):.2f} s", f"{max(times):.2f} s"


def until_end(program: str, *arguments: str) -> float:
    """Return the seconds that a program takes in all."""
    began = time.perf_counter()
    subprocess.run([BUNDLE / program, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def until_the_stack_is_ready() -> float:
    """Return the seconds until the embedded stack of a new data folder says that it is ready."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        with started(folder, "local", "--json", stdout=subprocess.PIPE) as process:
            line = process.stdout.readline() if process.stdout else b""
            taken = time.perf_counter() - began
            json.loads(line)
            end(process)
    return taken


def until_the_window_is_connected() -> float:
    """Return the seconds until the window of a new data folder is connected to its own server."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "data" / "logs" / "window.log"
        began = time.perf_counter()
        with started(folder, stdout=subprocess.DEVNULL) as process:
            while not (log.exists() and "connected to" in log.read_text()):
                if time.perf_counter() - began > PATIENCE_S or process.poll() is not None:
                    raise SystemExit(f"figures: no window within {PATIENCE_S:.0f} s")
                time.sleep(0.01)
            taken = time.perf_counter() - began
            end(process)
    return taken


def started(folder: str, *arguments: str, stdout: int) -> "subprocess.Popen[bytes]":
    """Start the bundled program with a data folder of its own, offscreen."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PULSE_")},
        "PULSE_DATA_DIR": f"{folder}/data",
        "QT_QPA_PLATFORM": "offscreen",
    }
    return subprocess.Popen(
        [BUNDLE / "pulse-desktop", *arguments],
        stdout=stdout,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        env=environment,
    )


def end(process: "subprocess.Popen[bytes]") -> None:
    """End a window or a stack, and wait until it has put everything in order."""
    process.send_signal(signal.SIGTERM)
    process.wait(PATIENCE_S)


def table(headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = [headings, tuple("---" if not each else "---:" for each in range(len(headings))), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def text() -> str:
    """Return both tables and what they were measured on."""
    version = subprocess.run(
        [BUNDLE / "pulse-desktop", "--version"], capture_output=True, text=True, check=True
    ).stdout.split()[1]
    made_of = {
        each["name"]: each["version"]
        for each in json.loads((BUNDLE / "sbom.cdx.json").read_text())["components"]
    }
    kept = ("Python", "PySide6_Essentials", "github.com/nats-io/nats-server/v2")
    python, qt, server = (made_of[name].removeprefix("v") for name in kept)
    measured_on = (
        f"Version {version} with Python {python}, PySide6 {qt}, nats-server {server}; "
        f"{os.cpu_count()} cores, {ROUNDS} starts each with a warm disk cache, offscreen."
    )
    return "\n\n".join(
        (
            measured_on,
            table(("package", "size", "installed"), [*sizes()]),
            table(("start", "median", "longest"), [*starts()]),
        )
    )


def main() -> int:
    """Measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(description="Measure the packages.")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/install.md")
    options = parser.parse_args()
    figures = text()
    print(figures)
    if options.write:
        page = PAGE.read_text()
        pattern = re.escape(BEGIN) + ".*?" + re.escape(END)
        PAGE.write_text(
            re.sub(pattern, lambda _: f"{BEGIN}\n{figures}\n{END}", page, flags=re.DOTALL)
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
