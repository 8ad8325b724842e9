"""A window that is left while a file is written asks first; nothing of the file is left then."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from pulse_desktop.profiles.profile import Profile, server_profile
from pulse_desktop.profiles.profile_file import FILE_NAME, ProfileFile
from pulse_desktop.settings_folder import CONFIG_DIR_VARIABLE
from pulse_desktop.ui.connections.connections_window import ConnectionsWindow
from pulse_desktop.ui.shell.window_state import WindowStateFile
from pulse_desktop.ui.table.export import TableExport
from pulse_desktop.ui.widgets.question_dialog import QuestionDialog
from tests.e2e.desktop_app import Operator, run_operator
from tests.kit.nats_servers import NatsServer
from tests.kit.state_builder import StateBuilder
from tests.kit.waiting import wait_until

if TYPE_CHECKING:
    from pulse_desktop.state.run import TaskRun

ROWS = 300


@pytest.fixture(autouse=True)
def endless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an export write its first rows and then wait until it is cancelled."""
    next_lines = TableExport._next_lines  # noqa: SLF001

    async def wait_after_some(export: "TableExport[TaskRun]", *, as_json: bool) -> list[str]:
        if export.written:
            await asyncio.Event().wait()
        return await next_lines(export, as_json=as_json)

    monkeypatch.setattr(TableExport, "_next_lines", wait_after_some)


async def start_export(operator: Operator, folder: Path) -> None:
    """Start an export, and wait until it has written something."""
    await operator.go_to("tasks")
    await operator.session.connection.wait_connected()
    builder = StateBuilder(operator.session.now() - 60)
    builder.state = operator.state
    for number in range(ROWS):
        builder.task(f"{number:032x}", "work", text="x" * 500)
    page = operator.page
    await wait_until(lambda: page.table.rows_model.shown_count >= ROWS)
    page.export_action.export_to(folder / "big.csv")
    await wait_until(lambda: any(file.stat().st_size > 100 * ROWS for file in folder.iterdir()))


async def question_of(operator: Operator) -> QuestionDialog:
    await wait_until(lambda: bool(operator.window.findChildren(QuestionDialog)))
    (question,) = operator.window.findChildren(QuestionDialog)
    return question


def test_quitting_during_an_export_leaves_no_part_of_it(
    qapp: QApplication, nats_server: NatsServer, tmp_path: Path
) -> None:
    async def scenario(operator: Operator) -> None:
        await start_export(operator, tmp_path)
        await operator.press(Qt.Key.Key_Q, Qt.KeyboardModifier.ControlModifier)
        question = await question_of(operator)
        assert not operator.desktop.stopped.is_set()
        await operator.act(question.accept)
        assert operator.desktop.stopped.is_set()

    run_operator(qapp, nats_server.url, scenario)
    assert list(tmp_path.iterdir()) == []


def test_another_connection_is_shown_during_an_export_only_after_asking(
    qapp: QApplication, nats_server: NatsServer, other_server: NatsServer, tmp_path: Path
) -> None:
    async def scenario(operator: Operator) -> None:
        await start_export(operator, tmp_path)
        window, session = operator.desktop.windows[0], operator.session
        profile = server_profile(other_server.url, other_server.monitor_url)
        await operator.act(lambda: window.show_profile(profile))
        question = await question_of(operator)
        assert operator.session is session
        await operator.act(question.reject)
        await wait_until(lambda: not operator.window.findChildren(QuestionDialog))
        assert operator.session is session
        assert list(tmp_path.iterdir())

        await operator.act(lambda: window.show_profile(profile))
        question = await question_of(operator)
        await operator.act(question.accept)
        await wait_until(lambda: operator.session is not session)
        await operator.session.connection.wait_connected()
        await wait_until(lambda: not list(tmp_path.iterdir()))

    run_operator(qapp, nats_server.url, scenario)


@pytest.fixture
def eu(nats_server: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProfileFile:
    """A profile, `eu`, with a folder for exports beside it."""
    monkeypatch.setenv(CONFIG_DIR_VARIABLE, str(tmp_path / "settings"))
    (tmp_path / "exports").mkdir()
    file = ProfileFile(tmp_path / "settings" / FILE_NAME)
    file.add(Profile("eu", server_profile(nats_server.url).options))
    return file


async def edit_during_export(operator: Operator, folder: Path) -> ConnectionsWindow:
    """Show `eu`, type into its run form, start an export, and open the window of connections."""
    window = operator.window
    await operator.act(lambda: window.actions_table.run("connections.switch.eu"))
    await operator.desktop.windows[0].wait_connected(20)
    await operator.act(window.run_task)
    await operator.act(lambda: window.run_form.ui.task_name.set_name("typed:long"))
    await start_export(operator, folder)
    await operator.act(lambda: window.actions_table.run("connections.manage"))
    (editor,) = window.findChildren(ConnectionsWindow)
    return editor


async def save(operator: Operator, editor: ConnectionsWindow, name: str, monitor: str = "") -> None:
    """Save the profile in the form under a name, with another address if one is given."""
    form = editor.form
    await operator.act(lambda: form.name.setText(name))
    if monitor:
        await operator.act(lambda: form.monitor_url.setText(monitor))
    await operator.act(editor.save.click)
    await wait_until(lambda: editor.list.currentItem().text().startswith(name))
    await wait_until(form.isEnabled)


@pytest.mark.slow
def test_a_profile_is_renamed_during_an_export_without_a_question(
    qapp: QApplication, nats_server: NatsServer, tmp_path: Path, eu: ProfileFile
) -> None:
    folder, state_file = tmp_path / "exports", WindowStateFile(tmp_path / "state.json")

    async def scenario(operator: Operator) -> None:
        editor = await edit_during_export(operator, folder)
        window, shown = operator.window, operator.desktop.windows[0]
        session, previous = operator.session, window.connections.previous_switch
        await save(operator, editor, "eu west")
        assert window.connections.previous_switch == previous, "there is no eu any more"
        assert not window.findChildren(QuestionDialog)
        assert operator.session is session
        assert list(folder.iterdir())
        assert shown.profile == eu.get("eu west")
        assert session.config.profile.name == "eu west"
        assert "eu west" in window.windowTitle()
        assert "eu" not in state_file.state.profiles
        assert operator.desktop.open_window("eu west") is shown

        await operator.act(lambda: shown.show_profile(eu.get("eu west")))
        question = await question_of(operator)
        await operator.act(question.accept)
        await wait_until(lambda: operator.session is not session)
        await shown.wait_connected(20)
        await operator.act(window.run_task)
        assert window.run_form.ui.task_name.name == "typed:long"

    run_operator(qapp, nats_server.url, scenario, state_file=state_file)


def test_a_changed_profile_keeps_its_session_during_an_export_but_not_its_name(
    qapp: QApplication, nats_server: NatsServer, tmp_path: Path, eu: ProfileFile
) -> None:
    folder, state_file = tmp_path / "exports", WindowStateFile(tmp_path / "state.json")

    async def scenario(operator: Operator) -> None:
        editor = await edit_during_export(operator, folder)
        window, shown = operator.window, operator.desktop.windows[0]
        session, former = operator.session, eu.get("eu")
        await save(operator, editor, "eu west", "http://127.0.0.1:1")
        question = await question_of(operator)
        await operator.act(question.reject)
        await wait_until(lambda: not window.findChildren(QuestionDialog))
        assert operator.session is session
        assert list(folder.iterdir())
        assert shown.profile == replace(former, name="eu west")
        assert "eu west" in window.windowTitle()
        assert operator.desktop.open_window("eu west") is shown

        await save(operator, editor, "eu north", "http://127.0.0.1:2")
        question = await question_of(operator)
        await operator.act(question.accept)
        await wait_until(lambda: operator.session is not session)
        await wait_until(lambda: not list(folder.iterdir()))
        assert shown.profile == eu.get("eu north")

    run_operator(qapp, nats_server.url, scenario, state_file=state_file)


@pytest.mark.slow
def test_of_several_changes_during_an_export_the_last_is_shown(
    qapp: QApplication, nats_server: NatsServer, tmp_path: Path, eu: ProfileFile
) -> None:
    folder = tmp_path / "exports"

    async def scenario(operator: Operator) -> None:
        editor = await edit_during_export(operator, folder)
        shown, session = operator.desktop.windows[0], operator.session
        await save(operator, editor, "eu", "http://127.0.0.1:1")
        await save(operator, editor, "eu west", "http://127.0.0.1:2")
        await save(operator, editor, "eu north")
        question = await question_of(operator)
        assert operator.desktop.open_window("eu north") is shown
        await operator.act(question.accept)
        await wait_until(lambda: operator.session is not session)
        assert shown.profile == eu.get("eu north")
        assert operator.session.config.profile.monitor_url == "http://127.0.0.1:2"

    run_operator(qapp, nats_server.url, scenario)


@pytest.mark.slow
def test_a_change_that_is_taken_back_takes_its_question_along(
    qapp: QApplication, nats_server: NatsServer, tmp_path: Path, eu: ProfileFile
) -> None:
    folder = tmp_path / "exports"

    async def scenario(operator: Operator) -> None:
        editor = await edit_during_export(operator, folder)
        session = operator.session
        await save(operator, editor, "eu", "http://127.0.0.1:1")
        await question_of(operator)
        await operator.act(editor.form.monitor_url.clear)
        await save(operator, editor, "eu west")
        await wait_until(lambda: not operator.window.findChildren(QuestionDialog))
        assert operator.session is session
        assert list(folder.iterdir())
        assert operator.desktop.windows[0].profile == eu.get("eu west")

    run_operator(qapp, nats_server.url, scenario)
