"""What the operator looks at, and has selected, stays put while rows arrive."""

import pytest
from PySide6.QtCore import QItemSelectionModel, Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from pulse_desktop.state.ring_buffer import RingBuffer
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.live_table import ROW_HEIGHT, LiveTable
from pulse_desktop.ui.theme.theme import ThemeChoice, theme

COLUMNS = (
    Column(
        "State",
        "state",
        lambda _, __: "good",
        glyph=lambda _: "✔",
        color=lambda _: SemanticColor.GOOD,
    ),
    Column("Number", "number", lambda n, _: str(n), align="right", mono=True, sort=lambda n: n),
    Column("Text", "text", lambda n, _: f"row {n} " * 40, stretch=True),
    Column("Extra", "extra", lambda *_: "extra", hide_below=900),
)


@pytest.fixture
def rows():
    filled = RingBuffer(1000)
    for number in range(200):
        filled.append(number)
    return filled


@pytest.fixture
def table(qtbot: QtBot, rows):
    theme().install(ThemeChoice.DARK)
    view = LiveTable(rows, COLUMNS, name="Numbers", empty_title="No numbers", empty_text="Count.")
    qtbot.addWidget(view)
    view.resize(700, 30 + 10 * ROW_HEIGHT)
    view.show()
    view.setFocus()
    return view


def _add(rows, count) -> None:
    for _ in range(count):
        rows.append(rows.stop)


def _top(table):
    return table.rows_model.row_object(table.rowAt(0))


def _select(table, *numbers) -> None:
    flags = QItemSelectionModel.SelectionFlag
    for number in numbers:
        index = table.rows_model.index(table.rows_model.view_row(number), 0)
        table.selectionModel().select(index, flags.Select | flags.Rows)


def test_at_the_top_the_newest_row_is_followed(table, rows) -> None:
    _add(rows, 5)
    table.refresh(1.0)
    assert _top(table) == 204


def test_scrolled_down_the_place_is_kept_to_the_pixel(qtbot: QtBot, table, rows) -> None:
    table.verticalScrollBar().setValue(50 * ROW_HEIGHT + 11)
    before, offset = _top(table), table.rowViewportPosition(table.rowAt(0))
    for _ in range(5):
        _add(rows, 7)
        table.refresh(1.0)
        assert (_top(table), table.rowViewportPosition(table.rowAt(0))) == (before, offset)


def test_rows_above_are_counted_until_they_are_looked_at(table, rows) -> None:
    table.verticalScrollBar().setValue(50 * ROW_HEIGHT)
    _add(rows, 12)
    table.refresh(1.0)
    assert table.overlay.pill_text == "12 new"
    table.overlay.click_pill()
    assert (_top(table), table.overlay.pill_text) == (211, "")


def test_the_selection_stays_on_its_rows(table, rows) -> None:
    _select(table, 150, 190)
    _add(rows, 30)
    table.refresh(1.0)
    assert table.selected_rows() == [190, 150]
    table.rows_model.set_sort("number")
    assert table.selected_rows() == [150, 190]
    assert table.selected_count() == 2


def test_forgotten_rows_leave_the_selection(qtbot: QtBot, rows, table) -> None:
    _select(table, 0, 199)
    with qtbot.waitSignal(table.selection_changed):
        _add(rows, 900)
        table.refresh(1.0)
    assert table.selected_rows() == [199]


def test_space_pauses_and_says_what_waits(qtbot: QtBot, table, rows) -> None:
    qtbot.keyClick(table, Qt.Key.Key_Space)
    _add(rows, 3)
    table.refresh(1.0)
    assert (_top(table), table.overlay.pill_text) == (199, "Paused · 3 waiting")
    qtbot.keyClick(table, Qt.Key.Key_Space)
    assert (_top(table), table.overlay.pill_text) == (202, "")


def test_home_and_end_go_to_the_ends(qtbot: QtBot, table) -> None:
    qtbot.keyClick(table, Qt.Key.Key_End)
    assert table.current_row() == 0
    qtbot.keyClick(table, Qt.Key.Key_Home)
    assert (table.current_row(), table.verticalScrollBar().value()) == (199, 0)


def test_enter_chooses_the_row_under_the_cursor(qtbot: QtBot, table) -> None:
    table.select_position(120)
    with qtbot.waitSignal(table.row_activated) as chosen:
        qtbot.keyClick(table, Qt.Key.Key_Return)
    assert chosen.args == [120]


def test_selected_rows_are_copied_with_their_visible_columns(qtbot: QtBot, table) -> None:
    table.column_layout.set_visible("text", False)
    _select(table, 7, 9)
    qtbot.keyClick(table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == "good\t9\ngood\t7"


def test_columns_give_way_to_a_narrow_table_unless_wanted(table) -> None:
    assert table.isColumnHidden(3)
    table.column_layout.set_visible("extra", True)
    assert not table.isColumnHidden(3)
    state = table.column_layout.state()
    table.column_layout.reset()
    assert table.isColumnHidden(3)
    table.column_layout.restore(state)
    assert not table.isColumnHidden(3)


def test_a_remembered_layout_of_another_version_does_no_harm(table) -> None:
    table.column_layout.restore(
        {"columns": {"gone": True}, "widths": {"number": "wide", "gone": 4}, "sort": ["gone", 1]}
    )
    table.column_layout.restore({"columns": None, "sort": 7})
    assert table.rows_model.sort_key == ""


def test_the_header_sorts_down_up_and_back_to_newest_on_top(table) -> None:
    header = table.horizontalHeader()
    orders = []
    for _ in range(3):
        header.sectionClicked.emit(1)
        orders.append((table.rows_model.sort_key, table.rows_model.descending))
    assert orders == [("number", True), ("number", False), ("", False)]


def test_the_header_menu_never_hides_the_last_column(table) -> None:
    for key in ("state", "number", "extra"):
        table.column_layout.set_visible(key, False)
    entries = {entry.text(): entry for entry in table.header.menu().actions()}
    assert not entries["Text"].isEnabled()
    assert entries["State"].isEnabled()


def test_an_empty_table_says_what_would_be_there(qtbot: QtBot, table, rows) -> None:
    assert table.overlay.note_title == ""
    rows.clear()
    table.refresh(1.0)
    assert table.overlay.note_title == "No numbers"
    _add(rows, 3)
    table.refresh(2.0)
    table.set_filter(lambda _: False)
    assert table.overlay.note_title == "Nothing matches"


@pytest.mark.parametrize("choice", [ThemeChoice.DARK, ThemeChoice.LIGHT])
def test_rows_are_painted_in_the_colors_of_the_theme(table, choice) -> None:
    theme().choose(choice)
    _select(table, 199)
    picture = table.grab().toImage()
    seen = {picture.pixelColor(3, 34 + ROW_HEIGHT // 2).name() for _ in range(1)}
    assert seen <= {theme().color("selection").name(), theme().color("selection_idle").name()}
    shades = {picture.pixelColor(x, 34 + ROW_HEIGHT + 12).name() for x in range(8, 60)}
    assert theme().color(SemanticColor.GOOD).name() in shades
    theme().choose(ThemeChoice.DARK)
