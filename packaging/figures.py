"""Measure the size and the startup time of the packages for the tables in docs/install.md.

    python packaging/figures.py            print the tables
    python packaging/figures.py --write    and write them into the page

It needs dist/ and build/package/bundle from `make package`.
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
TIMEOUT_S: Final = 60.0

_PACKAGES: Final = (
    ("pulse-workers_*.deb", "`.deb`, workers and command line"),
    ("pulse-desktop_*.deb", "`.deb`, the window"),
    ("pulse-desktop-*-linux-*.tar.xz", "portable archive"),
    ("pulse_desktop-*.whl", "wheel, without its dependencies"),
    ("pulse_desktop-*.tar.gz", "source distribution"),
)


def sizes() -> list[tuple[str, str, str]]:
    """Return the name, the size and the installed size of each package."""
    rows = []
    for pattern, name in _PACKAGES:
        for path in DIST.glob(pattern):
            installed = ""
            if path.suffix == ".deb":
                kilobytes = subprocess.run(
                    ["dpkg-deb", "-f", path, "Installed-Size"],
                    capture_output=True,
                    text=True,
                    check=True,
                ).stdout
                installed = f"{int(kilobytes) * 1024 / 1e6:.0f} MB"
            elif path.name.endswith(".tar.xz"):
                installed = f"{total_bytes(BUNDLE) / 1e6:.0f} MB"
            rows.append((name, f"{path.stat().st_size / 1e6:.1f} MB", installed))
    return rows


def total_bytes(folder: Path) -> int:
    """Return the size of all files below a folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())


def startup_times() -> list[tuple[str, str, str]]:
    """Return what was started, and the median and the maximum of its startup times."""
    measured = [
        ("`pulse-desktop --version`", lambda: time_to_exit("pulse-desktop", "--version")),
        ("`pulse-worker --version`", lambda: time_to_exit("pulse-worker", "--version")),
        ("`pulse-desktop local`, until a worker takes tasks", time_to_ready_stack),
        ("the window, first start, until it shows live data", time_to_connected_window),
    ]
    return [row(name, measure) for name, measure in measured]


def row(name: str, measure: Callable[[], float]) -> tuple[str, str, str]:
    """Measure several times, after one time that fills the disk cache."""
    measure()
    times = [measure() for _round in range(ROUNDS)]
    return name, f"{statistics.median(times):.2f} s", f"{max(times):.2f} s"


def time_to_exit(program: str, *arguments: str) -> float:
    """Return the seconds until a program exits."""
    started_at = time.perf_counter()
    subprocess.run([BUNDLE / program, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started_at


def time_to_ready_stack() -> float:
    """Return the seconds until the embedded stack of a new data folder is ready."""
    with tempfile.TemporaryDirectory() as folder:
        started_at = time.perf_counter()
        with started(folder, "local", "--json", stdout=subprocess.PIPE) as process:
            line = process.stdout.readline() if process.stdout else b""
            seconds = time.perf_counter() - started_at
            json.loads(line)
            stop(process)
    return seconds


def time_to_connected_window() -> float:
    """Return the seconds until a window with a new data folder is connected to its server."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "data" / "logs" / "window.log"
        started_at = time.perf_counter()
        with started(folder, stdout=subprocess.DEVNULL) as process:
            while not (log.exists() and "connected to" in log.read_text()):
                if time.perf_counter() - started_at > TIMEOUT_S or process.poll() is not None:
                    raise SystemExit(f"figures: no window within {TIMEOUT_S:.0f} s")
                time.sleep(0.01)
            seconds = time.perf_counter() - started_at
            stop(process)
    return seconds


def started(folder: str, *arguments: str, stdout: int) -> "subprocess.Popen[bytes]":
    """Start the bundled program offscreen, with a data folder of its own."""
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


def stop(process: "subprocess.Popen[bytes]") -> None:
    """Stop a window or a stack and wait for its exit."""
    process.send_signal(signal.SIGTERM)
    process.wait(TIMEOUT_S)


def table(headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = [headings, tuple("---" if not each else "---:" for each in range(len(headings))), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def text() -> str:
    """Return both tables and the machine they were measured on."""
    version = subprocess.run(
        [BUNDLE / "pulse-desktop", "--version"], capture_output=True, text=True, check=True
    ).stdout.split()[1]
    components = {
        each["name"]: each["version"]
        for each in json.loads((BUNDLE / "sbom.cdx.json").read_text())["components"]
    }
    names = ("Python", "PySide6_Essentials", "github.com/nats-io/nats-server/v2")
    python, qt, server = (components[name].removeprefix("v") for name in names)
    measured_on = (
        f"Version {version} with Python {python}, PySide6 {qt}, nats-server {server}; "
        f"{os.cpu_count()} cores, {ROUNDS} starts each with a warm disk cache, offscreen."
    )
    return "\n\n".join(
        (
            measured_on,
            table(("package", "size", "installed"), [*sizes()]),
            table(("start", "median", "maximum"), [*startup_times()]),
        )
    )


def main() -> int:
    """Measure, print, and write with --write."""
    parser = argparse.ArgumentParser(description="Measure the packages.")
    parser.add_argument(
        "--write", action="store_true", help="write the tables into docs/install.md"
    )
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
