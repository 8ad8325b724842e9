"""A window is switched to other profiles, also while it waits for the secret of one."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton

from pulse_desktop.model.connection_options import ConnectionOptions
from pulse_desktop.profiles.profile import Environment, Profile
from pulse_desktop.profiles.profile_file import FILE_NAME, ProfileFile
from pulse_desktop.settings_folder import CONFIG_DIR_VARIABLE
from pulse_desktop.ui.connections.password_prompt import PasswordPrompt
from pulse_desktop.ui.pages.tasks.page import TasksPage
from pulse_desktop.ui.pages.tasks.runs_page import RunsPage
from pulse_desktop.ui.shell.window import MainWindow
from pulse_desktop.ui.shell.window_state import WindowStateFile
from tests.e2e.desktop_app import LEFT, Operator, run_operator
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until

SECRET: Final = "correct horse"


@pytest.fixture(autouse=True)
def profiles(nats_server: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three profiles of one server: `eu`, `lab`, and `vault`, whose password is asked for."""
    monkeypatch.setenv(CONFIG_DIR_VARIABLE, str(tmp_path / "settings"))
    monitor = nats_server.monitor_url
    options = ConnectionOptions(nats_server.url)
    vault = ConnectionOptions(nats_server.url, user="ann")
    file = ProfileFile(tmp_path / "settings" / FILE_NAME)
    for profile in (
        Profile("eu", options, monitor_url=monitor),
        Profile("lab", options, monitor_url=monitor),
        Profile(
            "vault",
            vault,
            environment=Environment.PRODUCTION,
            monitor_url=monitor,
            secret="password",
            read_only=True,
        ),
    ):
        file.add(profile)


def prompts(window: MainWindow) -> list[PasswordPrompt]:
    return window.findChildren(PasswordPrompt)


async def switch(operator: Operator, name: str, window: MainWindow | None = None) -> None:
    table = (window or operator.window).actions_table
    await operator.act(lambda: table.run(f"connections.switch.{name}"))


async def wait_connected(operator: Operator, name: str) -> None:
    await operator.desktop.windows[0].wait_connected(20)
    assert name in operator.window.windowTitle()
    assert operator.session.config.profile.name == name


async def prompt_of(window: MainWindow) -> PasswordPrompt:
    await wait_until(lambda: prompts(window))
    (prompt,) = prompts(window)
    return prompt


def test_the_prompt_opens_the_connection_or_can_be_tried_again(
    qapp: QApplication, nats_server: NatsServer
) -> None:
    async def scenario(operator: Operator) -> None:
        await switch(operator, "vault")
        prompt = await prompt_of(operator.window)
        assert prompt.windowTitle() == "Log in · vault (production) · Pulse Desktop"
        lock = operator.window.top_bar.read_only
        assert (lock.text(), lock.isEnabled()) == ("Read-only", False)
        (cancel,) = (each for each in prompt.findChildren(QPushButton) if each.text() == "Cancel")
        await operator.act(lambda: QTest.mouseClick(cancel, LEFT))
        await wait_until(lambda: not prompts(operator.window))
        again = operator.window.banner.buttons["try"]
        await wait_until(again.isVisible)
        assert not operator.has_notification, "the banner says why"

        await operator.click(again)
        prompt = await prompt_of(operator.window)
        await operator.act(lambda: prompt.field.setText(SECRET))
        await operator.act(lambda: QTest.keyClick(prompt.field, Qt.Key.Key_Return))
        await wait_connected(operator, "vault")
        assert operator.session.config.profile.options.password == SECRET
        assert (lock.text(), lock.isEnabled()) == ("Read-only", True)
        await wait_until(lambda: not prompts(operator.window))

    run_operator(qapp, nats_server.url, scenario, nats_server.monitor_url)


def test_switching_takes_the_question_for_another_secret_away(
    qapp: QApplication, nats_server: NatsServer
) -> None:
    async def scenario(operator: Operator) -> None:
        await switch(operator, "vault")
        await prompt_of(operator.window)
        await switch(operator, "eu")
        await wait_until(lambda: not prompts(operator.window))
        await wait_connected(operator, "eu")

        other = operator.desktop.open_window("lab")
        assert other is not None
        await switch(operator, "vault", other.window)
        await prompt_of(other.window)
        assert not prompts(operator.window), "the window that waits asks"
        await switch(operator, "lab", other.window)
        await other.wait_connected(20)

        menu = other.window.connections
        await operator.act(lambda: menu.window_requested.emit("gone"))
        (problem,) = other.window.notifications.shown
        assert problem.title == "No such profile: gone"
        assert not operator.has_notification, "nobody may be looking at the first window"

    run_operator(qapp, nats_server.url, scenario, nats_server.monitor_url)


def test_read_only_and_what_was_typed_stay_with_their_connection(
    qapp: QApplication, nats_server: NatsServer
) -> None:
    async def scenario(operator: Operator) -> None:
        window, shown = operator.window, operator.desktop.windows[0]
        await switch(operator, "eu")
        await wait_connected(operator, "eu")
        await operator.act(window.read_only.toggle)
        await operator.act(window.run_task)
        await operator.act(lambda: window.run_form.ui.task_name.set_name("typed:long"))
        names = replace(operator.session.config.profile.names, subject="other_tasks")
        renamed = replace(operator.session.config.profile, name="eu west")
        for change in (
            lambda: window.names_chosen.emit(names),
            window.reconnect_requested.emit,
            partial(shown.update_profile, renamed),
        ):
            before = operator.session
            await operator.act(change)
            await shown.wait_connected(20)
            assert operator.session is not before
            assert operator.session.read_only
            assert window.top_bar.read_only.text() == "Read-only"
            await operator.act(window.run_task)
            assert window.run_form.ui.task_name.name == "typed:long"

        await switch(operator, "lab")
        await wait_connected(operator, "lab")
        assert not operator.session.read_only
        await operator.act(window.run_task)
        assert window.run_form.ui.task_name.name == ""
        await operator.act(lambda: shown.show_profile(renamed))
        await operator.act(window.run_task)
        assert window.run_form.ui.task_name.name == "typed:long"

    run_operator(qapp, nats_server.url, scenario, nats_server.monitor_url)


@pytest.mark.slow
def test_each_profile_keeps_its_own_page_and_filters(
    qapp: QApplication, nats_server: NatsServer, tmp_path: Path
) -> None:
    def tasks(operator: Operator) -> RunsPage:
        page = operator.window.page("tasks")
        assert isinstance(page, TasksPage)
        return page.runs

    async def scenario(operator: Operator) -> None:
        for name in ("eu", "lab"):
            await switch(operator, name)
            await wait_connected(operator, name)
            bar = tasks(operator).filter_bar
            await operator.act(partial(bar.set_filter, {"failed"}, f"only {name}"))
            await operator.act(lambda: operator.window.show_page("tasks"))
        await operator.act(lambda: operator.window.show_page("results"))
        for name, page in (("eu", "tasks"), ("vault", ""), ("lab", "results")):
            await switch(operator, name)
            if page:
                await wait_connected(operator, name)
                assert operator.shown_page.key == page
                assert tasks(operator).filter_bar.text == f"only {name}"
                assert tasks(operator).filter_bar.checked_facets == {"failed"}
            else:
                await prompt_of(operator.window)
                assert tasks(operator).filter_bar.text == ""

    state = WindowStateFile(tmp_path / "window.json")
    run_operator(qapp, nats_server.url, scenario, nats_server.monitor_url, state)
