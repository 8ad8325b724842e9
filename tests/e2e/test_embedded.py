"""The embedded default as a newcomer meets it, and that it never outlives who uses it."""

import asyncio
import contextlib
import re
import signal
import sys
from pathlib import Path

import nats.errors
import pytest
from nats.aio.msg import Msg
from nats.js.errors import NotFoundError
from PySide6.QtGui import QImage

from pulse_desktop.protocol.topics import EVENT_STREAM, TOPICS, subject_of
from tests.e2e.program_process import Program, Stack, program, run, wait_until_ready
from tests.e2e.x_screen import MIN_COLORS, colors
from tests.kit.nats_clients import connect
from tests.kit.waiting import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kills processes as Linux does")


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


@pytest.mark.parametrize("early", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_without_a_display_a_screenshot_and_a_summary_are_written(
    tmp_path: Path, early: bool
) -> None:
    """After 20 s, or earlier by a signal, which this test sends once there is enough to show."""
    stack = Stack(tmp_path / "data")

    async def scenario() -> str:
        with program("pulse_desktop", folder=tmp_path) as started:
            state = await wait_until_ready(stack, started)
            if early:
                await wait_for_events_of_every_topic(state.server, started)
                started.process.send_signal(signal.SIGINT)
            assert await started.wait_for_exit(60) == 0, started.output
            await stack.wait_until_exited()
            return started.output

    first, events, runs, results, screenshot = asyncio.run(scenario()).splitlines()
    assert first.startswith("No display: running offscreen for 20 s")
    counts = {name: int(count) for name, count in re.findall(r"(\w+) (\d+)", events)}
    assert all(counts[topic] > 0 for topic in TOPICS)
    least = 1 if early else 6
    assert number(r"succeeded (\d+)", runs) >= least
    assert number(r"(\d+) stored", results) >= least
    assert screenshot.split() == ["picture", "pulse-desktop.png"]
    image = QImage(str(tmp_path / "pulse-desktop.png"))
    assert (image.width(), image.height()) == (1440, 900)
    assert colors(image) > MIN_COLORS


async def wait_for_events_of_every_topic(server: str, started: Program) -> None:
    """Wait for events of every topic and for four runs, or for the end of the program.

    Runs are seconds apart, and the program has to have seen only one of them.
    """
    client = await connect(server, allow_reconnect=False)
    js = client.jetstream()
    succeeded: list[Msg] = []

    async def on_event(message: Msg) -> None:
        if b'"task.succeeded"' in message.data:
            succeeded.append(message)

    async def enough() -> bool:
        if started.process.poll() is not None:
            return True
        with contextlib.suppress(NotFoundError, nats.errors.Error):
            stored = await js.stream_info(EVENT_STREAM, subjects_filter=">")
            topics = {subject.partition(".")[2] for subject in stored.state.subjects or ()}
            return set(TOPICS) <= topics and len(succeeded) >= 4
        return False

    try:
        await client.subscribe(subject_of("tasks"), cb=on_event)
        await wait_until(enough, 40)
    finally:
        await client.close()


def number(pattern: str, text: str) -> int:
    found = re.search(pattern, text)
    assert found is not None, text
    return int(found[1])
