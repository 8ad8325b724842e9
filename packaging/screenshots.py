"""Draw pages and connections into docs/images, from an embedded stack with the sample chat."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pulse_desktop.cli.screenshot import PAGE_NAMES

PROJECT = Path(__file__).resolve().parents[1]
IMAGES = PROJECT / "docs" / "images"
PROGRAM = Path(sys.executable).with_name("pulse-desktop")
LIGHT_PAGES = ("overview",)
"""Pages that are drawn in the light theme too. All are drawn in the dark one."""
SIZE = "1440x900"
WARM_UP_S = 45
"""Seconds of sample work before the first screenshot, so that charts have a history."""
SELECTED = {"tasks": "failed", "results": "succeeded"}
"""Pages that are drawn with the details of the latest run in a state, or of its result."""
DELAY_S = 5
"""Seconds of live events before each screenshot."""


def main() -> int:
    """Draw the pages named on the command line, or all pages and the connections."""
    pages = sys.argv[1:] or PAGE_NAMES
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pulse-screenshots-") as data:
        environment = os.environ | {"PULSE_DATA_DIR": data}
        environment.pop("PULSE_SERVER", None)
        stack = subprocess.Popen(
            [PROGRAM, "local", "--json"], env=environment, stdout=subprocess.PIPE, text=True
        )
        try:
            return _draw(stack, pages, environment)
        finally:
            stack.terminate()
            stack.wait(timeout=30)


def _draw(
    stack: "subprocess.Popen[str]", pages: tuple[str, ...] | list[str], environment: dict[str, str]
) -> int:
    assert stack.stdout is not None
    first_line = stack.stdout.readline()
    if not first_line:
        print("the embedded stack did not start", file=sys.stderr)
        return 1
    server = json.loads(first_line)["server"]
    print(f"waiting {WARM_UP_S} s for the sample chat")
    time.sleep(WARM_UP_S)
    failed = 0
    light = [("light", page) for page in pages if page in LIGHT_PAGES]
    for theme, page in [*(("dark", page) for page in pages), *light]:
        screenshot = IMAGES / f"{page}-{theme}.png"
        command = [str(PROGRAM), "screenshot", "--page", page, "--theme", theme, "--size", SIZE]
        command += ["--delay", str(DELAY_S), "--out", str(screenshot)]
        # The token is passed in the environment: every user can list the arguments of a process.
        command_environment = environment | {"PULSE_SERVER": server}
        command += (
            ["--select", _latest(SELECTED[page], command_environment)] if page in SELECTED else []
        )
        done = subprocess.run(command, env=command_environment, check=False)
        failed += done.returncode != 0
        print(f"{screenshot.relative_to(PROJECT)}{'' if done.returncode == 0 else '  failed'}")
    if not sys.argv[1:]:
        script = Path(__file__).with_name("connection_screenshots.py")
        command_environment = environment | {"PULSE_SERVER": server}
        done = subprocess.run([sys.executable, script], env=command_environment, check=False)
        failed += done.returncode != 0
    return 1 if failed else 0


def _latest(state: str, environment: dict[str, str]) -> str:
    """Return the id of the latest run in a state, empty if there is none."""
    command = [str(PROGRAM), "runs", "--state", state, "--limit", "1", "--json"]
    line = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return str(json.loads(line.stdout)["task_id"]) if line.stdout.strip() else ""


if __name__ == "__main__":
    sys.exit(main())
