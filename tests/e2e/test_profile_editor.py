"""What is changed in the window of the connections applies to the windows that show it."""

import math
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from keyring.errors import KeyringLocked
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel

from pulse_desktop.model.connection_options import ConnectionOptions
from pulse_desktop.profiles.profile import Environment, Profile, SecretStorage
from pulse_desktop.profiles.profile_file import FILE_NAME, ProfileFile
from pulse_desktop.settings_folder import CONFIG_DIR_VARIABLE
from pulse_desktop.ui.connections.connections_window import ConnectionsWindow
from pulse_desktop.ui.connections.password_prompt import PasswordPrompt
from pulse_desktop.ui.shell.confirmation import AllowActionsDialog
from pulse_desktop.ui.shell.window_state import WindowStateFile
from pulse_desktop.ui.widgets.question_dialog import QuestionDialog
from tests.e2e.desktop_app import LEFT, Operator, run_operator
from tests.kit.memory_keyring import MemoryKeyring, memory_keyring
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until


@pytest.fixture(autouse=True)
def profiles(
    nats_server: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ProfileFile:
    """Two profiles of a server, `eu` and `vault`, whose password is asked for; one not valid."""
    monkeypatch.setenv(CONFIG_DIR_VARIABLE, str(tmp_path / "settings"))
    monitor, url = nats_server.monitor_url, nats_server.url
    file = ProfileFile(tmp_path / "settings" / FILE_NAME)
    file.add(Profile("eu", ConnectionOptions(url), environment=Environment.PRODUCTION))
    vault = ConnectionOptions(url, user="ann")
    file.add(Profile("vault", vault, monitor_url=monitor, secret="password"))
    with file.path.open("a") as text:
        text.write('[profiles.old]\ncolor = "pink"\n')
    return file


async def manage(operator: Operator) -> ConnectionsWindow:
    await operator.act(lambda: operator.window.actions_table.run("connections.manage"))
    (window,) = operator.window.findChildren(ConnectionsWindow)
    assert window.isVisible()
    return window


def says(window: ConnectionsWindow, text: str) -> bool:
    return any(text in each.text() for each in window.findChildren(QLabel) if each.isVisible())


def test_a_change_applies_to_the_window_that_shows_the_profile(
    qapp: QApplication, nats_server: NatsServer, tmp_path: Path
) -> None:
    async def scenario(operator: Operator) -> None:
        shown = operator.desktop.windows[0]
        await operator.act(lambda: operator.window.actions_table.run("connections.switch.eu"))
        await shown.wait_connected(20)
        window = await manage(operator)
        form = window.form
        assert form.name.text() == "eu"
        await operator.act(lambda: operator.window.show_page("tasks"))
        await operator.act(lambda: operator.page.filter_bar.set_filter({"failed"}, "report"))
        await operator.act(form.read_only.click)
        await operator.act(lambda: QTest.keyClicks(form.name, " west"))
        await operator.act(window.save.click)
        await wait_until(lambda: says(window, "Saved, and used by its window from now on."))
        assert "eu west (production)" in operator.window.windowTitle()
        await shown.wait_connected(20)
        assert operator.page.filter_bar.text == "report"
        assert operator.session.read_only
        assert operator.window.top_bar.read_only.text() == "Read-only"
        await operator.act(window.save.click)
        await wait_until(lambda: says(window, "Saved."))
        assert operator.desktop.session is operator.session, "nothing has changed"

        await operator.act(window.close)
        lock = operator.window.top_bar.read_only
        for accept, read_only in ((False, True), (True, False)):
            await operator.click(lock)
            await wait_until(lambda: operator.window.findChildren(AllowActionsDialog))
            (dialog,) = operator.window.findChildren(AllowActionsDialog)
            assert says_production(dialog)
            await operator.act(dialog.accept if accept else dialog.reject)
            assert operator.session.read_only is read_only
            await wait_until(lambda: not operator.window.findChildren(AllowActionsDialog))
        await operator.click(lock)
        assert operator.session.read_only, "to be careful needs no question"

    state = WindowStateFile(tmp_path / "window.json")
    run_operator(qapp, nats_server.url, scenario, nats_server.monitor_url, state)
    assert "eu" not in WindowStateFile(tmp_path / "window.json").state.profiles


def says_production(dialog: AllowActionsDialog) -> bool:
    return "production" in dialog.windowTitle() and "PRODUCTION" in dialog.badge.text()


def test_a_typed_secret_is_used_and_not_asked_for_again(
    qapp: QApplication, nats_server: NatsServer, profiles: ProfileFile
) -> None:
    async def scenario(operator: Operator) -> None:
        window = await manage(operator)
        form = window.form
        assert form.name.text() == "eu", "the window shows no stored profile: the first one"
        assert window.list.item(2).text() == "old: not valid"
        await operator.act(lambda: window.list.setCurrentRow(2))
        assert says(window, f"Correct it in {profiles.path}, or remove it.")
        row = window.list.visualItemRect(window.list.item(1)).center()
        await operator.act(lambda: QTest.mouseClick(window.list.viewport(), LEFT, pos=row))
        assert form.name.text() == "vault"
        await operator.act(lambda: QTest.keyClicks(form.secret, "typed"))
        await operator.act(lambda: QTest.keyClick(form.secret, Qt.Key.Key_Return))
        await wait_until(lambda: "vault" in operator.window.windowTitle())
        await operator.desktop.windows[0].wait_connected(20)
        assert operator.session.config.profile.options.password == "typed"

        window = await manage(operator)
        await operator.act(form.confirm.click)
        await operator.act(window.save.click)
        await wait_until(lambda: operator.session.config.profile.confirm)
        await operator.desktop.windows[0].wait_connected(20)
        assert operator.session.config.profile.options.password == "typed"
        assert not operator.window.findChildren(PasswordPrompt)

        await operator.act(lambda: QTest.keyClicks(form.secret, "new"))
        await operator.act(window.save.click)
        await wait_until(lambda: operator.session.config.profile.options.password == "new")
        await operator.desktop.windows[0].wait_connected(20)

        form.servers.end(False)
        await operator.act(lambda: QTest.keyClicks(form.servers, ",nats://127.0.0.1:1"))
        await operator.act(window.save.click)
        await wait_until(lambda: operator.window.findChildren(PasswordPrompt))
        assert "127.0.0.1:1" in profiles.get("vault").options.servers, "it was for another server"

    run_operator(qapp, nats_server.url, scenario, nats_server.monitor_url)


def test_nothing_is_typed_while_a_profile_is_removed_and_a_secret_that_is_left_is_told(
    qapp: QApplication,
    nats_server: NatsServer,
    profiles: ProfileFile,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vault = profiles.get("vault")
    profiles.replace("vault", replace(vault, secret_storage=SecretStorage.KEYRING))
    may_answer = threading.Event()

    def refuse_late(_ring: MemoryKeyring, _service: str, _username: str) -> None:
        may_answer.wait(30)
        raise KeyringLocked

    monkeypatch.setattr(MemoryKeyring, "delete_password", refuse_late)

    async def scenario(operator: Operator) -> None:
        window = await manage(operator)
        await operator.act(lambda: window.list.setCurrentRow(1))
        await operator.act(lambda: window.remove_requested.emit("vault"))
        (question,) = window.findChildren(QuestionDialog)
        await operator.act(question.accept)
        await wait_until(lambda: not window.form.isEnabled())
        may_answer.set()
        await wait_until(lambda: says(window, "the stored secret could not be deleted"))
        assert says(window, "it is locked")
        assert window.form.isEnabled()
        assert list(profiles.read().by_name) == ["eu"]

    with memory_keyring():
        run_operator(qapp, nats_server.url, scenario, nats_server.monitor_url)


def test_a_mistyped_password_is_asked_for_again_and_not_repeated(
    qapp: QApplication, profiles: ProfileFile
) -> None:
    with NatsServer(user="bob", password="right-1f") as server:
        options = ConnectionOptions(f"nats://{server.address}", user="bob")
        profiles.add(Profile("shop", options, secret="password"))

        async def answer(operator: Operator, text: str) -> None:
            await wait_until(lambda: operator.window.findChildren(PasswordPrompt))
            (prompt,) = operator.window.findChildren(PasswordPrompt)
            prompt.field.setText(text)
            await operator.act(prompt.accept if text else prompt.reject)
            await wait_until(lambda: not operator.window.findChildren(PasswordPrompt))

        async def scenario(operator: Operator) -> None:
            window, banner = operator.window, operator.window.banner
            await operator.act(lambda: window.actions_table.run("connections.switch.shop"))
            await answer(operator, "")
            await wait_until(lambda: not banner.isHidden())
            assert banner.detail.text().startswith("Its password is not stored here.")
            assert window.notifications.shown == [], "the banner says it"
            assert window.top_bar.state.full_text == "closed"
            await operator.click(banner.buttons["try"])
            await answer(operator, "wr0ng-1f")
            again = banner.buttons["secret"]
            await wait_until(again.isVisible)
            assert again.text() == "Enter the password…"
            assert "Check the user and password." in banner.detail.text()
            assert window.session.connection_status.next_try_at == math.inf
            assert banner.next_try.isHidden()
            for asking in (again, banner.buttons["try"]):
                await operator.click(asking)
                await answer(operator, "")
                assert window.session.connection_status.attempts == 1
            await operator.click(again)
            await answer(operator, "right-1f")
            await operator.desktop.windows[0].wait_connected(20)

        run_operator(qapp, server.url, scenario)


@pytest.mark.parametrize(
    "storage", [SecretStorage.ASK, pytest.param(SecretStorage.FILE, marks=pytest.mark.slow)]
)
def test_a_mistyped_password_is_not_sent_again_after_another_field_is_edited(
    qapp: QApplication, profiles: ProfileFile, storage: SecretStorage
) -> None:
    with NatsServer(user="bob", password="right-1f") as server:
        options = ConnectionOptions(f"nats://{server.address}", user="bob")
        profiles.add(Profile("shop", options, secret="password", secret_storage=storage))

        async def scenario(operator: Operator) -> None:
            window = await manage(operator)
            shop = window.list.findItems("shop", Qt.MatchFlag.MatchStartsWith)[0]
            await operator.act(lambda: window.list.setCurrentItem(shop))
            await operator.act(lambda: QTest.keyClicks(window.form.secret, "wr0ng-1f"))
            await operator.act(window.connect_button.click)
            again = operator.window.banner.buttons["secret"]
            await wait_until(again.isVisible)
            refused = server.log().count("authentication error")

            window = await manage(operator)
            await operator.act(window.form.confirm.click)
            await operator.act(window.save.click)
            await wait_until(lambda: operator.window.findChildren(PasswordPrompt))
            (prompt,) = operator.window.findChildren(PasswordPrompt)
            assert server.log().count("authentication error") == refused
            prompt.field.setText("right-1f")
            await operator.act(prompt.accept)
            await operator.desktop.windows[0].wait_connected(20)

        run_operator(qapp, server.url, scenario)


def test_what_a_closed_window_saves_is_stored_and_its_unsaved_changes_are_asked_about(
    qapp: QApplication,
    nats_server: NatsServer,
    profiles: ProfileFile,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    may_write = threading.Event()
    replace_profile = ProfileFile.replace

    def write(file: ProfileFile, old: str, profile: Profile) -> None:
        may_write.wait(20)
        replace_profile(file, old, profile)

    monkeypatch.setattr(ProfileFile, "replace", write)

    async def scenario(operator: Operator) -> None:
        desktop = operator.desktop
        other = desktop.open_window("eu")
        assert other is not None
        await operator.act(lambda: other.window.actions_table.run("connections.manage"))
        (editor,) = other.window.findChildren(ConnectionsWindow)
        await operator.act(editor.form.read_only.click)
        await operator.act(other.window.close)
        (question,) = editor.findChildren(QuestionDialog)
        await operator.act(question.reject)
        await operator.act(editor.save.click)
        await wait_until(lambda: not editor.save.isEnabled())
        await operator.act(other.window.close)
        assert desktop.windows == [desktop.windows[0]]
        may_write.set()
        await wait_until(lambda: profiles.get("eu").read_only)
        assert not operator.has_notification

    run_operator(qapp, nats_server.url, scenario, nats_server.monitor_url)
