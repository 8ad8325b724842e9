"""`pulse-desktop screenshot` draws the window in a process of its own."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.cli_process import CommandResult, command_environment, run_command
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer

pytest.importorskip("PySide6")
from PySide6.QtGui import QImage


@pytest.fixture(scope="module")
def server() -> Iterator[NatsServer]:
    with NatsServer() as running:
        yield running


def screenshot(server: NatsServer, out: Path, *more: str, **env: str) -> CommandResult:
    arguments = ("screenshot", "--server", server.url, "--out", str(out), "--delay", "0", *more)
    return run_command(*arguments, env=command_environment(out.parent / "data", **env))


@pytest.mark.parametrize(
    ("page", "theme", "size"),
    [
        ("messages", "light", "1024x640"),
        pytest.param("overview", "dark", "1920x1080", marks=pytest.mark.slow),
    ],
)
def test_a_screenshot_has_the_requested_size_and_theme(
    page: str, theme: str, size: str, server: NatsServer, tmp_path: Path
) -> None:
    out = tmp_path / "page"
    options = ("--page", page, "--theme", theme, "--size", size, "--json")
    window_state = tmp_path / "data" / "window.json"
    window_state.parent.mkdir(exist_ok=True)
    window_state.write_text('{"theme": "light", "page": "tasks"}')
    result = screenshot(server, out, *options, QT_SCALE_FACTOR="2")
    assert window_state.read_text() == '{"theme": "light", "page": "tasks"}', (
        "only the window saves it"
    )
    width, height = map(int, size.split("x"))
    assert result.code == 0, result
    assert result.err == "", "Qt prints no warning"
    assert result.object == {
        "page": page,
        "theme": theme,
        "file": str(out),
        "width": width,
        "height": height,
    }
    assert out.read_bytes().startswith(b"\x89PNG"), "whatever the suffix of the file"
    image = QImage(str(out))
    assert (image.width(), image.height()) == (width, height)
    assert (image.pixelColor(width // 2, height - 10).lightness() > 128) == (theme == "light")


@pytest.mark.slow
async def test_the_picture_is_taken_when_history_has_been_read(
    server: NatsServer, tmp_path: Path
) -> None:
    connection = await connect(server.url)
    js = connection.jetstream()
    await js.add_stream(name="history", subjects=["websocket.>"])
    for number in range(60_000):
        body = b'{"type": "task.queued", "data": {"task_id": "%032x", "task_name": "t"}}' % number
        await connection.publish("websocket.tasks", body)
    await connection.flush()
    await connection.close()
    result = await asyncio.to_thread(
        screenshot, server, tmp_path / "page", "--page", "tasks", "--select", "state:failed"
    )
    assert (result.code, result.err) == (0, ""), "nothing is left out"


def test_a_selection_that_is_no_query_is_a_usage_error(server: NatsServer, tmp_path: Path) -> None:
    out = tmp_path / "page.png"
    result = screenshot(server, out, "--page", "tasks", "--select", "task:a ran>soon")
    assert (result.code, result.out, out.exists()) == (2, "", False)
    assert "not a duration" in result.err
    assert result.err.splitlines()[-1].strip() == "^^^^"
