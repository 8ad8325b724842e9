"""History is kept with one click, and is there when the window is opened again."""

import asyncio

from PySide6.QtWidgets import QApplication

from pulse_desktop.model.run_state import RunState
from pulse_desktop.protocol.task_message import encode_task
from pulse_desktop.protocol.topics import TASK_SUBJECT
from pulse_desktop.ui.connections.history_dialog import HistoryDialog
from pulse_desktop.ui.shell.connection_menu import HISTORY
from tests.e2e.desktop_app import Operator, run_operator
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until


async def publish_task(server: NatsServer, task_id: str) -> None:
    """Publish a task as the core broker does."""
    client = await connect(server.url)
    payload, headers = encode_task(task_id, "shop:pay")
    await client.publish(TASK_SUBJECT, payload, headers=headers)
    await client.flush()
    await client.close()


def test_history_is_kept_with_one_click(qapp: QApplication, nats_server: NatsServer) -> None:
    async def keep(operator: Operator) -> None:
        window = operator.window
        await wait_until(lambda: window.session.can_keep_history)
        await operator.act(lambda: window.actions_table.run(HISTORY.id))
        dialog = window.findChild(HistoryDialog)
        assert dialog is not None
        await wait_until(dialog.make.isEnabled)
        assert dialog.make.text() == "Make 2 streams"
        await operator.click(dialog.make)
        await wait_until(lambda: operator.has_notification)
        assert operator.notification.title == "History is kept from now on"
        await wait_until(lambda: operator.session.task_feed.status.mode == "history")
        assert not window.session.can_keep_history
        await publish_task(nats_server, "seen")
        await wait_until(lambda: operator.state.runs.get("seen"))

    async def look(operator: Operator) -> None:
        run = await wait_until(lambda: operator.state.runs.get("unseen"))
        assert (run.name, run.state) == ("shop:pay", RunState.QUEUED)
        assert operator.state.runs.get("seen") is not None

    run_operator(qapp, nats_server.url, keep)
    asyncio.run(publish_task(nats_server, "unseen"))
    run_operator(qapp, nats_server.url, look)
