"""The visible rows and the selection of a live table stay in place while rows arrive."""

from dataclasses import replace

import pytest
from PySide6.QtCore import QItemSelectionModel, QRect, Qt
from PySide6.QtGui import QFontMetrics, QGuiApplication, QTextLayout
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from pulse_desktop.state.ring_buffer import RingBuffer
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.live_table import LiveTable
from pulse_desktop.ui.table.painter import RowPainter
from pulse_desktop.ui.table.view import ROW_HEIGHT
from pulse_desktop.ui.theme.theme import ThemeChoice, theme
from tests.ui.tables import click_pill, note_title, pill_text

COLUMNS: tuple[Column[int], ...] = (
    Column(
        "State",
        "state",
        lambda _number, _now: "good",
        glyph=lambda _number: "✔",
        color=lambda _number: SemanticColor.GOOD,
    ),
    Column(
        "Number",
        "number",
        lambda number, _now: str(number),
        align="right",
        mono=True,
        sort=lambda number: number,
    ),
    Column("Text", "text", lambda number, _now: f"row {number} " * 40, stretch=True),
    Column("Extra", "extra", lambda _number, _now: "extra", hide_below=900),
)


@pytest.fixture
def rows() -> RingBuffer[int]:
    filled: RingBuffer[int] = RingBuffer(1000)
    _append(filled, 200)
    return filled


@pytest.fixture
def table(qtbot: QtBot, rows: RingBuffer[int]) -> LiveTable[int]:
    theme().install(ThemeChoice.DARK)
    view = LiveTable(rows, COLUMNS, name="Numbers", empty_title="No numbers", empty_text="Count.")
    qtbot.addWidget(view)
    view.resize(700, 30 + 10 * ROW_HEIGHT)
    view.show()
    view.setFocus()
    return view


def _append(rows: RingBuffer[int], count: int) -> None:
    for _number in range(count):
        rows.append(rows.stop)


def _top(table: LiveTable[int]) -> int | None:
    return table.rows_model.row_object(table.rowAt(0))


def _select(table: LiveTable[int], *numbers: int) -> None:
    flags = QItemSelectionModel.SelectionFlag
    for number in numbers:
        row = table.rows_model.view_row(number)
        assert row is not None
        index = table.rows_model.index(row, 0)
        table.selectionModel().select(index, flags.Select | flags.Rows)


def test_at_the_top_the_table_follows_the_newest_row(
    table: LiveTable[int], rows: RingBuffer[int]
) -> None:
    _append(rows, 5)
    table.refresh(1.0)
    assert _top(table) == 204


def test_a_scrolled_table_keeps_its_position_to_the_pixel(
    table: LiveTable[int], rows: RingBuffer[int]
) -> None:
    table.verticalScrollBar().setValue(50 * ROW_HEIGHT + 11)
    before, offset = _top(table), table.rowViewportPosition(table.rowAt(0))
    for _frame in range(5):
        _append(rows, 7)
        table.refresh(1.0)
        assert (_top(table), table.rowViewportPosition(table.rowAt(0))) == (before, offset)


def test_rows_added_above_are_counted_until_the_table_is_scrolled_up(
    table: LiveTable[int], rows: RingBuffer[int]
) -> None:
    table.verticalScrollBar().setValue(50 * ROW_HEIGHT)
    _append(rows, 12)
    table.refresh(1.0)
    assert pill_text(table) == "12 new"
    click_pill(table)
    assert (_top(table), pill_text(table)) == (211, "")


def test_the_pill_hides_no_title_after_the_table_is_scrolled_sideways(qtbot: QtBot) -> None:
    rows: RingBuffer[int] = RingBuffer(1000)
    _append(rows, 200)
    columns: list[Column[int]] = [
        Column(f"Column {key}", key, lambda number, _now: str(number), width=80) for key in "abcd"
    ]
    table = LiveTable[int](rows, columns, name="N", empty_title="No numbers", empty_text="Count.")
    qtbot.addWidget(table)
    table.resize(500, 30 + 10 * ROW_HEIGHT)
    table.show()
    for section, width in enumerate((500, 120, 420, 400)):
        table.header.resizeSection(section, width)
    table.verticalScrollBar().setValue(50 * ROW_HEIGHT)
    _append(rows, 12)
    table.refresh(1.0)
    pill = next(b for b in table.findChildren(QPushButton) if b.property("kind") == "pill")
    for value in (0, 150, 300, 500):
        table.horizontalScrollBar().setValue(value)
        free = table.header.free_place(pill.width())
        assert free is not None
        assert pill.x() == table.header.geometry().left() + free


def test_the_selection_stays_on_its_rows(table: LiveTable[int], rows: RingBuffer[int]) -> None:
    _select(table, 150, 190)
    _append(rows, 30)
    table.refresh(1.0)
    assert table.selected_rows() == [190, 150]
    table.rows_model.set_sort("number")
    assert table.selected_rows() == [150, 190]
    assert table.selected_count() == 2


def test_evicted_rows_leave_the_selection(
    qtbot: QtBot, rows: RingBuffer[int], table: LiveTable[int]
) -> None:
    _select(table, 0, 199)
    with qtbot.waitSignal(table.selection_changed):
        _append(rows, 900)
        table.refresh(1.0)
    assert table.selected_rows() == [199]


def test_rows_that_had_arrived_above_wait_too_while_paused(
    qtbot: QtBot, table: LiveTable[int], rows: RingBuffer[int]
) -> None:
    table.verticalScrollBar().setValue(300)
    _append(rows, 30)
    table.refresh(1.0)
    assert pill_text(table) == "30 new"
    qtbot.keyClick(table, Qt.Key.Key_Space)
    assert pill_text(table) == "Paused · 30 waiting"
    _append(rows, 3)
    table.refresh(2.0)
    assert pill_text(table) == "Paused · 33 waiting"


def test_space_pauses_and_shows_how_many_rows_wait(
    qtbot: QtBot, table: LiveTable[int], rows: RingBuffer[int]
) -> None:
    qtbot.keyClick(table, Qt.Key.Key_Space)
    _append(rows, 3)
    table.refresh(1.0)
    assert (_top(table), pill_text(table)) == (199, "Paused · 3 waiting")
    qtbot.keyClick(table, Qt.Key.Key_Space)
    assert (_top(table), pill_text(table)) == (202, "")


def test_home_and_end_go_to_the_first_and_last_row(qtbot: QtBot, table: LiveTable[int]) -> None:
    qtbot.keyClick(table, Qt.Key.Key_End)
    assert table.current_row() == 0
    qtbot.keyClick(table, Qt.Key.Key_Home)
    assert (table.current_row(), table.verticalScrollBar().value()) == (199, 0)


def test_enter_activates_the_row_under_the_cursor(qtbot: QtBot, table: LiveTable[int]) -> None:
    table.select_position(120)
    with qtbot.waitSignal(table.row_activated) as activated:
        qtbot.keyClick(table, Qt.Key.Key_Return)
    assert activated.args == [120]


def test_selected_rows_are_copied_with_their_visible_columns(
    qtbot: QtBot, table: LiveTable[int]
) -> None:
    table.column_layout.set_visible("text", False)
    _select(table, 7, 9)
    qtbot.keyClick(table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == "good\t9\ngood\t7"


def test_a_narrow_table_hides_columns_unless_the_operator_shows_them(
    table: LiveTable[int],
) -> None:
    assert table.isColumnHidden(3)
    table.column_layout.set_visible("extra", True)
    assert not table.isColumnHidden(3)
    state = table.column_layout.state()
    table.column_layout.reset()
    assert table.isColumnHidden(3)
    table.column_layout.restore(state)
    assert not table.isColumnHidden(3)


def test_a_saved_layout_of_another_version_is_ignored(table: LiveTable[int]) -> None:
    table.column_layout.restore(
        {"columns": {"gone": True}, "widths": {"number": "wide", "gone": 4}, "sort": ["gone", 1]}
    )
    table.column_layout.restore({"columns": None, "sort": 7})
    assert table.rows_model.sort_key == ""


def test_clicks_on_a_header_sort_descending_then_ascending_then_newest_first(
    table: LiveTable[int],
) -> None:
    orders = []
    for _click in range(3):
        table.header.sectionClicked.emit(1)
        orders.append((table.rows_model.sort_key, table.rows_model.descending))
    assert orders == [("number", True), ("number", False), ("", False)]


def test_the_header_menu_never_hides_the_last_visible_column(table: LiveTable[int]) -> None:
    for key in ("state", "number", "extra"):
        table.column_layout.set_visible(key, False)
    menu_actions = {each.text(): each for each in table.header.menu().actions()}
    assert not menu_actions["Text"].isEnabled()
    assert menu_actions["State"].isEnabled()


def test_an_empty_table_shows_why_it_is_empty(table: LiveTable[int], rows: RingBuffer[int]) -> None:
    assert note_title(table) == ""
    rows.clear()
    table.refresh(1.0)
    assert note_title(table) == "No numbers"
    _append(rows, 3)
    table.refresh(2.0)
    table.set_filter(lambda _number: False)
    assert note_title(table) == "Nothing matches"


@pytest.mark.parametrize("choice", [ThemeChoice.DARK, ThemeChoice.LIGHT])
def test_rows_are_painted_in_the_colors_of_the_theme(
    table: LiveTable[int], choice: ThemeChoice
) -> None:
    theme().choose(choice)
    _select(table, 199)
    image = table.grab().toImage()
    selected = image.pixelColor(3, 34 + ROW_HEIGHT // 2).name()
    assert selected in {theme().color(name).name() for name in ("selection", "selection_idle")}
    shades = {image.pixelColor(x, 34 + ROW_HEIGHT + 12).name() for x in range(8, 60)}
    assert theme().color(SemanticColor.GOOD).name() in shades
    theme().choose(ThemeChoice.DARK)


def test_a_column_of_times_has_an_arrow_only_while_it_is_sorted_newest_first_at_first(
    qtbot: QtBot, rows: RingBuffer[int]
) -> None:
    columns = (replace(COLUMNS[0]), replace(COLUMNS[1], is_time=True, align="left"))
    view = LiveTable(rows, columns, name="N", empty_title="", empty_text="")
    qtbot.addWidget(view)
    header, model = view.header, view.rows_model
    assert header.sort_state(columns[1]) == (False, False)
    for state, first in (((True, True), 199), ((True, False), 0), ((False, False), 199)):
        header.sectionClicked.emit(1)
        assert header.sort_state(columns[1]) == state
        assert model.row_object(0) == first
    header.sectionClicked.emit(0)
    assert header.sort_state(columns[1]) == (False, False)


def test_new_rows_are_counted_between_the_titles_of_the_columns(
    table: LiveTable[int], rows: RingBuffer[int]
) -> None:
    table.verticalScrollBar().setValue(50 * ROW_HEIGHT)
    _append(rows, 3)
    table.refresh(1.0)
    pill = next(b for b in table.findChildren(QPushButton) if b.property("kind") == "pill")
    header = table.header
    assert pill.isVisible()
    for width in (700, 1200, 600):
        table.resize(width, table.height())
        assert header.geometry().contains(pill.geometry())
        on_header = pill.geometry().translated(-header.geometry().topLeft())
        metrics = QFontMetrics(theme().text_font(step=-1))
        for number, column in enumerate(COLUMNS):
            if not header.isSectionHidden(number):
                left, size = header.sectionViewportPosition(number), header.sectionSize(number)
                title = metrics.horizontalAdvance(column.title)
                x = left + size - 8 - title if column.align == "right" else left + 8
                assert not on_header.intersects(QRect(x, 0, title, header.height()))


@pytest.mark.parametrize("width", [500, 180, 90, 40])
@pytest.mark.parametrize("paused", [False, True])
def test_the_pill_covers_no_cell_of_a_narrow_table(
    table: LiveTable[int], rows: RingBuffer[int], width: int, *, paused: bool
) -> None:
    for number in range(table.header.count()):
        table.header.resizeSection(number, 44)
    table.resize(width, table.height())
    table.verticalScrollBar().setValue(50 * ROW_HEIGHT)
    table.set_paused(paused)
    _append(rows, 3)
    table.refresh(1.0)
    pill = next(b for b in table.findChildren(QPushButton) if b.property("kind") == "pill")
    assert pill.isVisible()
    assert table.header.geometry().contains(pill.geometry())
    assert not pill.geometry().intersects(table.viewport().geometry())


def test_the_pill_is_below_the_rows_where_they_leave_room(qtbot: QtBot) -> None:
    rows: RingBuffer[int] = RingBuffer(50)
    _append(rows, 2)
    view = LiveTable(rows, COLUMNS, name="N", empty_title="", empty_text="")
    qtbot.addWidget(view)
    view.resize(400, 300)
    with qtbot.waitExposed(view):
        view.show()
    view.set_paused(True)
    pill = next(b for b in view.findChildren(QPushButton) if b.property("kind") == "pill")
    assert pill.isVisible()
    assert view.viewport().mapFrom(view, pill.pos()).y() >= 2 * ROW_HEIGHT


def test_the_bar_of_a_selected_row_tells_how_full_it_is(qtbot: QtBot) -> None:
    columns = (Column[int]("Busy", "busy", lambda _row, _now: "", width=200, bar=lambda _row: 0.5),)
    rows: RingBuffer[int] = RingBuffer(10)
    _append(rows, 1)
    for choice in (ThemeChoice.DARK, ThemeChoice.LIGHT):
        theme().install(choice)
        view = LiveTable(rows, columns, name="N", empty_title="", empty_text="")
        qtbot.addWidget(view)
        view.resize(260, 120)
        view.show()
        view.selectRow(0)
        image = view.viewport().grab().toImage()
        line = [image.pixelColor(x, (ROW_HEIGHT - 1) // 2).name() for x in range(image.width())]
        filled, empty = theme().color(SemanticColor.TEXT), theme().color("surface")
        assert {filled.name(), empty.name()} <= set(line)
        selection = theme().color("selection_idle")
        assert abs(empty.lightness() - selection.lightness()) >= 8
        assert abs(empty.lightness() - filled.lightness()) > 120
        view.close()


@pytest.mark.parametrize("text", ["📨 mail", "日本語", "مرحبا", "ą́ tall"])
def test_text_in_a_fallback_font_is_on_the_baseline(qtbot: QtBot, text: str) -> None:
    painter = RowPainter()
    layout = painter.lay_out(text, 200, mono=False)
    font = theme().text_font()
    plain, own = QTextLayout("x", font), QTextLayout(text, font)
    ascents = []
    for each in (plain, own):
        each.beginLayout()
        line = each.createLine()
        line.setLineWidth(1000)
        each.endLayout()
        ascents.append(line.ascent())
    assert layout.offset == pytest.approx(ascents[0] - ascents[1], abs=1)
