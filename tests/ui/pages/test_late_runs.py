"""Charts of all that is retained count the runs of which events were sent late, or say so."""

import pytest
from pytestqt.qtbot import QtBot

from pulse_desktop.protocol.event import encode_event
from pulse_desktop.ui.pages.overview.page import OverviewPage
from pulse_desktop.ui.pages.tasks.page import TasksPage
from tests.kit.state_builder import NOW, WORKER, StateBuilder
from tests.ui.window_builder import draw_frame, make_window

HOUR, WEEK = 3600.0, 7 * 86_400.0


def send_late(builder: StateBuilder, count: int, ended_at: float) -> None:
    """Fold events of runs that ended in the past, as they arrive now."""
    for number in range(count):
        data = {"task_id": f"{ended_at} {number}", "task_name": "m:late", "run_s": 0.5}
        at = ended_at + number
        _subject, payload = encode_event("tasks", "task.succeeded", data, source=WORKER, now=at)
        builder.raw("tasks", payload)


def test_the_charts_count_the_runs_that_the_table_shows(qtbot: QtBot) -> None:
    builder = StateBuilder()
    builder.heartbeat()
    window = make_window(qtbot, builder, (TasksPage, OverviewPage))
    draw_frame(window, builder)
    send_late(builder, 15, NOW - HOUR)
    draw_frame(window, builder, 2.0)
    assert isinstance(window.current, TasksPage)
    page = window.current.runs
    assert page.table.rows_model.shown_count == 15
    qtbot.waitUntil(lambda: sum(row.ended for row in page.charts.times.shown) == 15)
    outcomes = page.charts.outcomes
    qtbot.waitUntil(lambda: outcomes.visible_time_range[0] <= NOW - HOUR)
    assert not outcomes.empty
    assert "not shown" not in outcomes.subtitle
    start, _end = window.time.shown_span()
    assert start == pytest.approx(NOW - HOUR)
    window.show_page("overview")
    draw_frame(window, builder, 2.0)
    assert isinstance(window.current, OverviewPage)
    charts = window.current.run_charts
    qtbot.waitUntil(lambda: charts.throughput.visible_time_range[0] <= NOW - HOUR)
    assert not charts.throughput.empty


def test_runs_of_a_wrong_clock_leave_room_for_the_others(qtbot: QtBot) -> None:
    builder = StateBuilder().runs(4)
    window = make_window(qtbot, builder, (TasksPage,))
    send_late(builder, 3, NOW - 50 * WEEK)
    draw_frame(window, builder, 2.0)
    assert isinstance(window.current, TasksPage)
    outcomes = window.current.runs.charts.outcomes

    def says_what_is_left_out() -> bool:
        draw_frame(window, builder, 2.0)  # drawing is rarer on a busy machine
        return "3 at other times are not shown" in outcomes.subtitle

    qtbot.waitUntil(says_what_is_left_out)
    start, end = outcomes.visible_time_range
    assert end - start < HOUR
