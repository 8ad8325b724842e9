"""The log window shows complete lines live, selectable and filtered by words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QFontDatabase
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from pulse_desktop.model.process_log import LogChunk, LogCursor
from pulse_desktop.ui.shell.log_window import LogWindow
from pulse_desktop.ui.theme.theme import ThemeChoice, theme
from tests.ui.window_builder import run_at_once


@dataclass
class FakeLogs:
    """Logs in memory that can be read at once."""

    logs: dict[str, list[str]] = field(default_factory=dict)
    folder: Path = Path("/data")

    async def names(self) -> Sequence[str]:
        return list(self.logs)

    async def read(self, name: str, after: LogCursor | None = None) -> LogChunk:
        lines = self.logs.get(name, [])
        start = after.offset if after is not None else 0
        return LogChunk(tuple(lines[start:]), LogCursor(0, len(lines)))


@pytest.fixture
def source() -> FakeLogs:
    return FakeLogs({"nats-server": ["[1] [INF] Server is ready"], "worker-1": []})


@pytest.fixture
def logs(qtbot: QtBot, source: FakeLogs) -> Iterator[LogWindow]:
    theme().install(ThemeChoice.DARK)
    parent = QWidget()
    qtbot.addWidget(parent)
    window = LogWindow(source, run_at_once, lambda: None, parent)
    with qtbot.waitExposed(window):
        window.show()
    window.processes.setCurrentIndex(0)
    yield window
    window.close()


def lines(logs: LogWindow) -> list[str]:
    text = logs.text.toPlainText()
    return text.split("\n") if text else []


def test_every_process_can_be_chosen_and_new_lines_are_appended(
    qtbot: QtBot, logs: LogWindow, source: FakeLogs
) -> None:
    assert [logs.processes.itemText(i) for i in range(logs.processes.count())] == [
        "nats-server",
        "worker-1",
    ]
    assert lines(logs) == ["[1] [INF] Server is ready"]
    source.logs["nats-server"].append("[1] [WRN] Slow consumer")
    qtbot.waitUntil(lambda: len(lines(logs)) == 2)
    source.logs["worker-1"] += ["one", "", "three"]
    logs.processes.setCurrentIndex(1)
    assert lines(logs) == ["one", "", "three"]
    assert logs.summary == "3 lines"
    logs.processes.setCurrentIndex(0)
    assert len(lines(logs)) == 2


def test_a_new_worker_is_offered_and_the_chosen_process_stays(
    qtbot: QtBot, logs: LogWindow, source: FakeLogs
) -> None:
    logs.processes.setCurrentIndex(1)
    source.logs = {"nats-server": ["x"], "worker-0": [], "worker-1": ["same"]}
    qtbot.waitUntil(lambda: logs.processes.count() == 3)
    assert logs.name == "worker-1"
    source.logs = {}
    logs.poll()
    assert logs.processes.count() == 3, "the lines stay while the server restarts"


def test_the_filter_applies_to_new_lines_too(
    qtbot: QtBot, logs: LogWindow, source: FakeLogs
) -> None:
    source.logs["nats-server"] += ["[1] [ERR] Disk full", "[1] [INF] fine", "[1] [err] FULL again"]
    qtbot.waitUntil(lambda: len(lines(logs)) == 4)
    QTest.keyClicks(logs.field, "full err")
    qtbot.waitUntil(lambda: len(lines(logs)) == 2)
    assert logs.summary == "2 of 4 lines"
    source.logs["nats-server"] += ["[1] [INF] no", "[1] [ERR] full once more"]
    qtbot.waitUntil(lambda: len(lines(logs)) == 3)
    logs.field.setText("nowhere")
    qtbot.waitUntil(lambda: logs.summary == "0 of 6 lines")
    logs.field.clear()
    qtbot.waitUntil(lambda: len(lines(logs)) == 6)


def test_it_stays_at_the_end_until_it_is_scrolled_up(
    qtbot: QtBot, logs: LogWindow, source: FakeLogs
) -> None:
    bar = logs.text.verticalScrollBar()
    source.logs["nats-server"] += [f"line {n}" for n in range(200)]
    qtbot.waitUntil(lambda: len(lines(logs)) == 201)
    assert bar.value() == bar.maximum() > 0
    bar.setValue(20)
    assert not logs.follow.isChecked()
    source.logs["nats-server"] += [f"more {n}" for n in range(50)]
    qtbot.waitUntil(lambda: len(lines(logs)) == 251)
    assert bar.value() == 20
    bar.setValue(bar.maximum())
    assert logs.follow.isChecked()


def test_lines_are_monospaced_read_only_selectable_and_complete(
    qtbot: QtBot, logs: LogWindow, source: FakeLogs
) -> None:
    source.logs["nats-server"].append("x" * 5000)
    qtbot.waitUntil(lambda: len(lines(logs)) == 2)
    assert lines(logs)[1] == "x" * 5000
    assert logs.text.horizontalScrollBar().maximum() > 0
    assert QFontDatabase.isFixedPitch(logs.text.font().family())
    assert logs.text.isReadOnly()
    flags = logs.text.textInteractionFlags()
    assert flags & Qt.TextInteractionFlag.TextSelectableByMouse
    assert flags & Qt.TextInteractionFlag.TextSelectableByKeyboard
    logs.text.selectAll()
    source.logs["nats-server"].append("one more")
    qtbot.waitUntil(lambda: len(lines(logs)) == 3)
    assert "x" * 5000 in logs.text.textCursor().selectedText(), "the selection stays"


def test_nothing_is_read_while_it_is_closed(
    qtbot: QtBot, logs: LogWindow, source: FakeLogs
) -> None:
    QTest.keyClick(logs, Qt.Key.Key_Escape)
    assert not logs.isVisible()
    assert not logs.is_polling
    source.logs["nats-server"].append("unseen")
    QCoreApplication.processEvents()
    assert len(lines(logs)) == 1
    logs.show()
    assert len(lines(logs)) == 2


@pytest.mark.parametrize("choice", [ThemeChoice.DARK, ThemeChoice.LIGHT])
def test_it_is_painted_in_both_themes(logs: LogWindow, choice: ThemeChoice) -> None:
    theme().choose(choice)
    assert not logs.grab().isNull()
    theme().choose(ThemeChoice.DARK)


def test_it_opens_on_the_worker_and_filters_by_level(qtbot: QtBot) -> None:
    worker = [
        "2026 DEBUG   pulse: polling",
        "2026 INFO    pulse: started",
        "2026 ERROR   pulse: failed",
        "  File one.py, line 1",
        "2026 WARNING pulse: slow",
    ]
    source = FakeLogs({"nats-server": ["[1] [INF] ready"], "worker-0": worker})
    parent = QWidget()
    qtbot.addWidget(parent)
    window = LogWindow(source, run_at_once, lambda: None, parent)
    with qtbot.waitExposed(window):
        window.show()
    assert window.name == "worker-0"
    assert lines(window) == worker
    window.level.setCurrentIndex(3)
    assert lines(window) == worker[2:4], "a traceback belongs to its error"
    source.logs["worker-0"].append("2026 CRITICAL pulse: over")
    qtbot.waitUntil(lambda: len(lines(window)) == 3)
    window.level.setCurrentIndex(2)
    assert len(lines(window)) == 4
    assert window.summary == "4 of 6 lines"
    window.close()
