"""A real pointer clicks rows on a real X screen while 200 rows arrive each second."""

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from pulse_desktop.nats_client.aio import cancel_and_wait
from pulse_desktop.protocol.task_message import encode_task, new_task_id
from pulse_desktop.protocol.topics import TASK_SUBJECT
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until

pytestmark = pytest.mark.skipif(
    not (shutil.which("xdotool") and shutil.which("Xvfb")), reason="needs Xvfb and xdotool"
)

ROWS_PER_S = 200
TURN_S = 0.02


@pytest.fixture
def display() -> Iterator[str]:
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1440x900x24"]
    server = subprocess.Popen(
        [*command, "-nolisten", "tcp"], pass_fds=[writing], stderr=subprocess.DEVNULL
    )
    os.close(writing)
    try:
        with os.fdopen(reading) as pipe:
            yield f":{pipe.readline().strip()}"
    finally:
        server.terminate()
        server.wait(10)


class PointedWindow:
    """The window in a process of its own, and the pointer of its screen."""

    def __init__(self, server: NatsServer, display: str, folder: Path) -> None:
        self._environment = {
            **os.environ,
            "DISPLAY": display,
            "QT_QPA_PLATFORM": "xcb",
            "PULSE_DATA_DIR": str(folder),
            "PULSE_CONFIG_DIR": str(folder),
        }
        command = [sys.executable, "-m", "tests.e2e.pointed_window"]
        self._process = subprocess.Popen(
            [*command, server.url, server.monitor_url],
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self) -> dict[str, Any]:
        """Return what can be seen of the table."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    async def see(self) -> dict[str, Any]:
        return await asyncio.to_thread(self.ask)

    async def point(self, *words: object) -> None:
        """Run xdotool."""
        command = ["xdotool", *map(str, words)]
        await asyncio.to_thread(subprocess.run, command, env=self._environment, check=True)

    def close(self) -> None:
        self._process.terminate()
        self._process.communicate(timeout=15)


@contextlib.asynccontextmanager
async def arriving_tasks(server: NatsServer) -> AsyncIterator[None]:
    """Publish task messages all the time: each is a row."""
    client = await connect(server.url)

    async def publish() -> None:
        while True:
            for _number in range(int(ROWS_PER_S * TURN_S)):
                payload, _headers = encode_task(new_task_id(), "m:task", args=b"[1]")
                await client.publish(TASK_SUBJECT, payload)
            await asyncio.sleep(TURN_S)

    publishing = asyncio.create_task(publish())
    try:
        yield
    finally:
        await cancel_and_wait(publishing)
        await client.close()


@pytest.mark.slow
async def test_the_clicked_row_is_the_selected_one_and_stays_under_the_pointer(
    nats_server: NatsServer, display: str, tmp_path: Path
) -> None:
    window = PointedWindow(nats_server, display, tmp_path)
    try:
        async with arriving_tasks(nats_server):

            async def rows() -> int:
                return int((await window.see())["rows"])

            async def wait_for_more(count: int) -> None:
                wanted = await rows() + count

                async def arrived() -> bool:
                    return await rows() >= wanted

                await wait_until(arrived)

            await wait_for_more(100)
            for number in (2, 11, 6):
                x, y = (await window.see())["places"][number]
                await window.point("mousemove", x, y)
                aimed = await window.see()
                await wait_for_more(60)
                await window.point("click", 1)
                clicked = await window.see()
                assert clicked["selected"] == [aimed["pointed"]], number
                await wait_for_more(300)
                seen = await window.see()
                assert seen["pointed"] == aimed["pointed"]
                assert seen["selected"] == [aimed["pointed"]]
                assert seen["pill"].endswith(" new")
                await window.point("key", "Escape", "Escape")
    finally:
        window.close()
