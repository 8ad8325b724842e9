"""The commands of docs/agents.md that add a provider, as written."""

import asyncio
import os
import re
import signal
import sys
from pathlib import Path

import psutil
import pytest

from tests.kit.cli_process import command_environment
from tests.kit.model_server import ModelServer
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until

DOCS = Path(__file__).parents[4] / "docs" / "agents.md"


@pytest.mark.skipif(sys.platform == "win32", reason="the commands are for a POSIX shell")
async def test_an_added_provider_is_checked(nats_server: NatsServer, tmp_path: Path) -> None:
    found = re.search(r"(?s)\n## Add a provider\n.*?```sh\n(.*?)```", DOCS.read_text("utf-8"))
    assert found
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parent.parent)
    output = tmp_path / "output"
    async with ModelServer() as server:
        commands = found[1].replace("127.0.0.1:4222", nats_server.address)
        with output.open("wb") as file:
            shell = await asyncio.create_subprocess_exec(
                "bash",
                "-c",
                commands.replace("127.0.0.1:8000", f"127.0.0.1:{server.port}"),
                cwd=tmp_path,
                env={**command_environment(tmp_path / "data"), "PULSE_CONFIG": os.devnull},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        try:
            await wait_until(lambda: shell.returncode is not None, 60, "the commands end")
        finally:
            os.killpg(shell.pid, signal.SIGTERM)  # the worker runs in the background
            await shell.wait()
            await wait_until(lambda: not _running(shell.pid), 30, "the worker ends")
    assert '"provider":"mine","kind":"llm","status":"connected"' in output.read_text()
    assert server.requests_of("models")


def _running(group: int) -> list[psutil.Process]:
    """Return the processes of a group."""
    return [
        process
        for process in psutil.process_iter(["status"])
        if process.info["status"] != psutil.STATUS_ZOMBIE and _group(process.pid) == group
    ]


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except OSError:  # it has ended, or belongs to another user
        return None
