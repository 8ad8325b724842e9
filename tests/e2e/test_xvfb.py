"""The window on a real X screen, started and closed as a user does."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from nats.aio.msg import Msg
from PySide6.QtGui import QImage

from pulse_desktop.protocol.topics import EVENT_SUBJECT
from pulse_desktop.ui.theme.theme import load_tokens
from tests.e2e.program_process import Program, Stack, program, run, wait_until_ready
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Xvfb exists only on Linux")

SCREEN = (1440, 900)


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """Start an X server on a free display and return its name."""
    reading, writing = os.pipe()
    size = f"{SCREEN[0]}x{SCREEN[1]}x24"
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", size, "-nolisten", "tcp"]
    server = subprocess.Popen(
        command, pass_fds=[writing], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    os.close(writing)
    try:
        with os.fdopen(reading) as pipe:
            number = pipe.readline().strip()
        assert number, "Xvfb ended at once"
        yield f":{number}"
    finally:
        server.terminate()
        server.wait(10)


def screenshot_process(display: str, folder: Path) -> Program:
    return Program("tests.e2e.x_screen", "seen.png", "60", folder=folder, DISPLAY=display)


async def check_screenshot(screenshot: Program, folder: Path) -> None:
    assert await screenshot.wait_for_exit(80) == 0, screenshot.output
    image = QImage(str(folder / "seen.png"))
    assert (image.width(), image.height()) == SCREEN
    # The window covers the whole screen: its background reaches into the corners.
    ground = load_tokens("dark").colors["window"]
    for x, y in ((2, SCREEN[1] // 2), (SCREEN[0] - 3, SCREEN[1] // 2)):
        assert image.pixelColor(x, y).name() != "#000000"
    assert ground in {image.pixelColor(x, 60).name() for x in range(0, SCREEN[0], 8)}


def test_the_window_is_drawn_on_the_screen_and_closed_by_a_signal(
    display: str, nats_server: NatsServer, tmp_path: Path
) -> None:
    async def scenario() -> None:
        options = ("--theme", "dark", "--server", nats_server.url)
        with program("pulse_desktop", *options, folder=tmp_path, DISPLAY=display) as window:
            screenshot = screenshot_process(display, tmp_path)
            try:
                await check_screenshot(screenshot, tmp_path)
                assert window.running
                window.process.send_signal(signal.SIGTERM)
                assert await window.wait_for_exit() == 0
                assert window.output == ""
            finally:
                screenshot.close()
        assert not (tmp_path / "data" / "stack.json").exists()
        log = (tmp_path / "data" / "logs" / "window.log").read_text()
        assert f"{nats_server.url}: connected" in log
        assert "HTTP Request" not in log
        assert "ERROR" not in log
        state = json.loads((tmp_path / "data" / "window.json").read_text())
        assert state["page"] == "overview"
        assert "theme" not in state, "given for this session, not chosen"

    run(scenario())


@pytest.mark.slow
def test_the_window_shows_its_own_stack_and_stops_it(display: str, tmp_path: Path) -> None:
    stack = Stack(tmp_path / "data")

    async def scenario() -> None:
        with program(
            "pulse_desktop",
            "--profile",
            "local",
            "--theme",
            "dark",
            folder=tmp_path,
            DISPLAY=display,
        ) as window:
            screenshot = screenshot_process(display, tmp_path)
            try:
                state = await wait_until_ready(stack, window)
                topics: set[str] = set()

                async def on_message(msg: Msg) -> None:
                    topics.add(msg.subject)

                client = await connect(state.server)
                await client.subscribe(EVENT_SUBJECT, cb=on_message)
                await wait_until(lambda: "websocket.tasks" in topics, 20)
                await client.close()
                await check_screenshot(screenshot, tmp_path)
                stack.state()
                window.process.send_signal(signal.SIGTERM)
                assert await window.wait_for_exit() == 0
                assert window.output == ""
            finally:
                screenshot.close()
        await stack.wait_until_exited()

    run(scenario())


@pytest.mark.slow
def test_a_window_closed_before_its_stack_is_ready_leaves_nothing(
    display: str, tmp_path: Path
) -> None:
    stack = Stack(tmp_path / "data")

    async def scenario() -> None:
        with program(
            "pulse_desktop", "--profile", "local", folder=tmp_path, DISPLAY=display
        ) as window:
            await wait_until(lambda: window.running and stack.has_started(), 20)
            window.process.send_signal(signal.SIGINT)
            assert await window.wait_for_exit() == 0
            assert window.output == ""
            await stack.wait_until_exited(at_least=1)

    run(scenario())
