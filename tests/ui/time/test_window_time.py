"""The time range of a window, its control, and what the past does to tables and charts."""

import dataclasses

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from pulse_desktop.model.time_range import ALL_RETAINED, TimeRange, fixed, last, since
from pulse_desktop.profiles.profile import embedded_profile
from pulse_desktop.text.time_range_text import moment_text
from pulse_desktop.ui.pages.events import EventsPage
from pulse_desktop.ui.pages.messages.page import MessagesPage
from pulse_desktop.ui.pages.overview.page import OverviewPage
from pulse_desktop.ui.pages.tasks.page import TasksPage
from pulse_desktop.ui.pages.workers.page import MonitoringPage
from pulse_desktop.ui.shell.window import MainWindow
from pulse_desktop.ui.time.window_time import WindowTime
from tests.kit.state_builder import NOW, StateBuilder
from tests.ui.fake_session import FakeSession
from tests.ui.tables import shown_table_page
from tests.ui.window_builder import draw_frame, make_window

PAGES = (TasksPage, OverviewPage, EventsPage, MessagesPage, MonitoringPage)


@pytest.fixture
def builder() -> StateBuilder:
    """Return a run a minute, for an hour."""
    builder = StateBuilder(NOW - 3600)
    for number in range(60):
        builder.at = NOW - 3600 + 60 * number
        builder.task(f"{number:032x}")
        builder.at += 1
        builder.succeeded(f"{number:032x}")
    builder.at = NOW
    return builder


@pytest.fixture
def session() -> FakeSession:
    return FakeSession()


@pytest.fixture
def window(qtbot: QtBot, builder: StateBuilder, session: FakeSession) -> MainWindow:
    window = make_window(qtbot, builder, PAGES, session)
    draw_frame(window, builder)
    return window


def shown(window: MainWindow) -> int:
    return shown_table_page(window).table.rows_model.shown_count


def test_a_range_is_shared_by_the_tables_of_all_pages(
    qtbot: QtBot, window: MainWindow, builder: StateBuilder
) -> None:
    assert shown(window) == 60
    window.time.set_range(last(900))
    assert shown(window) == 15
    assert "15 of 60 runs" in shown_table_page(window).filter_bar.row_count_text
    window.show_page("events")
    draw_frame(window, builder)
    qtbot.waitUntil(lambda: 0 < shown(window) <= 60)
    window.time.set_range(fixed(NOW - 3600, NOW - 3000))
    draw_frame(window, builder)
    assert not window.past_banner.isHidden()
    window.show_page("tasks")
    assert shown(window) == 11, "the range changed while the page was hidden"


def test_the_past_does_not_grow_and_end_goes_live(
    qtbot: QtBot, window: MainWindow, builder: StateBuilder
) -> None:
    window.time.set_range(last(1800))
    window.time.select(NOW - 1000, NOW - 500)
    before = shown(window)
    builder.task("f" * 32)
    draw_frame(window, builder, 1.0)
    assert shown(window) == before
    assert "Looking at the past" in window.past_banner.title.text()
    assert window.top_bar.pause.text() == "Past"
    table = window.current.tables()[0]  # type: ignore[union-attr]
    table.setFocus()
    qtbot.keyClick(table, Qt.Key.Key_End)
    assert window.time.range == last(1800)
    assert window.past_banner.isHidden()
    draw_frame(window, builder)
    assert shown(window) == 31
    qtbot.keyClick(table, Qt.Key.Key_End)
    assert table.currentIndex().row() == 30, "the last row, while the range is live"


def test_end_in_a_text_field_stays_in_it(qtbot: QtBot, window: MainWindow) -> None:
    window.time.select(NOW - 1000, NOW - 500)
    field = shown_table_page(window).filter_bar.text_field
    field.setFocus()
    qtbot.keyClick(field, Qt.Key.Key_End)
    assert not window.time.is_live


def test_alt_left_and_right_go_through_the_ranges(qtbot: QtBot, window: MainWindow) -> None:
    first, second = fixed(NOW - 900, NOW - 600), fixed(NOW - 800, NOW - 700)
    window.time.set_range(first)
    window.time.set_range(second)
    alt = Qt.KeyboardModifier.AltModifier
    qtbot.keyClick(window, Qt.Key.Key_Left, alt)
    assert window.time.range == first
    qtbot.keyClick(window, Qt.Key.Key_Left, alt)
    assert window.time.range == ALL_RETAINED
    qtbot.keyClick(window, Qt.Key.Key_Right, alt)
    assert window.time.range == first
    window.time.zoom_out()
    assert window.time.range == fixed(NOW - 1050, NOW - 450)
    assert not window.time.can_go_forward


def test_ages_are_as_of_the_end_of_the_range(window: MainWindow, builder: StateBuilder) -> None:
    window.time.set_range(fixed(NOW - 1000, NOW - 500))
    draw_frame(window, builder)
    assert shown_table_page(window).table.rows_model.now == NOW - 500


def test_a_live_range_leaves_old_rows_behind(window: MainWindow, builder: StateBuilder) -> None:
    window.time.set_range(last(900))
    assert shown(window) == 15
    for _second in range(12):
        draw_frame(window, builder, 30.0)
    assert shown(window) == 9


def test_a_run_that_is_not_over_is_in_every_live_range(
    window: MainWindow, builder: StateBuilder
) -> None:
    builder.task("e" * 32, at=NOW - 3000)
    window.time.set_range(last(900))
    draw_frame(window, builder)
    assert shown(window) == 16


def test_workers_are_shown_whatever_the_range(window: MainWindow, builder: StateBuilder) -> None:
    builder.heartbeat()
    window.show_page("monitoring")
    window.time.set_range(fixed(NOW - 1000, NOW - 500))
    draw_frame(window, builder)
    model = shown_table_page(window).table.rows_model
    assert (model.shown_count, model.now) == (1, builder.at)


def test_what_is_selected_up_to_now_stays_live() -> None:
    time = WindowTime(lambda: NOW)
    time.select(NOW - 300, NOW + 5)
    assert time.range == last(300)
    time.select(NOW - 200, NOW - 300)
    assert time.range == fixed(NOW - 300, NOW - 200)
    time.go_live()
    assert time.range == last(300)


def test_a_frozen_range_is_not_restored() -> None:
    time = WindowTime(lambda: NOW)
    time.restore(fixed(NOW - 300, NOW - 200), NOW - 1000)
    assert time.range == ALL_RETAINED
    time.show_since_last_look()
    assert time.range == since(NOW - 1000)
    time.restore(last(900), None)
    assert (time.range, time.can_go_back) == (last(900), False)


def test_the_picker_takes_typed_times(qtbot: QtBot, window: MainWindow) -> None:
    window.choose_time_range()
    picker = window.top_bar.time_range.picker
    assert picker.isVisible()
    picker.typed.start_field.setText("2h")
    picker.typed.end_field.setText("soon")
    assert not picker.typed.apply_button.isEnabled()
    assert picker.typed.message.text().startswith("To is not a time")
    picker.typed.end_field.setText("1h")
    qtbot.keyClick(picker.typed.end_field, Qt.Key.Key_Return)
    assert not picker.isVisible()
    assert window.time.range == fixed(NOW - 7200, NOW - 3600)


def test_the_range_of_a_recording_is_not_called_live(
    window: MainWindow, session: FakeSession
) -> None:
    message = window.top_bar.time_range.picker.typed.message
    window.choose_time_range()
    assert message.text() == "All retained, live"
    window.choose_time_range()
    session.connection_status = dataclasses.replace(session.connection_status, recording="shop")
    window.choose_time_range()
    assert message.text() == "All retained of the recording"


@pytest.mark.parametrize(
    "time_range",
    [ALL_RETAINED, last(120), last(86_400), since(NOW - 60.1234), fixed(NOW - 90.1234, NOW - 60)],
)
def test_a_range_that_is_not_changed_in_the_picker_stays(
    qtbot: QtBot, window: MainWindow, time_range: TimeRange
) -> None:
    window.time.set_range(time_range)
    window.choose_time_range()
    picker = window.top_bar.time_range.picker
    qtbot.keyClick(picker.typed.start_field, Qt.Key.Key_Return)
    assert not picker.isVisible()
    assert window.time.range == time_range


@pytest.mark.parametrize("end", [NOW - 60, NOW // 60 * 60 - 600, NOW // 1 - 60, NOW // 1 - 59.5])
def test_the_end_stays_when_the_start_or_its_date_is_changed(
    window: MainWindow, end: float
) -> None:
    window.time.set_range(fixed(NOW - 90_000, end))
    window.choose_time_range()
    typed = window.top_bar.time_range.picker.typed
    typed.start_field.setText("yesterday")
    typed.submit()
    assert window.time.range.end == pytest.approx(end, abs=0.001)
    window.choose_time_range()
    button = typed.findChildren(QPushButton, options=Qt.FindChildOption.FindDirectChildrenOnly)[1]
    assert button.accessibleName() == "To: pick a date"
    button.click()
    typed.calendar.clicked.emit(typed.calendar.selectedDate())
    typed.start_field.setText("25h")
    typed.submit()
    assert window.time.range.end == pytest.approx(end, abs=0.001)


def test_the_picker_lists_usual_and_former_ranges(window: MainWindow) -> None:
    window.time.last_look = NOW - 7200
    window.time.set_range(fixed(NOW - 7200, NOW - 3600))
    window.time.go_live()
    window.choose_time_range()
    picker = window.top_bar.time_range.picker
    titles = [button.text() for button in picker.choices.values()]
    assert titles[:6] == [
        "Last 15 min",
        "Last 1 h",
        "Last 6 h",
        "Last 24 h",
        "All retained",
        "Since I last looked, 2 h ago",
    ]
    assert len(titles) == 7
    picker.choices[since(NOW - 7200)].click()
    assert window.time.range == since(NOW - 7200)


def press(qtbot: QtBot, window: MainWindow, *keys: Qt.Key | str) -> None:
    """Press keys where the focus is."""
    for key in keys:
        for each in key if isinstance(key, str) else (key,):
            focused = window.focusWidget()
            assert focused is not None
            qtbot.keyClick(focused, each)


def test_a_range_is_typed_without_the_mouse(qtbot: QtBot, window: MainWindow) -> None:
    for _twice in range(2):
        window.choose_time_range()
        press(qtbot, window, "2h", Qt.Key.Key_Tab, "1h", Qt.Key.Key_Return)
        assert window.time.range == fixed(NOW - 7200, NOW - 3600)
        window.time.go_live()


def test_tab_goes_through_the_whole_picker_and_back(qtbot: QtBot, window: MainWindow) -> None:
    window.choose_time_range()
    picker = window.top_bar.time_range.picker
    picker.typed.start_field.setText("2h")
    expected = [
        picker.typed.end_field,
        *(each for each in picker.typed.focus_order()[2:] if each.isVisible()),
        *picker.choices.values(),
        picker.typed.start_field,
    ]
    assert len(expected) == 10
    for widget in expected:
        press(qtbot, window, Qt.Key.Key_Tab)
        assert window.focusWidget() is widget
    for widget in (*reversed(expected[:-1]), expected[-1]):
        focused = window.focusWidget()
        assert focused is not None
        qtbot.keyClick(focused, Qt.Key.Key_Tab, Qt.KeyboardModifier.ShiftModifier)
        assert window.focusWidget() is widget
    assert picker.isVisible()
    assert picker.typed.start_field.text() == "2h"


def test_tab_goes_through_an_open_calendar(qtbot: QtBot, window: MainWindow) -> None:
    window.choose_time_range()
    picker = window.top_bar.time_range.picker
    press(qtbot, window, "2h", *[Qt.Key.Key_Tab] * 2, Qt.Key.Key_Space)
    assert picker.typed.calendar.isVisible()
    month = picker.typed.calendar.monthShown()
    press(qtbot, window, *[Qt.Key.Key_Tab] * 2, Qt.Key.Key_Space)
    assert picker.typed.calendar.monthShown() == (month - 2) % 12 + 1
    press(qtbot, window, *[Qt.Key.Key_Tab] * 3)
    assert window.focusWidget() is picker.typed.apply_button


def test_what_is_typed_on_a_listed_range_goes_to_the_form(qtbot: QtBot, window: MainWindow) -> None:
    window.choose_time_range()
    picker = window.top_bar.time_range.picker
    press(qtbot, window, Qt.Key.Key_Down)
    assert window.focusWidget() is picker.choices[ALL_RETAINED]
    press(qtbot, window, "2h", Qt.Key.Key_Return)
    assert window.time.range == last(7200)


def test_a_narrow_button_shows_a_short_range(window: MainWindow) -> None:
    button = window.top_bar.time_range
    whole = button.sizeHint().width()
    button.resize(whole, button.height())
    assert button.text() == "All retained"
    button.resize(whole - 1, button.height())
    assert button.text() == "All"
    button.resize(button.minimumSizeHint().width(), button.height())
    assert button.text() == ""
    for time_range, shortest in (
        (last(3600), "1 h"),
        (since(NOW - NOW % 60 - 30.613), f"{moment_text(NOW - NOW % 60 - 60, NOW)} –"),
        (since(NOW - 3 * 86_400), f"{moment_text(NOW - 3 * 86_400 - NOW % 60, NOW)} –"),
        (fixed(NOW - 3600, NOW - 1800), "Past"),
    ):
        window.time.set_range(time_range)
        button.resize(button.minimumSizeHint().width(), button.height())
        assert button.text() == shortest


@pytest.mark.parametrize("age", [150.613, 3 * 86_400.0])
def test_a_window_always_shows_since_when(qtbot: QtBot, window: MainWindow, age: float) -> None:
    window.show_profile(embedded_profile(), "embedded server")
    minute = NOW - age - (NOW - age) % 60
    clock = moment_text(minute, NOW)
    button = window.top_bar.time_range
    for size in ((1024, 640), (1064, 660), (1240, 700), (1440, 900)):
        window.resize(*size)
        window.time.set_range(since(NOW - age))
        qtbot.waitUntil(lambda: button.width() >= button.minimumSizeHint().width())
        assert clock in button.text(), size
        window.time.set_range(ALL_RETAINED)
