"""Commands tell when the embedded server is not healthy, and when it is again."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from pulse_desktop.embedded.data_folder import DataFolder
from pulse_desktop.embedded.processes import ProcessRef
from pulse_desktop.embedded.stack_state import Problem, StackState, read_state, write_state
from tests.kit.cli_process import (
    CommandResult,
    command_environment,
    run_in_process,
    started_command,
)
from tests.kit.full_disk import no_room_in_files
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits a process as Linux can")


async def fill_stream(server: str, pid: int) -> None:
    """Publish until a message is not confirmed, because the server cannot write any more."""
    client = await connect(server)
    try:
        js = client.jetstream()
        await js.add_stream(name="FULL", subjects=["full"])
        await js.publish("full", b"fits")
        with no_room_in_files(pid), contextlib.suppress(TimeoutError):
            while True:
                await js.publish("full", bytes(20_000), timeout=1.0)
    finally:
        await client.close()


def test_doctor_and_status_show_what_the_guardian_records(tmp_path: Path) -> None:
    """The guardian of this state is the test itself; a server that cannot write is slow."""
    env = command_environment(tmp_path)
    folder = DataFolder(Path(env["PULSE_DATA_DIR"]))
    folder.prepare()
    with NatsServer() as server:
        state = StackState(
            launch="test",
            guardian=ProcessRef.of(os.getpid()),
            phase="unhealthy",
            server=server.url,
            monitor=server.monitor_url,
            workers=1,
            sample=False,
            started_at=time.time(),
            problem=Problem("The disk is full", "write error", "Free some space."),
        )
        write_state(folder.state_file, state)
        doctor = run_in_process("doctor", "--json", env=env)
        check = {each["check"]: each for each in doctor.objects}["embedded server"]
        assert (doctor.code, check["status"]) == (1, "bad")
        assert "The disk is full" in check["detail"]
        assert "write error" in check["detail"]
        problem = run_in_process("status", "--json", env=env).object["embedded_server"]
        assert "write error" in problem["problem"]
        assert "healthy: The disk is full" in run_in_process("status", env=env).out


@pytest.mark.slow
def test_doctor_status_and_local_name_a_server_that_cannot_write(tmp_path: Path) -> None:
    env = command_environment(tmp_path)
    folder = DataFolder(Path(env["PULSE_DATA_DIR"]))

    def doctor() -> tuple[int, dict[str, str]]:
        result = run_in_process("doctor", "--json", env=env)
        return result.code, {each["check"]: each for each in result.objects}["embedded server"]

    def phase() -> str:
        state = read_state(folder.state_file)
        return state.phase if state is not None else ""

    with started_command("local", "--no-sample", "--json", env=env) as local:
        server = CommandResult(0, local.read_line(), "").object["server"]
        code, check = doctor()
        assert (code, check["status"], check["detail"]) == (0, "ok", "running and healthy")

        state = read_state(folder.state_file)
        assert state is not None
        process = state.processes[0].process
        assert process is not None
        with no_room_in_files(state.guardian.pid, 512 << 10):  # too little for a restart
            asyncio.run(fill_stream(server, process.pid))
            asyncio.run(wait_until(lambda: phase() == "unhealthy", 45.0))
            code, check = doctor()
            assert (code, check["status"]) == (1, "bad")
            assert "The disk is full" in check["detail"]
            assert "write error" in check["detail"]
            problem = run_in_process("status", "--json", env=env).object["embedded_server"]
            assert "write error" in problem["problem"]
            assert "healthy: The disk is full" in run_in_process("status", env=env).out
        asyncio.run(wait_until(lambda: phase() == "ready", 45.0))
        assert doctor()[0] == 0
        assert "embedded_server" not in run_in_process("status", "--json", env=env).object
        errors = local.read_errors_until("The embedded server is healthy again.")
        assert local.stop(signal.SIGINT).code == 0
    assert "The embedded server is not healthy. The disk is full." in errors
    assert "nats-server is being restarted." in errors
