"""The window shows the state and logs of the embedded server, and of no other server."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from pulse_desktop.embedded.data_folder import DataFolder
from pulse_desktop.settings_folder import DATA_DIR_VARIABLE
from pulse_desktop.ui.shell.log_window import LogWindow
from tests.e2e.desktop_app import Operator, run_operator
from tests.kit.embedded_server import record_as_embedded
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until


@pytest.fixture
def folder(nats_server: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataFolder:
    """Return a data folder in which a server is recorded as the embedded one."""
    folder = record_as_embedded(nats_server, tmp_path / "data")
    monkeypatch.setenv(DATA_DIR_VARIABLE, str(folder.root))
    return folder


def test_the_embedded_server_is_recognized_by_its_address(
    qapp: QApplication, nats_server: NatsServer, folder: DataFolder
) -> None:
    async def scenario(operator: Operator) -> None:
        bar = operator.window.top_bar
        assert (bar.environment.text(), bar.switcher.full_text) == ("LOCAL", "embedded server")
        session = await operator.desktop.wait_connected()
        await wait_until(lambda: session.server is not None, 10, "its monitoring is read")

    run_operator(qapp, nats_server.url, scenario)


def test_another_server_is_named_by_its_address(
    qapp: QApplication, nats_server: NatsServer, folder: DataFolder
) -> None:
    folder.state_file.unlink()

    async def scenario(operator: Operator) -> None:
        bar = operator.window.top_bar
        assert bar.environment.isHidden()
        available = operator.window.actions_table.available()
        assert not [each for each in available if each.id.startswith("embedded")]
        assert bar.switcher.full_text == nats_server.url.rpartition("/")[2].rpartition("@")[2]

    run_operator(qapp, nats_server.url, scenario)


def test_the_logs_are_shown_in_the_window(
    qapp: QApplication, nats_server: NatsServer, folder: DataFolder
) -> None:
    log = folder.log_of("nats-server")
    log.write_text("[1] [INF] Server is ready\n")

    async def scenario(operator: Operator) -> None:
        palette = operator.window.command_palette
        await operator.act(lambda: palette.field.setText("logs of the embedded"))
        assert palette.titles[0] == "Show logs of the embedded server"
        await operator.act(lambda: QTest.keyClick(palette.field, Qt.Key.Key_Return))
        (logs,) = operator.window.findChildren(LogWindow)
        await wait_until(lambda: "Server is ready" in logs.text.toPlainText())
        with log.open("a") as file:
            file.write("[1] [ERR] one more\n")
        await wait_until(lambda: "one more" in logs.text.toPlainText())

    run_operator(qapp, nats_server.url, scenario)


def test_the_data_folder_is_opened_or_named(
    qapp: QApplication, nats_server: NatsServer, folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []
    answers = iter([True, False])

    def open_url(url: QUrl) -> bool:
        opened.append(Path(url.toLocalFile()))
        return next(answers)

    monkeypatch.setattr(QDesktopServices, "openUrl", open_url)  # no file manager runs here

    async def scenario(operator: Operator) -> None:
        entries = [each.text() for each in operator.window.top_bar.switcher.menu().actions()]
        assert entries[-2:] == ["Show logs of the embedded server", "Open data folder"]
        for _ in range(2):
            await operator.act(lambda: operator.window.actions_table.run("embedded.folder"))
        assert opened == [folder.root] * 2
        assert str(folder.root) in operator.notification.detail

    run_operator(qapp, nats_server.url, scenario)


@pytest.mark.slow
def test_a_stack_that_could_not_start_is_started_again(
    qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "data"
    root.write_text("not a folder")
    monkeypatch.setenv(DATA_DIR_VARIABLE, str(root))

    async def scenario(operator: Operator) -> None:
        def connection() -> str:
            return operator.window.session.connection_status.state

        await wait_until(lambda: connection() == "closed", 30)
        root.unlink()
        ((label, start_again),) = operator.notification.choices
        assert label == "Try again"
        await operator.act(start_again)
        assert connection() == "connecting"
        await wait_until(lambda: operator.desktop.session is not None, 60)
        await operator.session.connection.wait_connected()

    run_operator(qapp, "", scenario)
