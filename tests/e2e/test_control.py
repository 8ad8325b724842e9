"""Cancelling and pausing from the real window with a real worker."""

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from pulse_desktop.ui.pages.workers.page import MonitoringPage
from tests.e2e.desktop_app import LEFT, Operator, run_operator
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until
from tests.kit.worker_processes import lines, open_harness


async def says(operator: Operator, title: str) -> None:
    """Wait for a notification."""
    await wait_until(
        lambda: title in [notice.title for notice in operator.window.notifications.shown],
        message=f"{title!r} among {operator.window.notifications.shown}",
    )


async def answer(operator: Operator) -> None:
    """Answer a question by Enter, as soon as it takes a key for an answer."""
    guards = [card.guard for card in operator.window.notifications.cards]
    await wait_until(lambda: any(guard is not None and guard.accepts_keys for guard in guards))
    await operator.press(Qt.Key.Key_Return)


def test_a_run_is_cancelled_and_a_worker_paused_and_resumed(
    qapp: QApplication, nats_server: NatsServer, tmp_path: Path
) -> None:
    async def scenario(operator: Operator) -> None:
        async with open_harness(nats_server, tmp_path) as harness:
            await harness.run(worker_slots=1)
            await operator.go_to("tasks")
            ran, never = tmp_path / "ran", tmp_path / "never"
            running = await harness.send("work", str(ran), 30)
            await operator.wait_for_cell(running, "running")
            waiting = await harness.send("work", str(never))
            await operator.wait_for_cell(waiting, "queued")

            await operator.open_details(waiting)
            await operator.press(Qt.Key.Key_C)
            await says(operator, "Cancel work?")
            await answer(operator)
            await operator.wait_for_cell(waiting, "cancelled")
            await says(operator, "work: removed from the queue before it started")

            await operator.open_details(running)
            await operator.click(operator.page.detail.progress.cancel_button)
            await answer(operator)
            await operator.wait_for_cell(running, "cancelled")
            await says(operator, "work: cancelled on worker-1")
            await wait_until(lambda: not operator.page.detail.progress.isVisible())
            assert lines(ran) == ["begin"]
            assert lines(never) == []

            await operator.go_to("monitoring")
            page = operator.shown_page
            assert isinstance(page, MonitoringPage)
            await wait_until(lambda: page.table.rows_model.shown_count == 1)
            table = page.table
            await operator.act(
                lambda: QTest.mouseClick(
                    table.viewport(),
                    LEFT,
                    pos=table.visualRect(table.rows_model.index(0, 0)).center(),
                )
            )
            await operator.press(Qt.Key.Key_P)
            await wait_until(page.buttons.resume.isVisible)
            await says(operator, "worker-1 paused")
            task_id = await harness.send("work", str(never))
            await operator.click(page.buttons.resume)
            await wait_until(page.buttons.pause.isVisible)
            await operator.go_to("tasks")
            await operator.wait_for_cell(task_id, "succeeded")

    run_operator(qapp, nats_server.url, scenario, nats_server.monitor_url)
