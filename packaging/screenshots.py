"""Draws every page into docs/images, from a real stack with the sample work.

Pictures in the documentation are of the program as it is; this is how they are made again.
"""

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
ALSO_LIGHT = ("overview",)
"""Pages drawn in the light theme as well; all are drawn in the dark one."""
SIZE = "1440x900"
WARM_UP_S = 45
"""How long the sample works before the first picture, so that charts have a past."""
OPENED = {"tasks": "failed", "results": "succeeded"}
"""Pages drawn with the details of the newest run in a state, or of its result."""
SETTLE_S = 5
"""How long each window is open before it is drawn."""


def main() -> int:
    """Draw the pages named on the command line, or all."""
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
        print("the local stack did not start", file=sys.stderr)
        return 1
    server = json.loads(first_line)["server"]
    print(f"letting the sample work for {WARM_UP_S} s")
    time.sleep(WARM_UP_S)
    failed = 0
    light = [("light", page) for page in pages if page in ALSO_LIGHT]
    for theme, page in [*(("dark", page) for page in pages), *light]:
        picture = IMAGES / f"{page}-{theme}.png"
        command = [str(PROGRAM), "screenshot", "--page", page, "--theme", theme, "--size", SIZE]
        command += ["--delay", str(SETTLE_S), "--out", str(picture)]
        # The token goes by the environment: anybody can list the arguments of a process.
        there = environment | {"PULSE_SERVER": server}
        command += ["--select", _newest(OPENED[page], there)] if page in OPENED else []
        done = subprocess.run(command, env=there, check=False)
        failed += done.returncode != 0
        print(f"{picture.relative_to(PROJECT)}{'' if done.returncode == 0 else '  failed'}")
    return 1 if failed else 0


def _newest(state: str, environment: dict[str, str]) -> str:
    """Return the id of the newest run in a state, empty when there is none."""
    command = [str(PROGRAM), "runs", "--state", state, "--limit", "1", "--json"]
    line = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return str(json.loads(line.stdout)["task_id"]) if line.stdout.strip() else ""


if __name__ == "__main__":
    sys.exit(main())
