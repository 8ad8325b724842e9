"""The logs of the embedded server: live, selectable, whole lines, filtered by words."""

from dataclasses import dataclass, field

import pytest
from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from pulse_desktop.ui.shell.log_window import LogWindow
from pulse_desktop.ui.theme.theme import ThemeChoice, theme
from tests.ui.window_builder import start_at_once


@dataclass
class Part:
    lines: tuple = ()
    place: object = None
    cut: bool = False
    problem: str = ""


@dataclass
class Stored:
    """Answers at once."""

    logs: dict = field(default_factory=dict)

    async def names(self):
        return list(self.logs)

    async def read(self, name, after=None):
        lines = self.logs.get(name, [])
        return Part(tuple(lines[after or 0 :]), len(lines))


@pytest.fixture
def stored():
    return Stored({"nats-server": ["[1] [INF] Server is ready"], "worker-1": []})


@pytest.fixture
def logs(qtbot: QtBot, stored):
    theme().install(ThemeChoice.DARK)
    parent = QWidget()
    qtbot.addWidget(parent)
    window = LogWindow(stored, start_at_once, lambda: None, parent)
    with qtbot.waitExposed(window):
        window.show()
    yield window
    window.close()


def lines(logs):
    text = logs.text.toPlainText()
    return text.split("\n") if text else []


def test_every_process_can_be_chosen_and_the_lines_arrive_while_it_is_open(
    qtbot: QtBot, logs, stored
) -> None:
    assert [logs.processes.itemText(i) for i in range(logs.processes.count())] == [
        "nats-server",
        "worker-1",
    ]
    assert lines(logs) == ["[1] [INF] Server is ready"]
    stored.logs["nats-server"].append("[1] [WRN] Slow consumer")
    qtbot.waitUntil(lambda: len(lines(logs)) == 2)
    stored.logs["worker-1"] += ["one", "", "three"]
    logs.processes.setCurrentIndex(1)
    assert lines(logs) == ["one", "", "three"]
    assert logs.about == "3 lines"
    logs.processes.setCurrentIndex(0)
    assert len(lines(logs)) == 2


def test_a_worker_that_is_added_is_offered_and_the_chosen_one_stays(
    qtbot: QtBot, logs, stored
) -> None:
    logs.processes.setCurrentIndex(1)
    stored.logs = {"nats-server": ["x"], "worker-0": [], "worker-1": ["same"]}
    qtbot.waitUntil(lambda: logs.processes.count() == 3)
    assert logs.name == "worker-1"
    stored.logs = {}
    logs._look()
    assert logs.processes.count() == 3, "what was read stays while the server starts anew"


def test_words_filter_the_lines_also_those_to_come(qtbot: QtBot, logs, stored) -> None:
    stored.logs["nats-server"] += ["[1] [ERR] Disk full", "[1] [INF] fine", "[1] [err] FULL again"]
    qtbot.waitUntil(lambda: len(lines(logs)) == 4)
    qtbot.keyClicks(logs.field, "full err")
    qtbot.waitUntil(lambda: len(lines(logs)) == 2)
    assert logs.about == "2 of 4 lines"
    stored.logs["nats-server"] += ["[1] [INF] no", "[1] [ERR] full once more"]
    qtbot.waitUntil(lambda: len(lines(logs)) == 3)
    logs.field.setText("nowhere")
    qtbot.waitUntil(lambda: logs.about == "0 of 6 lines")
    logs.field.clear()
    qtbot.waitUntil(lambda: len(lines(logs)) == 6)


def test_it_follows_the_end_until_it_is_scrolled_up(qtbot: QtBot, logs, stored) -> None:
    bar = logs.text.verticalScrollBar()
    stored.logs["nats-server"] += [f"line {n}" for n in range(200)]
    qtbot.waitUntil(lambda: len(lines(logs)) == 201)
    assert bar.value() == bar.maximum() > 0
    bar.setValue(20)
    assert not logs.follow.isChecked()
    stored.logs["nats-server"] += [f"more {n}" for n in range(50)]
    qtbot.waitUntil(lambda: len(lines(logs)) == 251)
    assert bar.value() == 20
    bar.setValue(bar.maximum())
    assert logs.follow.isChecked()


def test_text_is_monospaced_read_only_selectable_and_never_cut(qtbot: QtBot, logs, stored) -> None:
    stored.logs["nats-server"].append("x" * 5000)
    qtbot.waitUntil(lambda: len(lines(logs)) == 2)
    assert lines(logs)[1] == "x" * 5000
    assert logs.text.horizontalScrollBar().maximum() > 0
    assert QFontDatabase.isFixedPitch(logs.text.font().family())
    assert logs.text.isReadOnly()
    flags = logs.text.textInteractionFlags()
    assert flags & Qt.TextInteractionFlag.TextSelectableByMouse
    assert flags & Qt.TextInteractionFlag.TextSelectableByKeyboard
    logs.text.selectAll()
    stored.logs["nats-server"].append("one more")
    qtbot.waitUntil(lambda: len(lines(logs)) == 3)
    assert "x" * 5000 in logs.text.textCursor().selectedText(), "the selection stays"


def test_nothing_is_read_while_it_is_closed(qtbot: QtBot, logs, stored) -> None:
    qtbot.keyClick(logs, Qt.Key.Key_Escape)
    assert not logs.isVisible()
    assert not logs._timer.isActive()
    stored.logs["nats-server"].append("unseen")
    QCoreApplication.processEvents()
    assert len(lines(logs)) == 1
    logs.show()
    assert len(lines(logs)) == 2


@pytest.mark.parametrize("choice", [ThemeChoice.DARK, ThemeChoice.LIGHT])
def test_it_is_drawn_in_both_themes(logs, choice) -> None:
    theme().choose(choice)
    assert not logs.grab().isNull()
    theme().choose(ThemeChoice.DARK)
