"""The connection test in the window: what is typed is tested, and the banner diagnoses."""

import asyncio
from pathlib import Path

import psutil
import pytest
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from pulse_desktop.app import profile_editor
from pulse_desktop.model.connection_options import ConnectionOptions
from pulse_desktop.model.connection_step import StepKind, StepStatus
from pulse_desktop.profiles.profile import Profile, SecretStorage, server_profile
from pulse_desktop.profiles.profile_file import FILE_NAME, ProfileFile
from pulse_desktop.settings_folder import CONFIG_DIR_VARIABLE
from pulse_desktop.ui.connections.connections_window import ConnectionsWindow
from pulse_desktop.ui.connections.password_prompt import PasswordPrompt
from pulse_desktop.ui.shell.window_placement import bring_to_front
from tests.e2e.desktop_app import Operator, run_operator
from tests.kit.connection_steps import SilentServer
from tests.kit.login_servers import SECRET, free_port
from tests.kit.lying_server import LyingServer
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProfileFile:
    """The file of the profiles, still empty."""
    monkeypatch.setenv(CONFIG_DIR_VARIABLE, str(tmp_path / "settings"))
    return ProfileFile(tmp_path / "settings" / FILE_NAME)


def editor_of(operator: Operator) -> ConnectionsWindow:
    (window,) = operator.window.findChildren(ConnectionsWindow)
    return window


def failed(window: ConnectionsWindow) -> list[StepKind]:
    return [each.kind for each in window.panel.steps if each.status is StepStatus.FAILED]


def test_what_is_typed_is_tested_until_it_connects(
    qapp: QApplication, nats_server: NatsServer, stored: ProfileFile
) -> None:
    async def scenario(operator: Operator) -> None:
        with NatsServer(user="ann", password=SECRET) as locked:
            options = ConnectionOptions(f"nats://{locked.address}", user="ann")
            fields = {"secret": "password", "secret_storage": SecretStorage.ASK}
            stored.add(Profile("shop", options, **fields))  # type: ignore[arg-type]
            await operator.act(operator.window.connections.manage_requested.emit)
            window = editor_of(operator)
            await operator.act(lambda: window.list.setCurrentRow(0))
            await operator.act(lambda: QTest.keyClicks(window.form.secret, "wr0ng"))
            await operator.click(window.test)
            await wait_until(lambda: window.panel.summary.text() == "Cannot connect")
            assert failed(window) == [StepKind.LOGIN]
            await operator.act(window.form.secret.clear)
            await operator.act(lambda: QTest.keyClicks(window.form.secret, SECRET))
            assert "changed since" in window.panel.summary.text()
            await operator.click(window.test)
            connected = "Connected; everything is permitted"
            await wait_until(lambda: window.panel.summary.text() == connected)
            assert stored.get("shop").options == options, "nothing was saved"

            # A stored secret is not sent to another address.
            window.form.storage.choose(SecretStorage.FILE)
            await operator.click(window.save)
            await wait_until(lambda: stored.get("shop").secret_storage is SecretStorage.FILE)
            await wait_until(window.form.isEnabled)
            await operator.click(window.test)
            await wait_until(lambda: window.panel.summary.text() == connected)
            assert window.form.secret.placeholderText().startswith("stored")
            await operator.act(window.form.servers.clear)
            await operator.act(
                lambda: QTest.keyClicks(
                    window.form.servers, locked.address.replace("127.0.0.1", "localhost")
                )
            )
            assert "not used for this server" in window.form.secret.placeholderText()
            await operator.click(window.test)
            await wait_until(lambda: operator.window.findChildren(PasswordPrompt))
            (prompt,) = operator.window.findChildren(PasswordPrompt)
            assert prompt.field.text() == ""
            assert prompt.parent() is window, "the focus returns to where the test was started"
            await operator.act(prompt.reject)
            await wait_until(lambda: "is incomplete" in window.panel.summary.text())

    run_operator(qapp, nats_server.url, scenario, nats_server.monitor_url)


def test_a_test_that_is_stopped_at_once_never_starts(
    qapp: QApplication, nats_server: NatsServer, stored: ProfileFile
) -> None:
    async def scenario(operator: Operator) -> None:
        async with SilentServer() as silent:
            stored.add(server_profile(f"nats://127.0.0.1:{silent.port}", name="silent"))
            await operator.act(operator.window.connections.manage_requested.emit)
            window = editor_of(operator)

            def start_and_stop() -> None:
                window.test.click()
                window.test.click()

            await operator.act(start_and_stop)
            assert window.panel.summary.text() == "Stopped"
            names = {each.get_name() for each in asyncio.all_tasks()}
            assert "connection test" not in names
            assert window.panel.steps == []

    run_operator(qapp, nats_server.url, scenario, nats_server.monitor_url)


@pytest.mark.slow
def test_a_stopped_test_leaves_no_connection(
    qapp: QApplication, nats_server: NatsServer, stored: ProfileFile
) -> None:
    async def scenario(operator: Operator) -> None:
        async with SilentServer() as silent:
            stored.add(server_profile(f"nats://127.0.0.1:{silent.port}", name="silent"))
            await operator.act(operator.window.connections.manage_requested.emit)
            window = editor_of(operator)
            await operator.act(lambda: window.list.setCurrentRow(0))
            await operator.click(window.test)
            await wait_until(lambda: silent.open_connections == 1)
            await operator.click(window.test)
            assert window.panel.summary.text() == "Stopped"
            await wait_until(lambda: silent.open_connections == 0)
            await operator.click(window.test)
            await wait_until(lambda: silent.open_connections == 1)
            await operator.act(window.close)
            await wait_until(lambda: silent.open_connections == 0)
            ports = [each.raddr.port for each in psutil.Process().net_connections() if each.raddr]
            assert silent.port not in ports

    run_operator(qapp, nats_server.url, scenario, nats_server.monitor_url)


@pytest.mark.usefixtures("stored")
def test_diagnose_tests_the_connection_that_is_shown(qapp: QApplication) -> None:
    closed = f"127.0.0.1:{free_port()}"

    async def scenario(operator: Operator) -> None:
        banner = operator.window.banner
        await wait_until(banner.isVisible)
        await operator.click(banner.buttons["diagnose"])
        window = editor_of(operator)
        await wait_until(window.isVisible)
        assert window.form.servers.text() == f"nats://{closed}"
        await wait_until(lambda: window.panel.summary.text() == "Cannot connect")
        assert failed(window) == [StepKind.TCP]
        assert not any(SECRET in repr(each) for each in window.panel.steps)

    run_operator(qapp, f"nats://ann:{SECRET}@{closed}", scenario)


@pytest.mark.slow
def test_diagnose_goes_to_the_refused_password_in_a_window_that_is_active_late(
    qapp: QApplication, stored: ProfileFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bring_to_front_late(window: QWidget) -> None:
        asyncio.get_running_loop().call_soon(bring_to_front, window)

    monkeypatch.setattr(profile_editor, "bring_to_front", bring_to_front_late)
    with NatsServer(user="ann", password=SECRET) as locked:
        options = ConnectionOptions(f"nats://{locked.address}", user="ann")
        shop = Profile("shop", options, secret="password")
        stored.add(shop)

        async def scenario(operator: Operator) -> None:
            (shown,) = operator.desktop.windows
            await operator.act(lambda: shown.show_profile(shop.with_secret("wr0ng")))
            diagnose = operator.window.banner.buttons["diagnose"]
            await wait_until(diagnose.isVisible)
            await operator.click(diagnose)
            window = editor_of(operator)
            await wait_until(lambda: window.panel.summary.text() == "Cannot connect")
            assert failed(window) == [StepKind.LOGIN]
            assert window.focusWidget() is window.form.secret

        run_operator(qapp, locked.url, scenario)


@pytest.mark.slow
def test_a_server_that_a_session_would_refuse_is_not_connected(
    qapp: QApplication, nats_server: NatsServer, stored: ProfileFile
) -> None:
    async def scenario(operator: Operator) -> None:
        async with LyingServer() as lying:
            stored.add(server_profile(f"nats://127.0.0.1:{lying.port}", name="shop"))
            await operator.act(operator.window.connections.manage_requested.emit)
            window = editor_of(operator)
            await operator.act(lambda: window.list.setCurrentRow(0))
            await operator.click(window.test)
            await wait_until(lambda: window.panel.summary.text() == "Cannot connect")
            assert failed(window) == [StepKind.JETSTREAM]

    run_operator(qapp, nats_server.url, scenario, nats_server.monitor_url)
