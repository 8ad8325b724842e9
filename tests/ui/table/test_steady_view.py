"""Rows stay where they are on the screen: at the top, sorted, filtered, evicted or pointed at."""

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QCursor, QHelpEvent, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton, QToolTip
from pytestqt.qtbot import QtBot

from pulse_desktop.state.ring_buffer import RingBuffer
from pulse_desktop.ui.table import steady_view
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.live_table import LiveTable
from pulse_desktop.ui.table.view import ROW_HEIGHT
from pulse_desktop.ui.theme.theme import ThemeChoice, theme
from tests.ui.tables import click_pill, pill_text

Table = LiveTable[int]
SHOWN = 10

COLUMNS: tuple[Column[int], ...] = (
    Column("Number", "number", lambda number, _now: str(number), sort=lambda number: number),
    Column("Last digit", "digit", lambda n, _now: str(n % 10), sort=lambda n: n % 10),
)


@pytest.fixture
def rows() -> RingBuffer[int]:
    filled: RingBuffer[int] = RingBuffer(300)
    append(filled, 200)
    return filled


@pytest.fixture
def table(qtbot: QtBot, rows: RingBuffer[int]) -> Table:
    return show(qtbot, rows)


def show(qtbot: QtBot, rows: RingBuffer[int]) -> Table:
    theme().install(ThemeChoice.DARK)
    QCursor.setPos(5_000, 5_000)
    view = Table(rows, COLUMNS, name="Numbers", empty_title="No numbers", empty_text="Count.")
    qtbot.addWidget(view)
    view.resize(700, view.header.height() + SHOWN * ROW_HEIGHT)
    with qtbot.waitExposed(view):
        view.show()
    view.setFocus()
    return view


def append(rows: RingBuffer[int], count: int) -> None:
    for _number in range(count):
        rows.append(rows.stop)


def place(table: Table, number: int) -> int:
    """Return the pixels from the top of the viewport to a row, which must be shown."""
    row = table.rows_model.view_row(number)
    assert row is not None
    return table.rowViewportPosition(row)


def click(table: Table, y: int) -> None:
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(20, y))


def top(table: Table) -> int | None:
    return table.rows_model.row_object(table.rowAt(0))


def test_with_the_focus_alone_the_newest_row_is_followed(
    table: Table, rows: RingBuffer[int]
) -> None:
    assert table.hasFocus()
    append(rows, 50)
    table.refresh(1.0)
    assert top(table) == 249
    assert not table.currentIndex().isValid()


def test_a_clicked_row_at_the_top_stays_in_place_and_the_new_ones_are_counted(
    table: Table, rows: RingBuffer[int]
) -> None:
    click(table, 2 * ROW_HEIGHT + 5)
    assert table.selected_rows() == [197]
    before = place(table, 197)
    for second in range(1, 20):
        append(rows, 7)
        table.refresh(float(second))
        assert place(table, 197) == before
    assert pill_text(table) == "133 new"


def test_rows_that_all_fit_on_the_screen_are_all_shown(qtbot: QtBot) -> None:
    rows: RingBuffer[int] = RingBuffer(300)
    append(rows, 4)
    table = show(qtbot, rows)
    click(table, 1 * ROW_HEIGHT + 5)
    append(rows, 3)
    table.refresh(1.0)
    assert (place(table, 6), place(table, 2)) == (0, 4 * ROW_HEIGHT)
    assert (table.selected_rows(), pill_text(table)) == ([2], "")
    append(rows, 20)
    table.refresh(2.0)
    assert (place(table, 2), pill_text(table)) == (4 * ROW_HEIGHT, "20 new")


@pytest.mark.parametrize("clicked", [0, 3])
def test_no_row_of_a_sorted_list_that_fits_is_hidden_above_nor_below_room(
    qtbot: QtBot, clicked: int
) -> None:
    rows: RingBuffer[int] = RingBuffer(300)
    append(rows, 4)
    table = show(qtbot, rows)
    table.rows_model.set_sort("number", descending=True)
    click(table, clicked * ROW_HEIGHT + 5)
    selected = table.selected_rows()
    rows.replace(3 - clicked, 8 if clicked else -8)
    rows.replace(1, 5)
    table.refresh(2.0, {3 - clicked, 1})
    assert top(table) == max(table.rows_model.row_objects())
    assert table.verticalScrollBar().value() == 0
    assert len(selected) == len(table.selected_rows()) == 1


def test_a_row_at_which_the_pointer_aims_stays_until_it_rests(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: RingBuffer[int] = RingBuffer(300)
    append(rows, 4)
    table = show(qtbot, rows)
    click(table, 1 * ROW_HEIGHT + 5)
    before = place(table, 2)
    monkeypatch.setattr(table, "pointer_aims", lambda: True)
    append(rows, 3)
    table.refresh(1.0)
    assert (place(table, 2), pill_text(table)) == (before, "3 new")
    monkeypatch.setattr(table, "pointer_aims", lambda: False)
    table.refresh(2.0)
    assert (place(table, 6), pill_text(table)) == (0, "")


def test_the_row_stays_in_place_when_the_table_is_resized(
    table: Table, rows: RingBuffer[int]
) -> None:
    click(table, 5)
    append(rows, 3)
    table.refresh(1.0)
    before = place(table, 199)
    table.resize(800, table.height() + 2 * ROW_HEIGHT)
    append(rows, 3)
    table.refresh(2.0)
    assert place(table, 199) == before


@pytest.mark.parametrize("descending", [False, True])
def test_a_selected_row_of_a_sorted_table_stays_in_place(
    table: Table, rows: RingBuffer[int], descending: bool
) -> None:
    table.rows_model.set_sort("digit", descending=descending)
    table.scrollToTop()
    click(table, 4 * ROW_HEIGHT + 5)
    (selected,) = table.selected_rows()
    before = place(table, selected)
    for second in range(1, 12):
        append(rows, 9)  # evicts from 300 on
        table.refresh(2.0 * second)
        if selected < rows.start:
            break
        assert place(table, selected) == before
    assert pill_text(table).endswith(" new")


def test_a_row_sorted_to_the_top_stays_below_room(table: Table, rows: RingBuffer[int]) -> None:
    table.rows_model.set_sort("number", descending=True)
    click(table, 6 * ROW_HEIGHT + 5)
    (selected,) = table.selected_rows()
    before = place(table, selected)
    # Everything above it leaves the filter, so that it is the first row.
    table.keep_position(lambda: table.rows_model.set_filter(lambda number: number <= selected))
    assert table.rows_model.view_row(selected) == 0
    assert place(table, selected) == before == 6 * ROW_HEIGHT
    QTest.qWait(0)
    painted = table.viewport().grab().toImage().pixelColor(300, before + 5)
    assert painted == theme().color("selection")
    click(table, before + 5)
    assert table.selected_rows() == [selected]


def test_without_a_row_a_sorted_table_stays_at_the_top(table: Table, rows: RingBuffer[int]) -> None:
    table.rows_model.set_sort("number", descending=True)
    append(rows, 5)
    table.refresh(5.0)
    assert (top(table), pill_text(table)) == (204, "")


def test_the_keyboard_stays_near_a_row_that_left_the_filter(
    table: Table, rows: RingBuffer[int]
) -> None:
    click(table, 3 * ROW_HEIGHT + 5)
    before = place(table, 196)
    opened: list[object] = []
    table.current_changed.connect(opened.append)
    table.update_filter(lambda number: number != 196)
    assert table.current_row() == 195
    assert place(table, 195) == before
    assert table.selected_rows() == []
    assert opened == []
    QTest.keyClick(table, Qt.Key.Key_Down)
    assert table.selected_rows() == [194]
    assert opened == [194]


def test_the_keyboard_stays_near_a_row_when_a_filter_leaves_few_rows(table: Table) -> None:
    click(table, 5)
    table.keep_position(lambda: table.rows_model.set_filter(lambda number: number % 30 == 0))
    assert table.current_row() == 180


def test_the_keyboard_stays_near_an_evicted_row(table: Table, rows: RingBuffer[int]) -> None:
    QTest.keyClick(table, Qt.Key.Key_End)
    assert table.current_row() == 0
    append(rows, 120)
    table.refresh(1.0)
    assert (rows.start, table.current_row()) == (20, 20)
    QTest.keyClick(table, Qt.Key.Key_Up)
    assert table.current_row() == 21


def test_keys_move_on_from_the_row_after_many_have_arrived(
    table: Table, rows: RingBuffer[int]
) -> None:
    QTest.keyClick(table, Qt.Key.Key_Down)
    QTest.keyClick(table, Qt.Key.Key_Down)
    before = place(table, 198)
    append(rows, 90)
    table.refresh(1.0)
    QTest.keyClick(table, Qt.Key.Key_Down)
    assert table.current_row() == 197
    assert place(table, 197) == before + ROW_HEIGHT


def test_rows_stay_under_a_moving_pointer_until_it_rests(
    table: Table, rows: RingBuffer[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("pulse_desktop.ui.table.steady_view.time.monotonic", lambda: now)
    monkeypatch.setattr(table.viewport(), "underMouse", lambda: True)
    at = QPointF(20, 2 * ROW_HEIGHT + 5)
    move = QMouseEvent(
        QEvent.Type.MouseMove,
        at,
        table.viewport().mapToGlobal(at),
        Qt.MouseButton.NoButton,
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(table.viewport(), move)
    append(rows, 40)
    table.refresh(1.0)
    assert (place(table, 197), pill_text(table)) == (2 * ROW_HEIGHT, "40 new")
    now += steady_view.POINTER_S + 0.1
    append(rows, 1)
    table.refresh(2.0)
    assert (top(table), pill_text(table)) == (240, "")


def test_the_pill_is_at_the_top_and_goes_to_the_newest_row(
    table: Table, rows: RingBuffer[int]
) -> None:
    click(table, 5 * ROW_HEIGHT + 5)
    append(rows, 30)
    table.refresh(1.0)
    pill = next(b for b in table.findChildren(QPushButton) if b.property("kind") == "pill")
    assert table.viewport().mapFrom(table, pill.pos()).y() < ROW_HEIGHT
    pill.click()
    assert (top(table), table.selected_rows(), pill_text(table)) == (229, [], "")
    append(rows, 1)
    table.refresh(2.0)
    assert top(table) == 230


def test_several_selected_rows_survive_the_way_to_the_newest(
    table: Table, rows: RingBuffer[int]
) -> None:
    click(table, 5)
    QTest.keyClick(table, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    append(rows, 30)
    table.refresh(1.0)
    click_pill(table)
    assert (top(table), table.selected_rows()) == (229, [199, 198])


def test_home_goes_to_the_newest_row_and_makes_it_current(
    table: Table, rows: RingBuffer[int]
) -> None:
    click(table, 5 * ROW_HEIGHT + 5)
    append(rows, 30)
    table.refresh(1.0)
    QTest.keyClick(table, Qt.Key.Key_Home)
    assert (top(table), table.current_row(), pill_text(table)) == (229, 229, "")


def test_a_table_scrolled_by_the_operator_stays_there(table: Table, rows: RingBuffer[int]) -> None:
    table.verticalScrollBar().setValue(500)
    before = place(table, 180)
    append(rows, 30)
    table.refresh(1.0)
    assert place(table, 180) == before
    assert not table.release()
    table.verticalScrollBar().setValue(0)
    append(rows, 1)
    table.refresh(2.0)
    assert top(table) == 230


def test_rows_that_arrive_while_the_table_is_hidden_are_counted(
    table: Table, rows: RingBuffer[int]
) -> None:
    click(table, 2 * ROW_HEIGHT + 5)
    before = place(table, 197)
    append(rows, 5)
    table.refresh(1.0)
    table.hide()
    append(rows, 40)
    table.show()
    table.catch_up(2.0)
    assert (place(table, 197), pill_text(table)) == (before, "45 new")


@pytest.mark.parametrize("sort_key", ["", "digit"])
def test_only_new_rows_that_the_filter_shows_are_counted_after_the_table_was_hidden(
    table: Table, rows: RingBuffer[int], sort_key: str
) -> None:
    table.rows_model.set_sort(sort_key)
    table.set_filter(lambda number: number % 2 == 0)
    click(table, 2 * ROW_HEIGHT + 5)
    append(rows, 40)
    table.catch_up(2.0)
    assert pill_text(table) == "20 new"


def test_nothing_is_new_in_a_hidden_table_without_a_selected_row(
    table: Table, rows: RingBuffer[int]
) -> None:
    append(rows, 40)
    table.catch_up(2.0)
    assert (top(table), pill_text(table)) == (239, "")


def test_letting_the_row_go_shows_the_newest_and_counts_from_zero(
    table: Table, rows: RingBuffer[int]
) -> None:
    click(table, 2 * ROW_HEIGHT + 5)
    append(rows, 30)
    table.refresh(1.0)
    assert pill_text(table) == "30 new"
    assert table.release()
    assert (top(table), pill_text(table)) == (229, "")
    append(rows, 4)
    table.refresh(2.0)
    assert (top(table), pill_text(table)) == (233, "")
    click(table, 2 * ROW_HEIGHT + 5)
    append(rows, 3)
    table.refresh(3.0)
    assert pill_text(table) == "3 new"


def test_letting_the_row_go_keeps_where_the_operator_has_scrolled_to(
    table: Table, rows: RingBuffer[int]
) -> None:
    click(table, 2 * ROW_HEIGHT + 5)
    table.verticalScrollBar().setValue(50 * ROW_HEIGHT)
    append(rows, 30)
    table.refresh(1.0)
    table.release()
    append(rows, 1)
    table.refresh(2.0)
    assert (top(table), pill_text(table)) == (149, "31 new")


def test_a_row_that_all_others_have_outlived_holds_nothing(
    table: Table, rows: RingBuffer[int]
) -> None:
    click(table, 2 * ROW_HEIGHT + 5)
    append(rows, 50)
    table.refresh(1.0)
    table.update_filter(lambda number: number >= 240)  # as a live time range moves on
    assert not table.holds
    assert (top(table), pill_text(table)) == (249, "")
    append(rows, 5)
    table.refresh(2.0)
    assert (top(table), pill_text(table)) == (254, "")


def test_an_evicted_row_holds_nothing(table: Table, rows: RingBuffer[int]) -> None:
    click(table, 2 * ROW_HEIGHT + 5)
    for second in range(1, 30):
        append(rows, 20)
        table.refresh(float(second))
    assert rows.start > 197
    assert not table.holds
    assert (top(table), pill_text(table)) == (rows.stop - 1, "")


def test_another_filter_makes_no_other_row_current(table: Table) -> None:
    click(table, 3 * ROW_HEIGHT + 5)
    opened: list[object] = []
    table.current_changed.connect(opened.append)
    table.set_filter(lambda number: number % 10 == 0)
    assert (table.current_row(), table.selected_rows(), opened) == (None, [], [])
    assert top(table) == 190
    QTest.keyClick(table, Qt.Key.Key_Down)
    assert opened == [190]


def test_a_current_row_stays_current_in_another_filter(table: Table) -> None:
    click(table, 6 * ROW_HEIGHT + 5)
    opened: list[object] = []
    table.current_changed.connect(opened.append)
    table.set_filter(lambda number: number % 193 == 0)
    assert (table.current_row(), table.selected_rows(), opened) == (193, [193], [])


def test_a_row_that_the_filter_reaches_later_is_current_again(qtbot: QtBot) -> None:
    rows: RingBuffer[int] = RingBuffer(600_000)
    append(rows, 500_000)
    table = show(qtbot, rows)
    QTest.keyClick(table, Qt.Key.Key_End)
    assert table.selected_rows() == [0]
    table.set_filter(lambda number: number % 1000 == 0)
    assert table.rows_model.filter_pending
    assert table.current_row() is None
    qtbot.waitUntil(lambda: not table.rows_model.filtering)
    assert (table.current_row(), table.selected_rows()) == (0, [0])


def test_a_sort_that_removes_an_evicted_row_opens_no_other(
    table: Table, rows: RingBuffer[int]
) -> None:
    QTest.keyClick(table, Qt.Key.Key_End)
    append(rows, 120)
    opened: list[object] = []
    table.current_changed.connect(opened.append)
    table.rows_model.set_sort("digit")
    assert opened == []


shows_tooltips = pytest.mark.qt_log_ignore("This plugin does not support raise", extend=True)


def ask_for_tooltip(table: Table, y: int) -> None:
    """Rest the pointer on the first column."""
    at = QPoint(20, y)
    event = QHelpEvent(QEvent.Type.ToolTip, at, table.viewport().mapToGlobal(at))
    QApplication.sendEvent(table.viewport(), event)


@pytest.fixture
def told(qtbot: QtBot) -> Iterator[Table]:
    """Show a table whose rows have tooltips that change with time."""
    rows: RingBuffer[int] = RingBuffer(300)
    append(rows, 200)
    columns = (
        Column[int](
            "Number",
            "number",
            lambda number, _now: str(number),
            tooltip=lambda number, now: f"{number} at {now:.0f}",
        ),
    )
    QCursor.setPos(5_000, 5_000)
    view = Table(rows, columns, name="N", empty_title="", empty_text="")
    qtbot.addWidget(view)
    view.resize(700, view.header.height() + SHOWN * ROW_HEIGHT)
    with qtbot.waitExposed(view):
        view.show()
    view.refresh(1.0)
    yield view
    QToolTip.hideText()


@shows_tooltips
def test_a_tooltip_follows_the_changes_of_its_row(qtbot: QtBot, told: Table) -> None:
    ask_for_tooltip(told, 2 * ROW_HEIGHT + 5)
    assert "197 at 1" in QToolTip.text()
    told.refresh(2.0, {197})
    assert QToolTip.isVisible()
    assert "197 at 2" in QToolTip.text()


@shows_tooltips
def test_a_tooltip_is_closed_when_another_row_is_in_its_place(qtbot: QtBot, told: Table) -> None:
    rows = told.rows_model.live_rows
    assert isinstance(rows, RingBuffer)
    ask_for_tooltip(told, 2 * ROW_HEIGHT + 5)
    assert "197 at 1" in QToolTip.text()
    append(rows, 3)
    told.refresh(2.0)
    qtbot.waitUntil(lambda: not QToolTip.isVisible())


@shows_tooltips
def test_a_tooltip_is_closed_by_another_filter(qtbot: QtBot, told: Table) -> None:
    ask_for_tooltip(told, 2 * ROW_HEIGHT + 5)
    told.set_filter(lambda number: number % 7 == 0)
    qtbot.waitUntil(lambda: not QToolTip.isVisible())


def test_a_paused_table_says_how_many_arrived_and_how_many_of_them_failed(
    table: Table, rows: RingBuffer[int]
) -> None:
    failed = {203, 204}
    table.is_failure = failed.__contains__
    append(rows, 2)
    table.refresh(1.0)
    table.set_paused(True)
    append(rows, 6)
    table.refresh(2.0)
    assert pill_text(table) == "Paused · 6 waiting, 2 failed"
    failed |= {206}
    failed -= {203}
    table.refresh(3.0, {203, 206})
    append(rows, 1)
    table.refresh(4.0)
    assert pill_text(table) == "Paused · 7 waiting, 2 failed"
    table.set_paused(False)
    table.refresh(5.0)
    assert pill_text(table) == ""
    table.set_paused(True)
    append(rows, 1)
    table.refresh(6.0)
    assert pill_text(table) == "Paused · 1 waiting"


def test_a_paused_table_counts_no_rows_that_are_no_longer_retained(table: Table) -> None:
    rows = table.rows_model.live_rows
    assert isinstance(rows, RingBuffer)
    table.is_failure = lambda number: number % 2 == 0
    table.set_paused(True)
    append(rows, 10)
    table.refresh(1.0)
    assert pill_text(table) == "Paused · 10 waiting, 5 failed"
    append(rows, rows.capacity)
    table.refresh(2.0)
    count = f"{rows.capacity:,}"
    assert pill_text(table) == f"Paused · {count} waiting, {rows.capacity // 2:,} failed"
    append(rows, 3)
    table.refresh(3.0)
    waiting, failed = rows.capacity, sum(number % 2 == 0 for number in rows)
    assert pill_text(table) == f"Paused · {waiting:,} waiting, {failed:,} failed"


def numbers(*values: int) -> RingBuffer[int]:
    """Return rows, oldest first."""
    rows: RingBuffer[int] = RingBuffer(max(1, len(values)))
    for value in values:
        rows.append(value)
    return rows


def key_of(number: int) -> int:
    return number


def row_of(table: Table, number: int) -> int:
    return list(table.rows_model.row_objects()).index(number)


def test_rows_that_are_replaced_stay_current_selected_and_in_place(table: Table) -> None:
    table.replace_rows(numbers(*range(100)), key_of)
    table.verticalScrollBar().setValue(40 * ROW_HEIGHT)
    click(table, 3 * ROW_HEIGHT + 5)
    assert table.current_row() == 56
    QCursor.setPos(5_000, 5_000)
    chosen: list[int | None] = []
    table.current_changed.connect(chosen.append)
    # One is gone above, two are new above, and one is new below.
    table.replace_rows(numbers(-1, *range(90), *range(91, 102)), key_of)
    assert table.current_row() == 56
    assert table.selected_rows() == [56]
    assert table.rowViewportPosition(row_of(table, 56)) == 3 * ROW_HEIGHT
    assert chosen == []
    assert pill_text(table).startswith("2 new")


def test_replaced_rows_stay_in_place_without_a_current_one(table: Table) -> None:
    table.verticalScrollBar().setValue(40 * ROW_HEIGHT + 9)
    table.replace_rows(numbers(*range(203)), key_of)
    assert top(table) == 159
    assert table.rowViewportPosition(row_of(table, 159)) == -9


def test_a_replaced_table_at_the_top_shows_the_newest_row(table: Table) -> None:
    table.replace_rows(numbers(*range(203)), key_of)
    assert top(table) == 202
    assert not table.currentIndex().isValid()


def test_the_nearest_row_becomes_current_when_the_current_one_is_gone(table: Table) -> None:
    click(table, 3 * ROW_HEIGHT + 5)
    assert table.selected_rows() == [196]
    QCursor.setPos(5_000, 5_000)
    changes = []
    table.selection_changed.connect(lambda: changes.append(table.selected_rows()))
    table.replace_rows(numbers(*range(196), *range(197, 200)), key_of)
    assert table.current_row() == 195
    assert table.selected_rows() == []
    assert changes == [[]]


def test_other_rows_are_shown_from_the_top(table: Table) -> None:
    table.verticalScrollBar().setValue(40 * ROW_HEIGHT)
    click(table, 5)
    QCursor.setPos(5_000, 5_000)
    table.replace_rows(numbers(*range(1_000, 1_050)), key_of)
    assert top(table) == 1_049
    assert table.verticalScrollBar().value() == 0
    assert not table.currentIndex().isValid()
    assert table.selected_rows() == []


def test_of_rows_with_the_same_key_the_same_one_stays_current(table: Table) -> None:
    table.replace_rows(numbers(7, 7, 7, 8), key_of)
    table.setCurrentIndex(table.rows_model.index(2, 0))
    table.replace_rows(numbers(7, 7, 7, 8, 9), key_of)
    assert table.currentIndex().row() == 3


def test_replaced_rows_are_filtered_and_sorted_as_before(table: Table) -> None:
    table.set_filter(lambda number: number % 2 == 0)
    table.rows_model.set_sort("number")
    table.setCurrentIndex(table.rows_model.index(3, 0))
    assert table.current_row() == 6
    table.replace_rows(numbers(*range(-4, 50)), key_of)
    assert table.current_row() == 6
    assert list(table.rows_model.row_objects()) == list(range(-4, 50, 2))
