"""Closing the window while a file is written ends that, and leaves nothing of it."""

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from pulse_desktop.ui.widgets.question_dialog import QuestionDialog
from tests.e2e.desktop_app import Operator, run_operator
from tests.kit.nats_servers import NatsServer
from tests.kit.state_builder import StateBuilder
from tests.kit.waiting import wait_until

ROWS = 30_000


def test_quitting_during_an_export_leaves_no_part_of_it(
    qapp: QApplication, nats_server: NatsServer, tmp_path: Path
) -> None:
    async def scenario(operator: Operator) -> None:
        await operator.go_to("tasks")
        await operator.session.connection.wait_connected()
        builder = StateBuilder(operator.session.now() - 60)
        builder.state = operator.state
        for number in range(ROWS):
            builder.task(f"{number:032x}", "work", text="x" * 500)
        page = operator.page
        await wait_until(lambda: page.table.rows_model.shown_count >= ROWS)
        page.export_action.export_to(tmp_path / "big.csv")
        await wait_until(lambda: list(tmp_path.iterdir()))
        await operator.press(Qt.Key.Key_Q, Qt.KeyboardModifier.ControlModifier)
        (question,) = await wait_until(lambda: operator.window.findChildren(QuestionDialog))
        assert not operator.desktop.stopped.is_set()
        await operator.act(question.accept)
        assert operator.desktop.stopped.is_set()

    run_operator(qapp, nats_server.url, scenario)
    assert list(tmp_path.iterdir()) == []
