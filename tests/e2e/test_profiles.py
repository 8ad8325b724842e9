"""Windows change profiles, open others, and act only as their profile allows."""

from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QPushButton

from pulse_desktop.app.desktop import Desktop
from pulse_desktop.model.connection_options import ConnectionOptions
from pulse_desktop.model.errors import ReadOnlyError
from pulse_desktop.model.group_marks import Mark, MarkKind
from pulse_desktop.profiles.profile import Environment, Profile, server_profile
from pulse_desktop.profiles.profile_file import FILE_NAME, ProfileFile
from pulse_desktop.session.local_state.mark_table import MarkTable
from pulse_desktop.session.local_state.state_file import LocalStateFile, state_file_path
from pulse_desktop.settings_folder import CONFIG_DIR_VARIABLE, profile_data_folder
from pulse_desktop.ui.connections.connections_window import ConnectionsWindow
from pulse_desktop.ui.connections.password_prompt import PasswordPrompt
from pulse_desktop.ui.navigation import OpenView
from pulse_desktop.ui.pages.tasks.page import TasksPage
from pulse_desktop.ui.query.saved_views import SavedView
from pulse_desktop.ui.shell.confirmation import ConfirmationDialog
from pulse_desktop.ui.shell.window import MainWindow
from pulse_desktop.ui.shell.window_state import WindowStateFile
from pulse_desktop.ui.table.live_table import LiveTable
from tests.e2e.desktop_app import Operator, run_operator
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until


@pytest.fixture
def profiles(
    nats_server: NatsServer,
    other_server: NatsServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> ProfileFile:
    """Two stored profiles: `eu` in production on one server, `lab` read-only on the other."""
    monkeypatch.setenv(CONFIG_DIR_VARIABLE, str(tmp_path / "settings"))
    file = ProfileFile(tmp_path / "settings" / FILE_NAME)
    eu = server_profile(nats_server.url, nats_server.monitor_url, name="eu")
    lab = server_profile(other_server.url, other_server.monitor_url, name="lab")
    for profile in (
        Profile(**{**vars(eu), "environment": Environment.PRODUCTION}),
        Profile(**{**vars(lab), "environment": Environment.STAGING, "read_only": True}),
    ):
        file.add(profile)
    return file


def rows(window: MainWindow) -> int:
    """Return how many rows the visible tables have."""
    tables = [each for each in window.findChildren(LiveTable) if each.isVisible()]
    return sum(len(list(each.rows_model.row_objects())) for each in tables)


def is_open(operator: Operator, name: str) -> bool:
    """Return whether the session is that of a profile, and connected.

    The window says "not connected" for a moment, which contains "connected".
    """
    session = operator.desktop.session
    if session is None or session.config.profile.name != name:
        return False
    return session.connection.connected


@pytest.mark.usefixtures("profiles")
def test_the_palette_switches_and_the_profile_decides_what_may_be_done(
    qapp: QApplication, nats_server: NatsServer
) -> None:
    async def scenario(operator: Operator) -> None:
        window = operator.window
        # A key needs an active window, which the offscreen platform gives to one of them at random.
        assert "connections.switch" in window.actions_table
        await operator.act(lambda: window.actions_table.run("connections.switch"))
        palette = window.command_palette
        await wait_until(palette.isVisible)
        assert palette.titles[:3] == ["Switch to embedded server", "Switch to eu", "Switch to lab"]
        assert palette.list.currentIndex().row() == -1  # Enter alone switches to nothing
        notes = [window.actions_table[f"connections.switch.{name}"].note for name in ("eu", "lab")]
        assert notes == ["production", "staging · read-only"]
        await operator.act(lambda: palette.field.setText("switch to lab"))
        await operator.act(lambda: QTest.keyClick(palette.field, Qt.Key.Key_Return))
        assert "lab (staging)" in window.windowTitle()
        await wait_until(lambda: is_open(operator, "lab"))
        await wait_until(lambda: "connected" in window.top_bar.state.full_text)
        await wait_until(lambda: window.top_bar.read_only.text() == "Read-only")
        assert not window.top_bar.run.isEnabled()
        with pytest.raises(ReadOnlyError):
            await operator.session.tasks.enqueue("t", force=True)

        await operator.act(lambda: window.actions_table.run("connections.switch.eu"))
        assert "eu (production)" in window.windowTitle()
        assert window.top_bar.environment.text() == "PRODUCTION"
        await wait_until(lambda: is_open(operator, "eu"))
        await wait_until(lambda: "connected" in window.top_bar.state.full_text)
        session = operator.session
        await operator.act(lambda: window.actions_table.run("connections.switch.eu"))
        assert operator.session is session, "it is shown already: nothing is read again"
        await operator.act(lambda: window.actions_table.run("connections.switch"))
        assert palette.list.currentIndex().data() == "Switch to lab"  # the one shown before
        await operator.act(palette.close)
        assert window.top_bar.read_only.text() == ""
        await operator.act(window.run_task)
        await operator.act(lambda: window.run_form.ui.task_name.set_name("shop:report"))
        await wait_until(window.run_form.ui.run_button.isEnabled)
        await operator.click(window.run_form.ui.run_button)
        await wait_until(lambda: window.findChildren(ConfirmationDialog))
        (dialog,) = window.findChildren(ConfirmationDialog)
        focused = dialog.focusWidget()
        assert isinstance(focused, QPushButton)
        assert focused.text() == "Cancel"
        await operator.act(dialog.reject)
        await wait_until(window.run_form.ui.run_button.isEnabled)
        assert not window.run_form.ui.error_card.isVisible(), "it was the operator's own answer"
        assert not list(operator.state.runs.rows)

    run_operator(qapp, nats_server.url, scenario, nats_server.monitor_url)


@pytest.mark.usefixtures("profiles")
def test_each_profile_has_one_window_and_a_run_form_of_its_own(
    qapp: QApplication, nats_server: NatsServer
) -> None:
    async def scenario(operator: Operator) -> None:
        desktop = operator.desktop
        await operator.act(lambda: operator.window.actions_table.run("connections.window.lab"))
        assert len(desktop.windows) == 2
        other = desktop.windows[1]
        await other.wait_connected(20)
        await operator.act(lambda: operator.window.actions_table.run("connections.window.lab"))
        assert len(desktop.windows) == 2
        assert "lab (staging)" in other.window.windowTitle()
        assert operator.window.windowTitle() != other.window.windowTitle()

        await operator.go_to("tasks")
        await operator.session.connection.wait_connected()
        receipt = await operator.session.tasks.enqueue("shop:report", b"[1]", force=True)
        run = await operator.wait_for_run(lambda r: r.task_id == receipt.task_ids[0])
        form = other.window.run_form
        await operator.act(form.open)
        await operator.act(lambda: form.ui.task_name.set_name("typed:long"))
        first = desktop.windows[0]
        desktop._rerun_on("lab", run, first)  # noqa: SLF001 - the menu would wait for a click
        await wait_until(lambda: form.ui.task_name.name == "shop:report")
        await operator.act(form.open)
        assert form.ui.task_name.name == "typed:long", "what was typed is kept"
        desktop._rerun_on("lab", run, first)  # noqa: SLF001 - see above
        assert form.ui.task_name.name == "shop:report"
        assert form.draft.rerun_of == ""
        assert form.ui.badge.text() == "STAGING · lab"
        await wait_until(lambda: form.ui.run_button.text() == "Read-only")

        assert rows(operator.window) > 0
        await operator.act(lambda: operator.window.actions_table.run("connections.switch.eu"))
        assert rows(operator.window) == 0, "no frame after the act shows a row of the old server"
        assert operator.window.windowTitle() == "Tasks · eu (production) · Pulse Desktop"
        await operator.act(lambda: operator.window.actions_table.run("connections.switch.lab"))
        assert "eu (production)" in operator.window.windowTitle(), "lab has a window already"

        closed = operator.session
        await operator.act(operator.window.close)
        await wait_until(lambda: closed.connection_status.state == "closed")
        assert desktop.window is other.window, "it has the notices from now on"

    run_operator(qapp, nats_server.url, scenario, nats_server.monitor_url)


@pytest.mark.slow
@pytest.mark.usefixtures("profiles")
def test_further_windows_open_again_as_they_were(
    qapp: QApplication, nats_server: NatsServer, tmp_path: Path
) -> None:
    path = tmp_path / "window.json"

    async def leave(operator: Operator) -> None:
        desktop = operator.desktop
        for name in ("eu", "lab"):
            await operator.act(partial(desktop.open_window, name))
        eu, lab = (each.window for each in desktop.windows[1:])
        await operator.act(lambda: lab.resize(1100, 700))
        await operator.act(lambda: lab.show_page("tasks"))
        shown = lab.current
        assert isinstance(shown, TasksPage)
        page = shown.runs
        await operator.act(lambda: page.filter_bar.set_filter((), "checkout"))
        await operator.act(eu.close)
        assert [each.window for each in desktop.windows] == [operator.window, lab]
        await operator.act(lambda: lab.actions_table.run("quit"))
        await desktop.stopped.wait()

    async def come_back(operator: Operator) -> None:
        desktop = operator.desktop
        await operator.act(desktop.open_former_windows)
        (lab,) = (each.window for each in desktop.windows[1:])
        assert "Tasks · lab (staging)" in lab.windowTitle()
        assert lab.height() == 700
        shown = lab.current
        assert isinstance(shown, TasksPage)
        page = shown.runs
        assert page.filter_bar.text == "checkout"
        await operator.act(operator.window.close)
        assert desktop.window is lab, "the application goes on in the other window"
        assert not desktop.stopped.is_set()
        await operator.act(lab.close)
        assert desktop.stopped.is_set()

    for scenario in (leave, come_back):
        state_file = WindowStateFile(path)
        run_operator(qapp, nats_server.url, scenario, nats_server.monitor_url, state_file)
    assert WindowStateFile(path).state.windows == [], "one window needs no others"


@pytest.mark.usefixtures("profiles")
def test_the_first_window_comes_back_with_what_it_showed(
    qapp: QApplication, nats_server: NatsServer, tmp_path: Path
) -> None:
    path = tmp_path / "window.json"

    def open_desktop() -> Desktop:
        state_file = WindowStateFile(path)
        state_file.state.shown = state_file.state.shown or "lab"
        desktop = Desktop(state_file=state_file)
        desktop.open()
        return desktop

    async def leave(operator: Operator) -> None:
        assert "lab (staging)" in operator.window.windowTitle()
        await operator.act(lambda: operator.window.actions_table.run("connections.switch.eu"))
        await operator.act(partial(operator.desktop.open_window, "lab"))
        operator.desktop.stopped.set()

    async def come_back(operator: Operator) -> None:
        first, second = (each.window.windowTitle() for each in operator.desktop.windows)
        assert "eu (production)" in first
        assert "lab (staging)" in second
        operator.desktop.start_connection.choose("lab")

    async def start_as_chosen(operator: Operator) -> None:
        assert "lab (staging)" in operator.window.windowTitle()
        operator.desktop.start_connection.choose("")
        operator.desktop.start_connection.rename("eu", "europe")
        assert operator.desktop.start_connection.name == "europe"

    for scenario in (leave, come_back, start_as_chosen):
        run_operator(qapp, nats_server.url, scenario, open_desktop=open_desktop)


async def rename(operator: Operator, row: int, name: str, new: str) -> None:
    await operator.act(operator.window.connections.manage_requested.emit)
    (form,) = operator.window.findChildren(ConnectionsWindow)
    await operator.act(lambda: form.list.setCurrentRow(row))
    assert form.form.name.text() == name
    await operator.act(lambda: form.form.name.setText(new))
    await operator.click(form.save)
    await wait_until(lambda: form.form.isEnabled() and not form.form.is_changed)
    await operator.act(form.close)


@pytest.mark.usefixtures("profiles")
def test_views_for_one_connection_follow_it_when_it_is_renamed(
    qapp: QApplication, nats_server: NatsServer, tmp_path: Path
) -> None:
    state_file = WindowStateFile(tmp_path / "window.json")
    state_file.state.shown = "eu"
    views = state_file.views
    for name in ("eu", "lab"):
        views.save(SavedView("tasks", "Slow", f"ran>5s {name}", profile=name))

    def open_desktop() -> Desktop:
        desktop = Desktop(state_file=state_file)
        desktop.open()
        return desktop

    async def scenario(operator: Operator) -> None:
        await operator.desktop.wait_connected(20)
        await operator.act(lambda: operator.window.navigate(OpenView("tasks", "Slow")))
        await rename(operator, 0, "eu", "europe")
        await operator.desktop.wait_connected(20)
        await operator.act(lambda: operator.window.show_page("tasks"))
        shown = operator.window.current
        assert isinstance(shown, TasksPage)
        page = shown.runs
        assert (page.views.current.name, page.views.current.profile) == ("Slow", "europe")
        assert page.filter_bar.text == "ran>5s eu"
        await rename(operator, 1, "lab", "laboratory")  # no window shows it

    run_operator(qapp, nats_server.url, scenario, open_desktop=open_desktop)
    found = {
        view.profile: view.query for each in ("europe", "laboratory") for view in views.all(each)
    }
    assert found == {"europe": "ran>5s eu", "laboratory": "ran>5s lab"}


@pytest.mark.usefixtures("profiles")
def test_marks_follow_a_connection_when_it_is_renamed(
    qapp: QApplication, nats_server: NatsServer, tmp_path: Path
) -> None:
    state_file = WindowStateFile(tmp_path / "window.json")
    state_file.state.shown = "eu"

    def open_desktop() -> Desktop:
        desktop = Desktop(state_file=state_file)
        desktop.open()
        return desktop

    def kept(name: str) -> set[str]:
        file = LocalStateFile(state_file_path(profile_data_folder(), Profile(name)))
        with closing(file):
            return set(MarkTable(file).load())

    async def scenario(operator: Operator) -> None:
        await operator.desktop.wait_connected(20)
        await operator.session.group_marks.set_mark("a" * 12, MarkKind.MUTED)
        await rename(operator, 0, "eu", "europe")
        await operator.session.group_marks.set_mark("b" * 12, MarkKind.MUTED)
        assert (kept("eu"), kept("europe")) == (set(), {"a" * 12, "b" * 12})
        with closing(LocalStateFile(state_file_path(profile_data_folder(), Profile("us")))) as us:
            MarkTable(us).put("c" * 12, MarkKind.MUTED, Mark(1.0, "ann"))
        await rename(operator, 0, "europe", "us")
        (form,) = operator.window.findChildren(ConnectionsWindow)
        shown = [label.text() for label in form.findChildren(QLabel)]
        assert any("stay under its former name" in text for text in shown)
        assert (kept("europe"), kept("us")) == ({"a" * 12, "b" * 12}, {"c" * 12})

    run_operator(qapp, nats_server.url, scenario, open_desktop=open_desktop)


@pytest.mark.slow
def test_a_variable_has_the_secret_of_the_profile_that_was_started_with(
    qapp: QApplication, profiles: ProfileFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULSE_PASSWORD", "s3cret-of-the-shop")
    with NatsServer(user="ann", password="s3cret-of-the-shop") as server:
        for name, user in (("shop", "ann"), ("other", "bob")):
            options = ConnectionOptions(f"nats://{server.address}", user=user)
            profiles.add(Profile(name, options, secret="password"))

        def open_shop() -> Desktop:
            desktop = Desktop(profiles.get("shop"))
            desktop.window.show()
            desktop.start()
            return desktop

        async def scenario(operator: Operator) -> None:
            await operator.desktop.wait_connected(20)
            assert operator.window.findChildren(PasswordPrompt) == []
            await operator.act(
                lambda: operator.window.actions_table.run("connections.switch.other")
            )
            await wait_until(lambda: operator.window.findChildren(PasswordPrompt))
            (prompt,) = operator.window.findChildren(PasswordPrompt)
            assert prompt.windowTitle() == "Log in · other · Pulse Desktop"
            assert prompt.field.text() == ""
            await operator.act(prompt.reject)
            await wait_until(lambda: operator.window.session.connection_status.state == "closed")

        run_operator(qapp, "", scenario, open_desktop=open_shop)
