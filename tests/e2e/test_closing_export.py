"""A window that is left while a file is written asks first; nothing of the file is left then."""

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from pulse_desktop.profiles.profile import Profile, server_profile
from pulse_desktop.ui.shell.window_state import WindowStateFile
from pulse_desktop.ui.widgets.question_dialog import QuestionDialog
from tests.e2e.desktop_app import Operator, run_operator
from tests.kit.nats_servers import NatsServer
from tests.kit.state_builder import StateBuilder
from tests.kit.waiting import wait_until

ROWS = 30_000


async def start_export(operator: Operator, folder: Path) -> None:
    """Start an export that takes a while."""
    await operator.go_to("tasks")
    await operator.session.connection.wait_connected()
    builder = StateBuilder(operator.session.now() - 60)
    builder.state = operator.state
    for number in range(ROWS):
        builder.task(f"{number:032x}", "work", text="x" * 500)
    page = operator.page
    await wait_until(lambda: page.table.rows_model.shown_count >= ROWS)
    page.export_action.export_to(folder / "big.csv")
    await wait_until(lambda: list(folder.iterdir()))


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


def test_a_profile_is_renamed_during_an_export_only_after_asking(
    qapp: QApplication, nats_server: NatsServer, tmp_path: Path
) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()
    state_file = WindowStateFile(tmp_path / "state.json")

    async def scenario(operator: Operator) -> None:
        shown, window = operator.desktop.windows[0], operator.window
        former = Profile("eu", server_profile(nats_server.url).options)
        await operator.act(lambda: shown.show_profile(former))
        await shown.wait_connected(20)
        await operator.act(window.run_task)
        await operator.act(lambda: window.run_form.ui.task_name.set_name("typed:long"))
        await start_export(operator, folder)
        session = operator.session
        renamed = replace(former, name="eu west")
        assert not shown.update_profile(renamed)
        question = await question_of(operator)
        await operator.act(question.reject)
        await wait_until(lambda: not window.findChildren(QuestionDialog))
        assert operator.session is session
        assert shown.profile == former
        assert "eu west" not in state_file.state.profiles
        assert list(folder.iterdir())

        assert not shown.update_profile(renamed)
        await operator.act(lambda: shown.show_profile(renamed))  # to save and connect
        question = await question_of(operator)
        await operator.act(question.accept)
        await wait_until(lambda: operator.session is not session)
        await shown.wait_connected(20)
        await wait_until(lambda: not list(folder.iterdir()))
        assert shown.profile == renamed
        assert "eu west" in window.windowTitle()
        assert "eu" not in state_file.state.profiles
        await operator.act(window.run_task)
        assert window.run_form.ui.task_name.name == "typed:long"
        assert shown.update_profile(former)

    run_operator(qapp, nats_server.url, scenario, state_file=state_file)
