"""The embedded default as a newcomer meets it, and that it never outlives who uses it.

One run without a display takes its twenty seconds; the other tests run meanwhile.
"""

import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QImage

from pulse_desktop.protocol.topics import TOPICS
from tests.e2e.program_process import Program, Stack, program, run, wait_until_ready
from tests.e2e.x_screen import MIN_COLORS, colors

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kills processes as Linux does")


@pytest.fixture(scope="module", autouse=True)
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """Start `pulse-desktop` on a machine without a display."""
    with program("pulse_desktop", folder=tmp_path_factory.mktemp("no-display")) as started:
        yield started


@pytest.mark.slow
def test_a_second_window_joins_and_the_stack_ends_with_the_last_one(tmp_path: Path) -> None:
    """The guardian, the process that runs the stack, stays the same."""
    stack = Stack(tmp_path / "data")

    async def scenario() -> None:
        with (
            program("pulse_desktop", "local", "--json", folder=tmp_path) as local,
            program("pulse_desktop", folder=tmp_path) as window,
        ):
            address = await local.first_line()
            state = await wait_until_ready(stack, local, window)
            assert address == {"server": state.server, "monitor": state.monitor}
            local.process.kill()
            await local.wait_for_exit()
            after = await wait_until_ready(stack, window)
            assert after.guardian == state.guardian
            assert window.running
            window.process.kill()
            await window.wait_for_exit()
            await stack.wait_until_exited()

    run(scenario())


@pytest.mark.slow
def test_the_stack_without_a_window_ends_on_a_signal(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "data")

    async def scenario() -> None:
        command = ("pulse_desktop", "local", "--json", "--no-sample")
        with program(*command, folder=tmp_path) as local:
            await local.first_line()
            await wait_until_ready(stack, local)
            local.process.send_signal(signal.SIGINT)
            assert await local.wait_for_exit() == 0
            assert stack.live_processes == []

    run(scenario())


def test_without_a_display_a_screenshot_and_a_summary_are_written(demonstration: Program) -> None:
    folder = demonstration.output_path.parent
    stack = Stack(folder / "data")

    async def scenario() -> None:
        await wait_until_ready(stack, demonstration)
        assert await demonstration.wait_for_exit(60) == 0, demonstration.output
        await stack.wait_until_exited()

    run(scenario())
    first, events, runs, results, screenshot = demonstration.output.splitlines()
    assert first.startswith("No display: running offscreen for 20 s")
    counts = {name: int(count) for name, count in re.findall(r"(\w+) (\d+)", events)}
    assert all(counts[topic] > 0 for topic in TOPICS)
    assert number(r"succeeded (\d+)", runs) > 5
    assert number(r"(\d+) stored", results) > 5
    assert screenshot.split() == ["picture", "pulse-desktop.png"]
    image = QImage(str(folder / "pulse-desktop.png"))
    assert (image.width(), image.height()) == (1440, 900)
    assert colors(image) > MIN_COLORS


def number(pattern: str, text: str) -> int:
    found = re.search(pattern, text)
    assert found is not None, text
    return int(found[1])
