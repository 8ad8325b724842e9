"""The table of times by task says whose times they are, however narrow it is."""

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from pulse_desktop.ui.charts.run_series import Percentiles, TaskTimes
from pulse_desktop.ui.pages.tasks.task_times import TaskTimesTable

SAMPLE = Percentiles(200, 1.0, 2.0, 3.0)
TITLES = ("Task", "Runs", "Wait p50", "p95", "p99", "Run p50", "p95", "p99")


@pytest.fixture
def table(qtbot: QtBot) -> TaskTimesTable:
    table = TaskTimesTable(str)
    qtbot.addWidget(table)
    table.show_tasks([TaskTimes(f"generate_report {n}", 12, SAMPLE, SAMPLE) for n in range(40)])
    table.show()
    return table


def shown(table: TaskTimesTable) -> list[int]:
    """Return the columns that are shown."""
    return [column for column in range(len(TITLES)) if not table.view.isColumnHidden(column)]


@pytest.mark.parametrize(
    ("width", "columns"),
    [
        (700, [0, 1, 2, 3, 4, 5, 6, 7]),
        (500, [0, 1, 2, 3, 5, 6]),
        (440, [0, 1, 2, 5, 6]),
        (370, [0, 1, 5, 6]),
        (310, [0, 1, 5]),
        (260, [0, 5]),
    ],
)
def test_names_and_numbers_of_runs_have_room(
    qtbot: QtBot, table: TaskTimesTable, width: int, columns: list[int]
) -> None:
    table.resize(width, 200)
    qtbot.waitUntil(lambda: table.view.viewport().width() > width - 40)
    assert shown(table) == columns
    assert table.view.columnWidth(0) >= 140
    table.resize(700, 200)
    assert len(shown(table)) == len(TITLES)


def test_the_tooltip_has_what_is_left_out(table: TaskTimesTable) -> None:
    tooltip = table.view.model().index(0, 0).data(Qt.ItemDataRole.ToolTipRole)
    for part in ("12 ended runs", "Wait p50 1.00 s, p95 2.00 s, p99 3.00 s", "Run p50 1.00 s"):
        assert part in tooltip
