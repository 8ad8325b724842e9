"""Columns use the room that there is."""

from collections.abc import Callable

import pytest
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from pulse_desktop.state.ring_buffer import RingBuffer
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.header import TITLE_SPARE
from pulse_desktop.ui.table.live_table import LiveTable
from pulse_desktop.ui.theme.theme import ThemeChoice, theme

Row = tuple[str, str, str]


def _columns() -> tuple[Column[Row], ...]:
    return (
        Column("Key", "key", lambda row, _now: row[0], width=120, mono=True),
        Column("Kind", "kind", lambda row, _now: row[1], width=200),
        Column("Error", "error", lambda row, _now: row[2], width=200, stretch=True),
    )


@pytest.fixture
def open_table(qtbot: QtBot) -> Callable[[Row, int], LiveTable[Row]]:
    def open_(row: Row, width: int) -> LiveTable[Row]:
        theme().install(ThemeChoice.DARK)
        rows: RingBuffer[Row] = RingBuffer(10)
        rows.append(row)
        table = LiveTable(rows, _columns(), name="T", empty_title="", empty_text="")
        qtbot.addWidget(table)
        table.resize(width, 200)
        with qtbot.waitExposed(table):
            table.show()
        table.refresh(1.0)
        return table

    return open_


OpenTable = Callable[[Row, int], LiveTable[Row]]


def test_a_cut_text_gets_the_room_of_an_empty_column(qtbot: QtBot, open_table: OpenTable) -> None:
    table = open_table(("0123456789abcdef" * 2, "k", ""), 520)
    qtbot.waitUntil(lambda: table.columnWidth(0) > 230)
    assert sum(table.columnWidth(number) for number in range(3)) == table.viewport().width()


def test_texts_that_fit_leave_the_columns_alone(qtbot: QtBot, open_table: OpenTable) -> None:
    table = open_table(("k", "k", "e"), 900)
    table.grab()
    QApplication.processEvents()
    assert [table.columnWidth(0), table.columnWidth(1)] == [120, 200]


def test_a_width_that_the_operator_chose_stays_and_is_saved(
    qtbot: QtBot, open_table: OpenTable
) -> None:
    table = open_table(("0123456789abcdef" * 2, "long enough to be cut off" * 3, ""), 700)
    qtbot.waitUntil(lambda: table.columnWidth(1) > 200)
    assert table.column_layout.state()["widths"] == {}, "only choices of the operator are saved"
    table.setColumnWidth(0, 90)
    table.column_layout.fit()
    assert table.columnWidth(0) == 90
    assert table.column_layout.state()["widths"] == {"key": 90}


def test_several_cut_columns_share_the_room(qtbot: QtBot, open_table: OpenTable) -> None:
    table = open_table(("x" * 200, "y" * 200, "z" * 200), 1200)
    qtbot.waitUntil(lambda: table.columnWidth(0) > 200)
    widths = [table.columnWidth(number) for number in range(3)]
    assert sum(widths) == table.viewport().width()
    assert min(widths) > 300


def test_a_text_that_is_little_too_long_is_whole_beside_very_long_ones(qtbot: QtBot) -> None:
    theme().install(ThemeChoice.DARK)
    state, rows = "muted · recovered", RingBuffer[str](1)
    rows.append("x" * 200)
    long = [
        Column[str](f"C{number}", f"c{number}", lambda row, _now: row, width=100)
        for number in range(4)
    ]
    short = Column[str]("State", "state", lambda _row, _now: state, width=60)
    last = Column[str]("Error", "error", lambda row, _now: row, width=100, stretch=True)
    table = LiveTable(rows, [short, *long, last], name="T", empty_title="", empty_text="")
    qtbot.addWidget(table)
    table.resize(760, 200)
    with qtbot.waitExposed(table):
        table.show()
    table.refresh(1.0)
    needed = QFontMetrics(theme().text_font()).horizontalAdvance(state) + 16
    qtbot.waitUntil(lambda: table.columnWidth(0) >= needed)
    widths = [table.columnWidth(number) for number in range(1, 5)]
    assert max(widths) - min(widths) <= 4, "the others share the rest"


@pytest.mark.parametrize("length", range(28, 36))
def test_rounding_leaves_no_text_cut(qtbot: QtBot, length: int) -> None:
    theme().install(ThemeChoice.DARK)
    rows: RingBuffer[str] = RingBuffer(1)
    rows.append("x" * length)
    wide = [
        Column[str](f"C{number}", f"c{number}", lambda _row, _now: "k", width=93)
        for number in range(7)
    ]
    key = Column[str]("Key", "key", lambda row, _now: row, width=120, mono=True)
    last = Column[str]("Error", "error", lambda _row, _now: "", width=97, stretch=True)
    table = LiveTable(rows, [*wide, key, last], name="T", empty_title="", empty_text="")
    qtbot.addWidget(table)
    table.resize(790, 200)
    with qtbot.waitExposed(table):
        table.show()
    table.refresh(1.0)
    needed = QFontMetrics(theme().number_font()).horizontalAdvance(rows[0]) + 16
    qtbot.waitUntil(lambda: table.columnWidth(len(wide)) >= needed)


def test_a_long_text_that_is_gone_gives_its_room_back(qtbot: QtBot, open_table: OpenTable) -> None:
    table = open_table(("k" * 60, "k", "e"), 900)
    qtbot.waitUntil(lambda: table.columnWidth(0) > 400)
    rows: RingBuffer[Row] = RingBuffer(1)
    rows.append(("k", "k", "e"))
    table.rows_model.set_rows(rows)
    table.refresh(4.0)
    assert table.columnWidth(0) > 400, "not at once: columns rarely move"
    table.refresh(12.0)
    assert table.columnWidth(0) == 120


def test_the_column_that_takes_what_is_left_keeps_its_title(
    qtbot: QtBot, open_table: OpenTable
) -> None:
    table = open_table(("k", "k", "e"), 400)
    title = QFontMetrics(theme().text_font(step=-1)).horizontalAdvance("Error")
    qtbot.waitUntil(lambda: table.columnWidth(2) >= title + TITLE_SPARE)
    assert min(table.columnWidth(number) for number in range(2)) > 44
