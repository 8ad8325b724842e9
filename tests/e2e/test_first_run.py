"""The first run asks what to watch, once; what is chosen opens next time."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from pulse_desktop.app.desktop import Desktop
from pulse_desktop.profiles.profile import Environment, SecretStorage, server_profile
from pulse_desktop.profiles.profile_file import FILE_NAME, ProfileFile
from pulse_desktop.settings_folder import CONFIG_DIR_VARIABLE
from pulse_desktop.ui.connections.connections_window import ConnectionsWindow
from pulse_desktop.ui.connections.first_run import FirstRunWindow
from pulse_desktop.ui.connections.form_fields import select
from pulse_desktop.ui.connections.import_preview import ImportPreview
from pulse_desktop.ui.connections.password_prompt import PasswordPrompt
from pulse_desktop.ui.shell.window_state import WindowStateFile
from tests.e2e.desktop_app import Operator, run_operator
from tests.kit.memory_keyring import MemoryKeyring
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import POLL, wait_until

PASSWORD = "hunter22"


@pytest.fixture
def memory_keyring() -> Iterator[MemoryKeyring]:
    before = keyring.get_keyring()
    ring = MemoryKeyring()
    keyring.set_keyring(ring)
    yield ring
    keyring.set_keyring(before)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of settings, and no contexts of the NATS CLI."""
    monkeypatch.setenv(CONFIG_DIR_VARIABLE, str(tmp_path / "settings"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "settings"


def open_desktop(settings: Path) -> Desktop:
    desktop = Desktop(state_file=WindowStateFile(settings / "window.json"))
    desktop.open()
    return desktop


def question(operator: Operator) -> FirstRunWindow:
    first_run = operator.desktop.first_run
    assert first_run is not None
    assert first_run.window.isVisible()
    return first_run.window


def test_a_server_is_entered_once_and_waited_for(qapp: QApplication, settings: Path) -> None:
    server = NatsServer(user="bob", password=PASSWORD)
    server.start()
    server.stop()

    async def first(operator: Operator) -> None:
        assert not operator.window.isVisible()
        await operator.click(question(operator).server)
        (form,) = operator.window.findChildren(ConnectionsWindow)
        await operator.act(lambda: form.form.servers.setText(server.url))
        await operator.act(lambda: select(form.form.storage, SecretStorage.ASK))
        await operator.click(form.connect_button)
        # The login that was pasted with the address is in the fields of the login.
        assert form.form.servers.text() == f"nats://{server.address}"
        assert (form.form.user.text(), form.form.secret.text()) == ("bob", PASSWORD)
        await wait_until(operator.window.isVisible)
        assert operator.desktop.first_run is None
        await wait_until(lambda: "Not connected yet" in operator.window.banner.title.text())
        assert "connected" not in operator.window.top_bar.state.full_text
        server.start()
        await wait_until(lambda: "connected" in operator.window.top_bar.state.full_text)
        # An edited connection with the same login does not ask for its secret again.
        assert operator.window.actions_table.run("connections.manage")
        await operator.act(lambda: select(form.form.environment, Environment.STAGING))
        await operator.click(form.connect_button)
        await wait_until(lambda: "(staging)" in operator.window.windowTitle())
        await wait_until(lambda: "connected" in operator.window.top_bar.state.full_text)
        assert not operator.window.findChildren(PasswordPrompt)

    async def second(operator: Operator) -> None:
        assert operator.desktop.first_run is None
        assert "127.0.0.1" in operator.window.windowTitle()
        await wait_until(lambda: operator.window.findChildren(PasswordPrompt))
        (prompt,) = operator.window.findChildren(PasswordPrompt)
        await wait_until(prompt.isVisible)
        await operator.act(lambda: QTest.keyClicks(prompt.field, PASSWORD))
        await operator.act(lambda: QTest.keyClick(prompt.field, Qt.Key.Key_Return))
        await wait_until(lambda: "connected" in operator.window.top_bar.state.full_text)

    try:
        run_operator(qapp, "", first, open_desktop=lambda: open_desktop(settings))
        run_operator(qapp, "", second, open_desktop=lambda: open_desktop(settings))
    finally:
        server.close()
    assert PASSWORD not in "".join(each.read_text() for each in settings.iterdir())


class LateKeyring(MemoryKeyring):
    """Stores a secret only once the program is closing its windows."""

    def __init__(self) -> None:
        super().__init__()
        self.desktop: Desktop | None = None

    def set_password(self, service: str, username: str, password: str) -> None:
        deadline = time.monotonic() + 10
        while self.desktop is not None and self.desktop.windows:
            assert time.monotonic() < deadline, "the program was not closed"
            time.sleep(POLL)
        super().set_password(service, username, password)


@pytest.fixture
def late_keyring() -> Iterator[LateKeyring]:
    before = keyring.get_keyring()
    ring = LateKeyring()
    keyring.set_keyring(ring)
    yield ring
    keyring.set_keyring(before)


@pytest.mark.slow
def test_what_is_still_being_saved_when_it_is_closed_is_not_asked_again(
    qapp: QApplication, settings: Path, late_keyring: LateKeyring
) -> None:
    async def leave(operator: Operator) -> None:
        late_keyring.desktop = operator.desktop
        first_run = question(operator)
        await operator.click(first_run.server)
        (form,) = operator.window.findChildren(ConnectionsWindow)
        await operator.act(lambda: form.form.servers.setText("nats://bob:hunter22@127.0.0.1:1"))
        await operator.act(lambda: form.form.name.setText("mine"))
        await operator.act(lambda: select(form.form.storage, SecretStorage.KEYRING))
        await operator.click(form.connect_button)
        await wait_until(lambda: not form.form.isEnabled())
        await operator.act(first_run.reject)

    run_operator(qapp, "", leave, open_desktop=lambda: open_desktop(settings))
    assert late_keyring.passwords == {("pulse-desktop", "mine"): PASSWORD}

    async def come_back(operator: Operator) -> None:
        assert operator.desktop.first_run is None
        assert "mine" in operator.window.windowTitle()

    run_operator(qapp, "", come_back, open_desktop=lambda: open_desktop(settings))


@pytest.mark.slow
def test_a_save_that_ends_after_its_window_is_closed_is_followed_by_none(
    qapp: QApplication, settings: Path, late_keyring: LateKeyring
) -> None:
    file = ProfileFile(settings / FILE_NAME)
    for name in ("eu", "lab"):
        file.add(server_profile("nats://127.0.0.1:1", name=name))
    (settings / "window.json").write_text('{"shown": "eu", "windows": ["lab"]}')

    async def leave(operator: Operator) -> None:
        late_keyring.desktop = operator.desktop
        lab = operator.desktop.windows[1].window
        await operator.act(lab.connections.manage_requested.emit)
        (form,) = lab.findChildren(ConnectionsWindow)
        await operator.act(lambda: form.list.setCurrentRow(0))
        await operator.act(lambda: form.form.servers.setText("nats://bob:hunter22@127.0.0.1:1"))
        await operator.act(lambda: form.form.name.setText("europe"))
        await operator.act(lambda: select(form.form.storage, SecretStorage.KEYRING))
        await operator.click(form.connect_button)
        await wait_until(lambda: not form.form.isEnabled())

    run_operator(qapp, "", leave, open_desktop=lambda: open_desktop(settings))
    assert set(file.read().by_name) == {"europe", "lab"}
    state = WindowStateFile(settings / "window.json").state
    assert (state.shown, state.windows) == ("europe", ["lab"])


def test_closing_it_without_a_choice_asks_again(qapp: QApplication, settings: Path) -> None:
    async def scenario(operator: Operator) -> None:
        await operator.act(question(operator).reject)
        assert operator.desktop.stopped.is_set()

    run_operator(qapp, "", scenario, open_desktop=lambda: open_desktop(settings))
    ProfileFile(settings / FILE_NAME).add(server_profile("nats://shop", name="shop"))
    run_operator(qapp, "", scenario, open_desktop=lambda: open_desktop(settings))


def test_a_context_is_used_directly_and_imported_after_a_preview(
    qapp: QApplication,
    nats_server: NatsServer,
    settings: Path,
    monkeypatch: pytest.MonkeyPatch,
    memory_keyring: MemoryKeyring,
) -> None:
    folder = settings.parent / "config" / "nats" / "context"
    folder.mkdir(parents=True)
    context = {"url": nats_server.url, "user": "bob", "password": PASSWORD}
    (folder / "shop.json").write_text(json.dumps(context))
    (folder / "old.json").write_text(json.dumps({"nsc": "nsc://operator/account/user"}))
    before = {each.name: each.stat().st_mtime_ns for each in folder.iterdir()}
    profiles = ProfileFile(settings / FILE_NAME)

    async def scenario(operator: Operator) -> None:
        window = question(operator)
        assert not window.contexts["old"].isEnabled()
        assert "nsc" in window.contexts["old"].toolTip()
        await operator.click(window.contexts["shop"])
        await wait_until(lambda: "connected" in operator.window.top_bar.state.full_text)
        assert "nats:shop" in operator.window.windowTitle()
        assert "connections.switch.nats:shop" in operator.window.actions_table

        (connections,) = operator.window.findChildren(ConnectionsWindow)
        await operator.act(connections.import_requested.emit)
        (preview,) = connections.findChildren(ImportPreview)
        await wait_until(preview.isVisible)
        table = preview.table
        model = table.model()
        cells = {
            model.index(row, 0).data(): [model.index(row, column).data() for column in (2, 3)]
            for row in range(model.rowCount())
        }
        assert cells["shop"] == ["New.", "Password of bob: in the keyring of this system"]
        assert "logins by nsc are not supported" in cells["old"][0]
        await operator.click(preview.import_button)
        await wait_until(lambda: not preview.isVisible())
        await operator.act(connections.import_requested.emit)
        assert model.index(0, 2).data() == "The same as here."
        assert preview.chosen == []
        await operator.act(preview.reject)

    run_operator(qapp, "", scenario, open_desktop=lambda: open_desktop(settings))
    assert profiles.get("shop").options.user == "bob"
    assert PASSWORD not in profiles.path.read_text()
    assert memory_keyring.passwords == {("pulse-desktop", "shop"): PASSWORD}
    assert {each.name: each.stat().st_mtime_ns for each in folder.iterdir()} == before


def test_the_server_of_the_window_is_saved_with_its_login(
    qapp: QApplication, settings: Path, memory_keyring: MemoryKeyring
) -> None:
    async def scenario(operator: Operator) -> None:
        menu = operator.window.actions_table
        await wait_until(lambda: "connected" in operator.window.top_bar.state.full_text)
        assert menu.run("connections.save")
        (window,) = operator.window.findChildren(ConnectionsWindow)
        assert (window.form.user.text(), window.form.secret.text()) == ("bob", PASSWORD)
        await operator.act(lambda: window.form.name.setText("mine"))
        await operator.click(window.connect_button)
        await wait_until(lambda: "mine" in operator.window.windowTitle())
        assert not menu.is_enabled("connections.save")

        assert menu.run("connections.start")
        profile = ProfileFile(settings / FILE_NAME).get("mine")
        assert (profile.options.user, profile.secret) == ("bob", "password")
        operator.desktop.start_connection.rename("mine", "yours")
        assert operator.desktop.start_connection.name == "yours"

    def open_server() -> Desktop:
        state_file = WindowStateFile(settings / "window.json")
        desktop = Desktop(server_profile(server.url), state_file=state_file)
        desktop.window.show()
        desktop.start()
        return desktop

    with NatsServer(user="bob", password=PASSWORD) as server:
        run_operator(qapp, "", scenario, open_desktop=open_server)
    assert memory_keyring.passwords == {("pulse-desktop", "mine"): PASSWORD}
    assert PASSWORD not in "".join(each.read_text() for each in settings.glob("*.*"))


def test_a_start_connection_that_is_gone_can_be_tried_again(
    qapp: QApplication, nats_server: NatsServer, settings: Path
) -> None:
    def open_gone() -> Desktop:
        state_file = WindowStateFile(settings / "window.json")
        state_file.state.connection = "shop"
        desktop = Desktop(state_file=state_file)
        desktop.open()
        return desktop

    async def scenario(operator: Operator) -> None:
        file = ProfileFile(settings / FILE_NAME)
        assert operator.notification.title == "No such profile: shop"
        assert "pulse-desktop" not in operator.notification.advice
        try_now = operator.window.banner.buttons["try"]
        await wait_until(try_now.isVisible)
        await operator.click(try_now)
        assert operator.notification.title == "No such profile: shop", "it was looked for again"
        file.add(server_profile(nats_server.url, nats_server.monitor_url, name="shop"))
        await wait_until(try_now.isVisible)
        await operator.click(try_now)
        await operator.desktop.windows[0].wait_connected(20)
        assert "shop" in operator.window.windowTitle()

    settings.mkdir()
    (settings / "window.json").write_text('{"connection": "shop"}')
    run_operator(qapp, "", scenario, open_desktop=open_gone)


@pytest.mark.slow
def test_a_start_connection_that_is_gone_opens_no_more_once_another_is_chosen(
    qapp: QApplication, settings: Path
) -> None:
    ProfileFile(settings / FILE_NAME).add(server_profile("nats://127.0.0.1:1", name="eu"))
    (settings / "window.json").write_text('{"connection": "shop"}')

    async def choose(operator: Operator) -> None:
        assert operator.desktop.start_connection.chosen == "shop"
        await operator.act(lambda: operator.window.actions_table.run("connections.switch.eu"))
        assert operator.notification.title == "shop does not open at the start any more"
        assert operator.desktop.start_connection.chosen == ""

    async def come_back(operator: Operator) -> None:
        await wait_until(lambda: "eu" in operator.window.windowTitle())

    for scenario in (choose, come_back):
        run_operator(qapp, "", scenario, open_desktop=lambda: open_desktop(settings))


@pytest.mark.slow
def test_windows_are_remembered_while_the_profiles_cannot_be_read(
    qapp: QApplication, settings: Path
) -> None:
    file = ProfileFile(settings / FILE_NAME)
    for name in ("eu", "lab"):
        file.add(server_profile("nats://127.0.0.1:1", name=name))
    good = file.path.read_text()
    (settings / "window.json").write_text('{"shown": "eu", "windows": ["gone", "lab"]}')
    file.path.write_text("version = 1\n[profiles.eu\n")

    async def look(operator: Operator) -> None:
        assert len(operator.desktop.windows) == (1 if file.path.read_text() != good else 2)

    run_operator(qapp, "", look, open_desktop=lambda: open_desktop(settings))
    file.path.write_text(good)
    run_operator(qapp, "", look, open_desktop=lambda: open_desktop(settings))
    state = WindowStateFile(settings / "window.json").state
    assert (state.shown, state.windows) == ("eu", ["lab"])


@pytest.mark.parametrize(
    ("file", "content", "notice"),
    [
        ("window.json", '{"connection": "prod",', "The settings of the window cannot be read"),
        (FILE_NAME, "version = 1\n[profiles.prod\n", "The profiles cannot be read"),
    ],
)
def test_a_damaged_file_opens_nothing_that_was_not_chosen(
    qapp: QApplication, settings: Path, file: str, content: str, notice: str
) -> None:
    settings.mkdir()
    (settings / file).write_text(content)

    async def scenario(operator: Operator) -> None:
        await operator.act(lambda: None)
        assert operator.desktop.session is None
        assert operator.desktop.embedded.stack is None
        titles = [each.title for each in operator.window.notifications.shown]
        assert titles == [notice, "It is not known which connection to open"]

    run_operator(qapp, "", scenario, open_desktop=lambda: open_desktop(settings))


def test_a_damaged_file_opens_few_windows_and_names_no_long_profile(
    qapp: QApplication, settings: Path
) -> None:
    profiles = ProfileFile(settings / FILE_NAME)
    profiles.add(server_profile("nats://127.0.0.1:1", name="shop"))
    state = {"connection": "x" * 10_000, "windows": ["y" * 10_000] * 100 + ["shop"]}
    (settings / "window.json").write_text(json.dumps(state))

    async def scenario(operator: Operator) -> None:
        assert len(operator.desktop.windows) == 1
        assert all(len(each.title) < 200 for each in operator.window.notifications.shown)

    run_operator(qapp, "", scenario, open_desktop=lambda: open_desktop(settings))
