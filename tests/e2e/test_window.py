"""The main path: a real task from a real server to a painted row, and back by a re-run."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from pulse_desktop.embedded.stack import StackInfo
from pulse_desktop.model.run_state import RunState
from pulse_desktop.profiles.profile import EMBEDDED_NAME
from pulse_desktop.protocol.task_message import encode_task, new_task_id
from pulse_desktop.protocol.topics import TASK_STREAM, TASK_SUBJECT
from pulse_desktop.settings_folder import DATA_DIR_VARIABLE
from pulse_desktop.state.run import TaskRun
from pulse_desktop.ui.json.view import JsonTab
from pulse_desktop.ui.pages.tasks.detail import ARGUMENTS, RESULT
from tests.e2e.desktop_app import Operator, run_operator
from tests.kit.embedded_server import record_as_embedded
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until
from tests.kit.worker_processes import TASKS, WorkerHarness, lines, open_harness


@pytest.fixture
def run_scenario(
    qapp: QApplication, nats_server: NatsServer, tmp_path: Path
) -> Callable[[Callable[[Operator, WorkerHarness], Awaitable[None]]], None]:
    """Return a function that runs a scenario with a window, a server and workers."""

    def run(scenario: Callable[[Operator, WorkerHarness], Awaitable[None]]) -> None:
        async def with_harness(operator: Operator) -> None:
            async with open_harness(nats_server, tmp_path) as harness:
                await operator.go_to("tasks")
                await scenario(operator, harness)

        run_operator(qapp, nats_server.url, with_harness, nats_server.monitor_url)

    return run


def test_a_task_is_shown_opened_and_rerun(
    run_scenario: Callable[[Callable[[Operator, WorkerHarness], Awaitable[None]]], None],
    tmp_path: Path,
) -> None:
    async def scenario(operator: Operator, harness: WorkerHarness) -> None:
        await harness.run()
        file = tmp_path / "done"
        task_id = await harness.send("work", str(file))
        await operator.wait_for_cell(task_id, "succeeded")
        assert "work" in "".join(operator.cells_of(task_id))

        await operator.open_details(task_id)
        detail = operator.page.detail
        await operator.click_tab(ARGUMENTS)
        detail.arguments.json.show_tab(JsonTab.JSON)
        assert str(file) in detail.arguments.json.shown_text
        await operator.click_tab(RESULT)
        await wait_until(lambda: detail.result.tab is not None)
        detail.result.show_tab(JsonTab.JSON)
        await wait_until(lambda: "done" in detail.result.shown_text)

        await operator.click(detail.header.rerun_button)
        again = await operator.wait_for_rerun(task_id, RunState.SUCCEEDED)
        assert again.name == f"{TASKS}:work"
        assert operator.notification.title == "work enqueued again"
        await operator.wait_for_cell(again.task_id, "succeeded")
        assert lines(file) == ["begin", "end"] * 2

        await operator.press(Qt.Key.Key_Escape)
        await operator.open_details(again.task_id)
        await operator.press(Qt.Key.Key_R)
        third = await operator.wait_for_rerun(again.task_id, RunState.SUCCEEDED)
        assert arguments(third) == arguments(again)
        assert lines(file) == ["begin", "end"] * 3

    run_scenario(scenario)


@pytest.mark.slow
def test_a_task_is_edited_and_rerun(
    run_scenario: Callable[[Callable[[Operator, WorkerHarness], Awaitable[None]]], None],
    tmp_path: Path,
) -> None:
    async def scenario(operator: Operator, harness: WorkerHarness) -> None:
        await harness.run()
        task_id = await harness.send("work", str(tmp_path / "first"))
        await operator.wait_for_cell(task_id, "succeeded")
        await operator.open_details(task_id)
        await operator.press(Qt.Key.Key_E)
        form = operator.window.run_form
        await wait_until(form.isVisible)
        other = tmp_path / "second"
        await operator.act(
            lambda: form.ui.initial_arguments_field().set_text(json.dumps([str(other), 0.1]))
        )
        await operator.click(form.ui.run_button)
        again = await operator.wait_for_rerun(task_id, RunState.SUCCEEDED)
        assert arguments(again) == [str(other), 0.1]
        assert lines(other) == ["begin", "end"]
        assert not form.isVisible()

    run_scenario(scenario)


@pytest.mark.slow
def test_without_workers_a_rerun_is_enqueued_only_with_force(
    run_scenario: Callable[[Callable[[Operator, WorkerHarness], Awaitable[None]]], None],
    tmp_path: Path,
) -> None:
    async def scenario(operator: Operator, harness: WorkerHarness) -> None:
        worker = await harness.run(ack_wait=1)
        file = tmp_path / "done"
        task_id = await harness.send("work", str(file))
        await operator.wait_for_cell(task_id, "succeeded")
        worker.terminate()
        await harness.wait_for_event(lambda event: event["type"] == "worker.stopped")

        async def has_no_consumer() -> bool:
            return (await operator.session.queue.status()).has_consumers is False

        await wait_until(has_no_consumer)
        await operator.open_details(task_id)
        await operator.press(Qt.Key.Key_R)

        def refused() -> bool:  # that the data is partial may be shown still
            return operator.notification.title == "No worker is listening"

        await wait_until(lambda: operator.has_notification and refused())
        assert "the stream keeps it" in operator.notification.advice
        assert len(operator.state.runs.rows) == 1

        await operator.click_notification_button("Enqueue anyway")
        again = await operator.wait_for_rerun(task_id, RunState.QUEUED)
        harness.start()
        await operator.wait_for_cell(again.task_id, "succeeded", 20)
        assert lines(file) == ["begin", "end"] * 2

    run_scenario(scenario)


def test_a_lost_connection_is_shown_and_comes_back(
    run_scenario: Callable[[Callable[[Operator, WorkerHarness], Awaitable[None]]], None],
    nats_server: NatsServer,
) -> None:
    async def scenario(operator: Operator, harness: WorkerHarness) -> None:
        state = operator.window.top_bar.state
        await wait_until(lambda: "connected ·" in state.full_text)
        nats_server.kill()
        await wait_until(lambda: state.full_text.startswith("reconnecting · "))
        nats_server.start()
        await wait_until(lambda: state.full_text.startswith("connected"))
        await wait_until(lambda: harness.client.stats["reconnects"])
        # Who enqueues before the window listens again is what the gap is for.
        await wait_until(lambda: operator.session.task_feed.status.mode == "live")
        task_id = new_task_id()
        payload, headers = encode_task(task_id, "m:f")
        await harness.client.publish(TASK_SUBJECT, payload, headers=headers)
        await operator.wait_for_cell(task_id, "queued")
        await wait_until(lambda: "gap" in operator.window.status_bar.labels["gaps"].text())

    run_scenario(scenario)


def test_an_unreachable_server_is_shown_with_the_reason(
    qapp: QApplication, unused_tcp_port: int
) -> None:
    async def scenario(operator: Operator) -> None:
        state = operator.window.top_bar.state
        await wait_until(lambda: state.full_text.startswith("connecting · "))
        assert "nothing listens" in state.full_text
        assert str(unused_tcp_port) in state.toolTip()
        assert "s3cret" not in state.full_text + state.toolTip()

    run_operator(qapp, f"nats://me:s3cret@127.0.0.1:{unused_tcp_port}", scenario)


def test_wrong_credentials_are_reported_without_secrets(qapp: QApplication) -> None:
    with NatsServer(user="me", password="right") as server:

        async def scenario(operator: Operator) -> None:
            state = operator.window.top_bar.state
            await wait_until(lambda: "refused these credentials" in state.full_text)
            assert "s3cret" not in state.full_text + state.toolTip()
            assert "s3cret" not in operator.window.top_bar.switcher.full_text

        run_operator(qapp, f"nats://me:wr0ng-s3cret@{server.address}", scenario)


def test_limitations_of_the_server_are_notified(
    qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pulse_desktop.ui.shell.limitations_notice.SETTLED_S", 0.2)

    async def without_streams(operator: Operator) -> None:
        await wait_until(lambda: operator.has_notification)
        notification = operator.notification
        assert notification.severity == "info"
        assert "Events: no stream stores websocket.*" in notification.detail

    with NatsServer() as server:
        run_operator(qapp, server.url, without_streams, server.monitor_url)


def test_an_embedded_stack_is_followed_to_its_new_address(
    qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = NatsServer(store_dir=tmp_path / "store")
    after = NatsServer(store_dir=tmp_path / "store", token="t")

    async def scenario(operator: Operator) -> None:
        await operator.go_to("tasks")
        async with open_harness(before, tmp_path) as harness:
            await harness.js.add_stream(name=TASK_STREAM, subjects=[TASK_SUBJECT])
            first = await harness.send("work", "file")
            await operator.wait_for_cell(first, "queued")
        session, switch = operator.session, f"connections.switch.{EMBEDDED_NAME}"
        await operator.act(lambda: operator.window.actions_table.run(switch))
        assert operator.session is session, "it is shown already: nothing is read again"
        before.stop()
        after.start()
        info = StackInfo(after.url, after.monitor_url, tmp_path, tmp_path, joined=True)
        operator.desktop.embedded.follow(
            replace(info, state="failed", problem="No room on the disk.")
        )
        assert operator.notification.title == "The embedded server has stopped"
        operator.desktop.embedded.follow(info)
        assert not operator.has_notification
        async with open_harness(after, tmp_path) as harness:
            second = await harness.send("work", "file")
            await operator.wait_for_cell(second, "queued")
        assert len(operator.state.log) == 2

    with before:
        folder = record_as_embedded(before, tmp_path / "data")
        monkeypatch.setenv(DATA_DIR_VARIABLE, str(folder.root))
        try:
            run_operator(qapp, before.url, scenario, before.monitor_url)
        finally:
            after.close()


def test_an_embedded_server_that_is_not_healthy_is_named_until_it_is_healthy_again(
    qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = NatsServer()

    async def scenario(operator: Operator) -> None:
        healthy = StackInfo(server.url, server.monitor_url, tmp_path, tmp_path, joined=True)
        problem, advice = "The disk is full. No space is left.", "Free at least 64 MiB."
        ill = replace(healthy, state="unhealthy", problem=problem, advice=advice)
        operator.desktop.embedded.follow(ill)
        shown = operator.notification
        assert (shown.title, shown.severity) == ("The embedded server is not healthy", "bad")
        assert (shown.detail, shown.advice) == (problem, advice)
        operator.desktop.embedded.follow(replace(ill, state="recovering"))
        assert operator.notification.title == "The embedded server is being restarted"
        operator.desktop.embedded.follow(replace(ill, problem="Data may not be stored."))
        for _change in ("healthy", "a worker was restarted"):
            operator.desktop.embedded.follow(healthy)
        shown = operator.notification
        assert (shown.title, shown.severity) == ("The embedded server is healthy again", "warning")
        assert problem in shown.detail

    with server:
        folder = record_as_embedded(server, tmp_path / "data")
        monkeypatch.setenv(DATA_DIR_VARIABLE, str(folder.root))
        run_operator(qapp, server.url, scenario, server.monitor_url)


def test_an_invalid_address_is_notified_and_the_window_stays(qapp: QApplication) -> None:
    async def scenario(operator: Operator) -> None:
        await wait_until(lambda: operator.has_notification)
        assert operator.notification.severity == "bad"
        assert "s3cret" not in repr(operator.notification)
        for key in operator.window.sidebar.buttons:
            await operator.go_to(key)

    run_operator(qapp, "nats://me:s3cret@host:notaport", scenario)


@pytest.mark.slow
def test_every_page_can_be_shown_while_tasks_run(
    run_scenario: Callable[[Callable[[Operator, WorkerHarness], Awaitable[None]]], None],
    tmp_path: Path,
) -> None:
    async def scenario(operator: Operator, harness: WorkerHarness) -> None:
        await harness.run()
        for number, key in enumerate(operator.window.sidebar.buttons):
            await operator.go_to(key)
            task_id = await harness.send("work", str(tmp_path / f"{number}"))
            await wait_until(
                lambda task_id=task_id: (
                    (run := operator.state.runs.get(task_id)) and run.state is RunState.SUCCEEDED
                )
            )

    run_scenario(scenario)


def test_closing_the_window_stops_the_application(
    run_scenario: Callable[[Callable[[Operator, WorkerHarness], Awaitable[None]]], None],
) -> None:
    async def scenario(operator: Operator, harness: WorkerHarness) -> None:
        await wait_until(lambda: operator.session.connection.connected)
        await operator.act(operator.window.close)
        await asyncio.wait_for(operator.desktop.stopped.wait(), 1)

    run_scenario(scenario)


def arguments(run: TaskRun) -> Any:
    """Positional arguments of a run."""
    assert run.request is not None
    return json.loads(run.request.args)
