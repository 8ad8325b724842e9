"""The application runs for hours under load without losing events or growing.

`PULSE_SOAK_SECONDS` sets the duration (2 h), `PULSE_SOAK_RATE` the events per second (2,000). All
bounded collections are filled first, so that only unbounded ones could still grow.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from tests.e2e.program_process import Stack, program

SECONDS = float(os.environ.get("PULSE_SOAK_SECONDS", "7200"))
RATE = float(os.environ.get("PULSE_SOAK_RATE", "2000"))
ROUNDS = 4 if SECONDS < 1_000 else 40
START_TIMEOUT_S = 600
GROWTH = 1.05
"""Maximum growth of memory from the first half to the second."""

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(sys.platform != "linux", reason="counts open files with a Linux interface"),
]


def test_no_event_is_lost_and_no_resource_grows(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "data")
    options = ("--seconds", str(SECONDS), "--rate", str(RATE), "--rounds", str(ROUNDS))

    async def scenario() -> list[dict[str, Any]]:
        command = ("tests.soak.window_process", str(tmp_path / "counter"), *options)
        with program(*command, folder=tmp_path) as window:
            assert await window.wait_for_exit(START_TIMEOUT_S + 2 * SECONDS) == 0, window.output
            await stack.wait_until_exited(at_least=0)
            lines = [line for line in window.output.splitlines() if line.startswith("{")]
        return [json.loads(line) for line in lines]

    filled, *pages, last = asyncio.run(scenario())
    assert filled["filled"] > 0
    assert len(pages) % ROUNDS == 0
    assert last["received"] >= last["sent"] >= RATE * SECONDS
    assert [last["dropped"], last["gaps"], last["problems"]] == [0, 0, []]
    half = len(pages) // 2
    earlier, later = pages[:half], pages[half:]
    rss = [median(each["rss"] for each in part) for part in (earlier, later)]
    assert rss[1] <= GROWTH * rss[0], (
        f"memory: {rss[0] / 2**20:.0f} MiB, {rss[1] / 2**20:.0f} later"
    )
    for resource, slack in (("tasks", 3), ("timers", 0), ("qt_objects", 5), ("files", 3)):
        medians = [median(each[resource] for each in part) for part in (earlier, later)]
        assert medians[1] <= medians[0] + slack, f"{resource}: {medians[0]}, then {medians[1]}"
