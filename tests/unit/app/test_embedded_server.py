"""A profile that leads to the embedded server is recognized, and keeps the names of its system."""

from pathlib import Path
from typing import cast

import pytest

from pulse_desktop.app import embedded_server
from pulse_desktop.app.embedded_server import EmbeddedServer, User
from pulse_desktop.embedded.stack import StackInfo
from pulse_desktop.profiles.profile import embedded_profile, server_profile
from pulse_desktop.protocol.taskiq_names import TaskiqNames

SERVER, MONITOR = "nats://token@127.0.0.1:4333", "http://127.0.0.1:8333"
OTHER = TaskiqNames(subject="other")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> EmbeddedServer:
    """The server while a stack runs."""
    info = StackInfo(
        state="running",
        problem="",
        advice="",
        server=SERVER,
        monitor=MONITOR,
        data_dir=tmp_path,
        log_dir=tmp_path,
        joined=True,
        processes=(),
    )
    monkeypatch.setattr(embedded_server, "running_stack", lambda: info)
    return EmbeddedServer(lambda failure: pytest.fail(str(failure)))


async def test_the_address_of_the_stack_is_recognized(server: EmbeddedServer) -> None:
    window = cast("User", object())
    here = embedded_profile(SERVER, MONITOR)
    assert server.recognize(window, server_profile(SERVER)) == here
    named = server.recognize(window, server_profile(SERVER, names=OTHER))
    assert named.is_embedded
    assert named.names == OTHER
    moved = embedded_profile("nats://token@127.0.0.1:1", "http://127.0.0.1:2")
    assert server.recognize(window, moved) == here, "the stack runs at another address now"


async def test_other_profiles_stay_as_they_are(server: EmbeddedServer) -> None:
    window = cast("User", object())
    for profile in (server_profile("nats://elsewhere", names=OTHER), embedded_profile()):
        assert server.recognize(window, profile) is profile
