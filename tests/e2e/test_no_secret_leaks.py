"""A session uses a secret; afterwards the secret is nowhere that others can see."""

import json
import logging
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import psutil
import pytest
from nats.aio.msg import Msg
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QLineEdit, QWidget

from pulse_desktop.model.connection_options import ConnectionOptions
from pulse_desktop.profiles.profile import Environment, Profile, SecretStorage
from pulse_desktop.profiles.profile_file import FILE_NAME, ProfileFile
from pulse_desktop.settings_folder import CONFIG_DIR_VARIABLE
from tests.e2e.desktop_app import Operator, run_operator
from tests.e2e.program_process import program, run
from tests.kit.cli_process import run_command
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until
from tests.ui.open_widgets import all_widgets

SECRET = "s3cret-b91f4e07"
USERS = (
    "authorization {{ users: [ {{ user: ann, password: '{password}' }}, "
    "{{ user: watcher, password: w }} ] }}"
)


@pytest.fixture
def server() -> Iterator[NatsServer]:
    with NatsServer(config=USERS.format(password=SECRET)) as server:
        yield server


@pytest.fixture
def settings(server: NatsServer, tmp_path: Path) -> Path:
    """A folder of settings with the profile `shop` and its secret."""
    folder = tmp_path / "settings"
    options = ConnectionOptions(server.url, user="ann")
    ProfileFile(folder / FILE_NAME).add(
        Profile(
            "shop",
            options,
            environment=Environment.STAGING,
            monitor_url=server.monitor_url,
            secret="password",
            secret_storage=SecretStorage.FILE,
        )
    )
    (folder / "secrets.json").touch(0o600)
    (folder / "secrets.json").write_text(json.dumps({"shop": SECRET}))
    return folder


@pytest.mark.slow
def test_no_log_file_event_or_command_line_has_the_secret(
    server: NatsServer, settings: Path, tmp_path: Path
) -> None:
    published: list[bytes] = []

    async def record(message: Msg) -> None:
        headers = json.dumps(message.headers or {}).encode()
        published.append(message.subject.encode() + message.data + headers)

    async def connections() -> str:
        async with httpx.AsyncClient() as client:
            return (await client.get(f"{server.monitor_url}/connz")).text

    environment = {CONFIG_DIR_VARIABLE: str(settings), "QT_QPA_PLATFORM": "offscreen"}
    words = ("pulse_desktop", "--profile", "shop")
    log = tmp_path / "data" / "logs" / "window.log"

    async def scenario() -> None:
        watcher = await connect(server.url, user="watcher", password="w")
        await watcher.subscribe(">", cb=record)
        await watcher.flush()
        with program(*words, folder=tmp_path, **environment) as window:
            await wait_until(lambda: log.exists() and ": connected" in log.read_text(), 30)
            assert '"name":"pulse-desktop"' in (await connections()).replace('": "', '":"')
            env = {**environment, "PULSE_DATA_DIR": str(tmp_path / "data"), "PATH": "/usr/bin:/bin"}
            for command in (("run", "demo", "--force"), ("status",), ("doctor",)):
                done = run_command(*command, "--profile", "shop", "--json", env=env)
                assert SECRET not in f"{done}"
            children = psutil.Process(window.process.pid).children(recursive=True)
            for process in (psutil.Process(window.process.pid), *children):
                assert SECRET not in " ".join(process.cmdline())
                assert SECRET not in json.dumps(process.environ())
            await wait_until(lambda: any(b"task" in each for each in published))
            await watcher.close()
            server.stop()
            await wait_until(lambda: "reconnecting" in log.read_text(), 20)
            window.process.send_signal(signal.SIGTERM)
            await window.wait_for_exit()
            assert SECRET not in window.output

    run(scenario())
    with NatsServer(config=USERS.format(password="another")) as stranger:
        file = ProfileFile(settings / FILE_NAME)
        options = ConnectionOptions(stranger.url, user="ann")
        file.replace("shop", replace(file.get("shop"), options=options))
        env = {**environment, "PULSE_DATA_DIR": str(tmp_path / "data"), "PATH": "/usr/bin:/bin"}
        refused = run_command("status", "--profile", "shop", env=env)
        assert "refused these credentials" in refused.err
        assert SECRET not in f"{refused}"
    assert published
    assert not [each for each in published if SECRET.encode() in each]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert log in files
    holders = [path.name for path in files if SECRET.encode() in path.read_bytes()]
    assert holders == ["secrets.json"]


def test_no_text_of_the_window_has_the_secret(
    qapp: QApplication,
    nats_server: NatsServer,
    settings: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv(CONFIG_DIR_VARIABLE, str(settings))
    caplog.set_level(logging.DEBUG)

    def texts(widget: QWidget) -> list[str]:
        return [
            *(widget.windowTitle(), widget.toolTip(), widget.accessibleName()),
            *([widget.text()] if isinstance(widget, QLabel | QLineEdit | QAbstractButton) else []),
        ]

    async def scenario(operator: Operator) -> None:
        window = operator.window
        await operator.act(lambda: window.actions_table.run("connections.switch.shop"))
        await wait_until(lambda: "shop" in window.windowTitle())
        await wait_until(lambda: operator.desktop.session is not None)
        await wait_until(lambda: operator.session.connection.connected)
        assert operator.session.config.profile.options.password == SECRET
        assert SECRET not in repr(operator.session.config)
        for each in all_widgets():
            assert not [text for text in texts(each) if SECRET in text]

    run_operator(qapp, nats_server.url, scenario)
    assert SECRET not in caplog.text
