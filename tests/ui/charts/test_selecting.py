"""Selecting time and series in charts, by mouse and by keyboard; marks and outliers."""

import math
from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from pulse_desktop.model.connection_status import Outage
from pulse_desktop.model.time_range import ALL_RETAINED, fixed, last
from pulse_desktop.state.deployments import Deployment
from pulse_desktop.ui.charts.chart_group import ChartGroup
from pulse_desktop.ui.charts.colors import SeriesColors, SeriesSpec, percentile_specs
from pulse_desktop.ui.charts.marks import chart_marks, closed_marks
from pulse_desktop.ui.charts.scale import Unit, clock_text, clock_ticks, typical_top, value_ticks
from pulse_desktop.ui.charts.time_chart import TimeChart
from pulse_desktop.ui.time.window_time import WindowTime

NOW = 1_795_430_940.0
TIMES = np.arange(NOW - 595, NOW, 10.0, dtype=np.float64)


@pytest.fixture
def time() -> WindowTime:
    return WindowTime(lambda: NOW, lambda: NOW - 600)


@pytest.fixture
def charts(qtbot: QtBot, time: WindowTime) -> Iterator[list[TimeChart]]:
    parent = QWidget()
    qtbot.addWidget(parent)
    found = []
    for _number in range(2):
        chart = TimeChart("Runs", Unit.COUNT)
        chart.setParent(parent)
        chart.resize(700, 260)
        chart.set_series(
            [
                SeriesSpec("failed", "bad", stacked=True, key="failed"),
                SeriesSpec("succeeded", "good", stacked=True, key="succeeded"),
            ]
        )
        values = {"failed": np.full(60, 2.0), "succeeded": np.full(60, 6.0)}
        chart.set_data(TIMES, values, (NOW - 600, NOW))
        found.append(chart)
    parent.resize(700, 300)
    with qtbot.waitExposed(parent):
        parent.show()
    qtbot.waitUntil(lambda: not any(chart.redraw_pending for chart in found))
    group = ChartGroup(found, time, parent)
    group.set_clickable(clickable=True)
    yield found
    parent.close()


def at(chart: TimeChart, moment: float, height: float = 0.5) -> QPoint:
    """Return the pixel of a time, and of a fraction of the height from the bottom."""
    box = chart.plot.getPlotItem().getViewBox().sceneBoundingRect()
    return QPoint(round(chart.plot.x_of(moment)), round(box.bottom() - height * box.height()))


def drag(qtbot: QtBot, chart: TimeChart, start: float, end: float) -> None:
    view = chart.plot.viewport()
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=at(chart, start))
    for part in (0.3, 0.6, 1.0):
        qtbot.mouseMove(view, at(chart, start + (end - start) * part))
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=at(chart, end))


def test_dragging_freezes_the_time_for_all(
    qtbot: QtBot, charts: list[TimeChart], time: WindowTime
) -> None:
    drag(qtbot, charts[0], NOW - 200, NOW - 400)
    assert not time.is_live
    assert (time.range.start, time.range.end) == pytest.approx((NOW - 400, NOW - 200), abs=3)
    charts[1].zoom_out_requested.emit()
    assert (time.range.start, time.range.end) == pytest.approx((NOW - 500, NOW - 100), abs=6)


def right_edge(chart: TimeChart) -> int:
    right: float = chart.plot.getPlotItem().getViewBox().sceneBoundingRect().right()
    return round(right)


@pytest.mark.parametrize("beyond", [-1, 0, 1, 200])
@pytest.mark.parametrize("forward", [True, False])
def test_dragging_to_the_end_of_a_live_chart_stays_live(
    qtbot: QtBot, charts: list[TimeChart], time: WindowTime, *, beyond: int, forward: bool
) -> None:
    time.now = lambda: NOW + 1.9  # the charts were drawn a while ago
    edge = right_edge(charts[0])
    end = QPoint(edge + beyond, 40) if forward else QPoint(edge - 1, 40)
    start = QPoint(round(charts[0].plot.x_of(NOW - 300)), 40)
    view = charts[0].plot.viewport()
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=start if forward else end)
    for x in (edge - 150, edge - 50, (end if forward else start).x()):
        qtbot.mouseMove(view, QPoint(x, 40))
    charts[0].grab()
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=end if forward else start)
    assert time.is_live
    assert time.range.seconds == pytest.approx(302, abs=10)


def test_dragging_stays_live_when_the_chart_moves_on_under_the_pointer(
    qtbot: QtBot, charts: list[TimeChart], time: WindowTime
) -> None:
    chart, edge = charts[0], right_edge(charts[0])
    view = chart.plot.viewport()
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=at(chart, NOW - 300))
    qtbot.mouseMove(view, QPoint(edge - 50, 40))
    qtbot.mouseMove(view, QPoint(edge + 20, 40))
    time.now = lambda: NOW + 60
    chart.set_data(TIMES + 60, {"failed": np.full(60, 2.0)}, (NOW - 540, NOW + 60))
    qtbot.waitUntil(lambda: not chart.redraw_pending)
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=QPoint(edge + 20, 40))
    assert time.is_live
    assert time.range.seconds == pytest.approx(360, abs=10)


def test_dragging_to_the_edge_and_back_selects_nothing(
    qtbot: QtBot, charts: list[TimeChart], time: WindowTime
) -> None:
    edge, view = right_edge(charts[0]), charts[0].plot.viewport()
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=QPoint(edge - 1, 40))
    qtbot.mouseMove(view, QPoint(edge - 100, 40))
    qtbot.mouseMove(view, QPoint(edge + 5, 40))
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=QPoint(edge + 5, 40))
    assert time.range == ALL_RETAINED


def test_dragging_to_the_end_of_a_frozen_chart_is_frozen(
    qtbot: QtBot, charts: list[TimeChart], time: WindowTime
) -> None:
    time.now = lambda: NOW + 100
    charts[0].set_live(is_live=False)
    drag(qtbot, charts[0], NOW - 300, NOW)
    assert not time.is_live
    assert (time.range.start, time.range.end) == pytest.approx((NOW - 300, NOW), abs=3)


@pytest.mark.parametrize("is_live", [True, False])
def test_the_keys_select_up_to_the_present_in_a_live_chart_alone(
    qtbot: QtBot, charts: list[TimeChart], time: WindowTime, *, is_live: bool
) -> None:
    time.now = lambda: NOW + 1.9
    chart, shift = charts[0], Qt.KeyboardModifier.ShiftModifier
    chart.set_live(is_live=is_live)
    chart.setFocus()
    qtbot.keyClick(chart, Qt.Key.Key_End)
    for _step in range(3):
        qtbot.keyClick(chart, Qt.Key.Key_Left, shift)
    qtbot.keyClick(chart, Qt.Key.Key_Return)
    assert time.range == (last(37) if is_live else fixed(TIMES[-4], TIMES[-1]))
    qtbot.keyClick(chart, Qt.Key.Key_End)
    qtbot.keyClick(chart, Qt.Key.Key_Plus)
    assert time.range == (last(310) if is_live else fixed(NOW - 300, NOW))


def test_a_double_click_shows_more_time_and_filters_by_nothing(
    qtbot: QtBot, charts: list[TimeChart], time: WindowTime
) -> None:
    chosen: list[str] = []
    charts[0].series_chosen.connect(chosen.append)
    time.set_range(fixed(NOW - 400, NOW - 300))
    view, where = charts[0].plot.viewport(), at(charts[0], NOW - 300)
    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=where)
    qtbot.mouseDClick(view, Qt.MouseButton.LeftButton, pos=where)
    assert time.range == fixed(NOW - 450, NOW - 250)
    qtbot.wait(QApplication.doubleClickInterval() + 50)
    assert chosen == []


@pytest.mark.parametrize(("height", "key"), [(0.1, "failed"), (0.6, "succeeded")])
def test_a_click_on_a_bar_filters_by_its_series_and_its_time(
    qtbot: QtBot, charts: list[TimeChart], height: float, key: str
) -> None:
    with qtbot.waitSignal(charts[0].bar_chosen) as chosen:
        qtbot.mouseClick(
            charts[0].plot.viewport(),
            Qt.MouseButton.LeftButton,
            pos=at(charts[0], TIMES[30], height),
        )
    assert chosen.args == [key, TIMES[30] - 5, TIMES[30] + 5]


def test_the_legend_and_lines_filter_by_the_series_alone(
    qtbot: QtBot, charts: list[TimeChart]
) -> None:
    chart = charts[0]
    with qtbot.waitSignal(chart.series_chosen) as chosen:
        chart.header.legend.chosen.emit("failed")
    assert chosen.args == ["failed"]
    chart.set_series([SeriesSpec("rate", "good", key="rate")])
    chart.set_data(TIMES, {"rate": np.full(60, 4.0)}, (NOW - 600, NOW))
    qtbot.waitUntil(lambda: not chart.redraw_pending)
    _times, (_low, top) = chart.plot.visible_range
    with qtbot.waitSignal(chart.series_chosen) as chosen:
        view = chart.plot.viewport()
        pos = at(chart, TIMES[30], 4.0 / top)
        qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=pos)
    assert chosen.args == ["rate"]


def test_the_keys_select_and_filter_as_the_mouse_does(
    qtbot: QtBot, charts: list[TimeChart], time: WindowTime
) -> None:
    chart, shift = charts[0], Qt.KeyboardModifier.ShiftModifier
    chart.setFocus()
    qtbot.keyClick(chart, Qt.Key.Key_Home)
    qtbot.keyClick(chart, Qt.Key.Key_Right)
    for _step in range(3):
        qtbot.keyClick(chart, Qt.Key.Key_Right, shift)
    assert chart.plot.selection == (TIMES[1], TIMES[4])
    qtbot.keyClick(chart, Qt.Key.Key_Return)
    assert time.range == fixed(TIMES[1], TIMES[4])
    qtbot.keyClick(chart, Qt.Key.Key_Minus)
    assert time.range.end - time.range.start == pytest.approx(60)
    time.set_range(ALL_RETAINED)
    qtbot.keyClick(chart, Qt.Key.Key_Plus)
    assert time.range.end - time.range.start == pytest.approx(300)
    qtbot.keyClick(chart, Qt.Key.Key_Down)
    qtbot.keyClick(chart, Qt.Key.Key_Down)
    assert "▸ succeeded" in chart.tooltip
    with qtbot.waitSignal(chart.bar_chosen) as chosen:
        qtbot.keyClick(chart, Qt.Key.Key_Return)
    assert chosen.args == ["succeeded", TIMES[4] - 5, TIMES[4] + 5]


def test_escape_forgets_a_selection(
    qtbot: QtBot, charts: list[TimeChart], time: WindowTime
) -> None:
    chart = charts[0]
    chart.setFocus()
    qtbot.keyClick(chart, Qt.Key.Key_Home)
    qtbot.keyClick(chart, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    qtbot.keyClick(chart, Qt.Key.Key_Escape)
    assert chart.plot.selection is None
    assert time.range == ALL_RETAINED


def test_the_crosshair_is_shared(qtbot: QtBot, charts: list[TimeChart]) -> None:
    charts[0].setFocus()
    qtbot.keyClick(charts[0], Qt.Key.Key_Home)
    assert charts[1].tooltip == charts[0].tooltip != ""
    qtbot.keyClick(charts[0], Qt.Key.Key_Escape)
    assert charts[1].tooltip == ""


def test_a_shared_crosshair_leaves_no_line_behind(qtbot: QtBot, charts: list[TimeChart]) -> None:
    first, second = charts
    window = second.window()
    window.resize(700, 520)
    second.move(0, 260)
    qtbot.wait(50)
    area = QRect(second.pos() + second.plot.pos(), second.plot.size())

    def on_screen() -> QImage:
        return window.screen().grabWindow(window.winId()).toImage().copy(area)

    before = on_screen()
    for moment in (NOW - 500, NOW - 300, NOW - 100):
        QTest.mouseMove(first.plot.viewport(), at(first, moment))
        qtbot.wait(20)
        assert on_screen() != before
    first.plot.pointer_moved.emit(math.nan)
    qtbot.wait(20)
    assert second.tooltip == ""
    assert on_screen() == before


def test_no_zero_is_drawn_where_nothing_is_known(qtbot: QtBot, charts: list[TimeChart]) -> None:
    closed = closed_marks([(NOW - 600, NOW - 500)], NOW - 550, NOW)
    charts[0].set_marks(chart_marks([Outage(NOW - 300, NOW - 200)], closed, ()))
    charts[0].set_series([SeriesSpec("rate", "good")])
    charts[0].set_data(TIMES, {"rate": np.zeros(60)}, (NOW - 600, NOW))
    qtbot.waitUntil(lambda: not charts[0].redraw_pending)
    shown = charts[0].curve("rate").line.yData
    unknown = (TIMES < NOW - 550) | ((TIMES > NOW - 300) & (TIMES < NOW - 200))
    assert np.isnan(shown[unknown]).all()
    assert not np.isnan(shown[~unknown]).any()


def test_a_closed_window_is_filled_as_far_as_history_goes() -> None:
    span = (NOW - 600, NOW - 100)
    (lost,) = closed_marks([span], math.inf, NOW)
    assert (lost.known, lost.end) == (False, NOW - 100)
    assert lost.label.endswith("not recorded")
    (filled,) = closed_marks([span], NOW - 5000, NOW)
    assert filled.known
    assert filled.label.endswith("filled from history")
    first, second = closed_marks([span], NOW - 300, NOW)
    assert (first.known, first.end, second.known, second.start) == (
        False,
        NOW - 300,
        True,
        NOW - 300,
    )


def test_the_crosshair_explains_a_deployment(qtbot: QtBot, charts: list[TimeChart]) -> None:
    deployed = Deployment(TIMES[0] + 1, "1.4.2", "1.4.1", ("w-1@host", "w-2@host"))
    charts[0].set_marks(chart_marks((), (), (deployed,)))
    charts[0].setFocus()
    qtbot.keyClick(charts[0], Qt.Key.Key_Home)
    assert "deployed 1.4.2, before 1.4.1, on w-1, w-2" in charts[0].tooltip
    charts[0].grab()


def test_one_outlier_does_not_flatten_the_rest_and_is_marked() -> None:
    values = np.concatenate((np.full(59, 2.0), [300.0]))
    assert typical_top(values) < 4
    assert typical_top(np.full(60, 2.0)) == 2.0
    assert typical_top(np.array([1.0, 2.0, 300.0])) == 300.0
    assert typical_top(np.concatenate((np.full(40, 2.0), np.full(20, 300.0)))) == 300.0


def test_a_low_rate_fills_the_height() -> None:
    assert value_ticks(0.08, Unit.PER_SECOND).top <= 0.1
    assert value_ticks(0.0, Unit.PER_SECOND).top == 1.0


def test_a_short_range_has_milliseconds() -> None:
    assert clock_text(NOW + 0.25, 30.0).endswith(".250")
    assert "." not in clock_text(NOW + 0.25, 600.0)
    labels = [text for _at, text in clock_ticks(NOW, NOW + 0.05, 5)]
    assert labels
    assert len(set(labels)) == len(labels)
    assert all("." in label for label in labels)


def test_a_series_keeps_its_color_and_dash() -> None:
    colors = SeriesColors()
    first = colors.specs(["a", "b", "c"])
    colors.specs([f"other {number}" for number in range(40)])
    assert colors.specs(["c", "a"]) == [first[2], first[0]]
    looks = {(spec.color, spec.dash) for spec in colors.specs([f"n{n}" for n in range(28)])}
    assert len(looks) == 28


def test_percentiles_differ_in_color_and_dash() -> None:
    specs = percentile_specs("p50", "p95", "p99")
    assert len({spec.color for spec in specs}) == len({spec.dash for spec in specs}) == 3


def test_a_name_has_the_same_look_in_every_window() -> None:
    window, replay = SeriesColors(), SeriesColors()
    window.specs(["score", "embed", "extract"])  # others come first, or in another order
    workers = ["worker-1", "worker-2", "worker-3"]
    shown = window.specs(workers)
    assert replay.specs(workers[::-1]) == shown[::-1]
    assert SeriesColors().spec("worker-1") == SeriesColors().specs(["worker-1"])[0]
    assert len({spec.color for spec in shown}) == 3
