"""What differs between systems, tried on this one: signals, bundles, names, the task bar."""

import asyncio
import signal
import sys
from argparse import Namespace
from pathlib import Path

import pytest
from pulse_workers.runtime.shutdown import ShutdownSignal

from pulse_desktop.cli import main, window
from pulse_desktop.embedded import (
    guardian,
    launcher,
    nats_server,
    windows_app_id,
)
from pulse_desktop.model.errors import UserFacingError


@pytest.fixture
def no_signal_handlers(monkeypatch: pytest.MonkeyPatch):
    """Asyncio as it is on Windows: the loop takes no signal handlers."""

    def refuse(*_: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr(asyncio.unix_events._UnixSelectorEventLoop, "add_signal_handler", refuse)
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows is what is imitated")


async def interrupted_soon() -> None:
    asyncio.get_running_loop().call_later(0.01, signal.raise_signal, signal.SIGTERM)


def test_a_command_is_cancelled_by_a_signal_where_the_loop_takes_no_handlers(
    no_signal_handlers,
) -> None:
    async def command() -> int:
        await interrupted_soon()
        await asyncio.Event().wait()
        return 0

    async def scene() -> None:
        with pytest.raises(asyncio.CancelledError):
            await main.cancel_on_signal(command())

    asyncio.run(scene())


def test_a_worker_is_told_to_stop_by_a_signal_where_the_loop_takes_no_handlers(
    no_signal_handlers,
) -> None:
    async def scene() -> str:
        stop = ShutdownSignal()
        stop.install()
        await interrupted_soon()
        async with asyncio.timeout(5):
            await stop.requested.wait()
        if stop._ticker is not None:
            stop._ticker.cancel()
        return stop.reason

    assert asyncio.run(scene()) == "SIGTERM"


def test_the_guardian_asks_windows_for_no_signal_handler(
    no_signal_handlers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")

    async def scene() -> None:
        ended = asyncio.Event()
        guardian._on_end_signals(ended.set)
        await interrupted_soon()
        async with asyncio.timeout(5):
            await ended.wait()

    asyncio.run(scene())


class TestBundle:
    def test_it_starts_itself_again_with_the_module_to_run(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "frozen", True, raising=False)
        monkeypatch.setattr(sys, "executable", "/opt/pulse/pulse-desktop")
        assert launcher.module_command("pulse_workers", "run", "--name", "w") == [
            "/opt/pulse/pulse-desktop", "--run-module", "pulse_workers", "run", "--name", "w",
        ]  # fmt: skip

    def test_the_window_of_windows_starts_the_program_that_has_output(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        for name in ("pulse-desktop.exe", "pulse-desktop-window.exe"):
            (tmp_path / name).touch()
        monkeypatch.setattr(sys, "frozen", True, raising=False)
        monkeypatch.setattr(sys, "executable", str(tmp_path / "pulse-desktop-window.exe"))
        assert launcher.module_command("pulse_workers")[0] == str(tmp_path / "pulse-desktop.exe")

    def test_its_own_server_comes_before_any_other(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        program = tmp_path / "bin" / "nats-server.exe"
        program.parent.mkdir()
        program.touch(mode=0o755)
        monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
        monkeypatch.setattr(nats_server, "_PROGRAM", "nats-server.exe")
        assert nats_server.find_nats_server() == program

    def test_without_the_window_it_says_how_to_get_it(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setitem(sys.modules, "pulse_desktop.cli.window_qt", None)
        assert main.main([]) == 1
        said = capsys.readouterr().err
        assert said.startswith("The window is not installed here: ")
        assert "pip install 'pulse-desktop[desktop]'" in said
        monkeypatch.setattr(sys, "frozen", True, raising=False)
        with pytest.raises(UserFacingError, match="apt install pulse-desktop"):
            window.run(Namespace())


class TestTaskBar:
    def test_windows_is_told_the_name_under_which_windows_are_grouped(self) -> None:
        class Shell32:
            told = ""

            def SetCurrentProcessExplicitAppUserModelID(self, name) -> int:  # noqa: N802
                self.told = name.value
                return 0

        shell = Shell32()
        assert windows_app_id.set_app_user_model_id(shell)
        assert shell.told == windows_app_id.APP_USER_MODEL_ID

    def test_elsewhere_there_is_nothing_to_tell(self) -> None:
        assert not windows_app_id.set_app_user_model_id()

    def test_the_installer_gives_the_same_name_to_the_start_menu(self) -> None:
        script = Path(__file__).parents[3] / "packaging" / "windows" / "pulse-desktop.iss"
        assert f'AppUserModelID: "{windows_app_id.APP_USER_MODEL_ID}"' in script.read_text()
