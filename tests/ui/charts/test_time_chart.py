"""The chart draws its data with gaps, at a limited rate, and only while it is visible."""

import math
import time

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from pulse_desktop.ui.charts.chart_canvas import REDRAW_MS
from pulse_desktop.ui.charts.colors import SeriesSpec
from pulse_desktop.ui.charts.legend import LegendKey
from pulse_desktop.ui.charts.scale import Unit
from pulse_desktop.ui.charts.time_chart import TimeChart
from pulse_desktop.ui.theme.theme import ThemeChoice, theme

TIMES = np.arange(1_763_894_400.0, 1_763_894_400.0 + 100)


@pytest.fixture
def chart(qtbot: QtBot) -> TimeChart:
    theme().install(ThemeChoice.DARK)
    chart = TimeChart("Task throughput", Unit.PER_SECOND, empty_text="Run a task.")
    qtbot.addWidget(chart)
    chart.set_series([SeriesSpec("succeeded", "good", fill=True), SeriesSpec("failed", "bad")])
    chart.resize(600, 240)
    return chart


def shown(qtbot: QtBot, chart: TimeChart) -> TimeChart:
    with qtbot.waitExposed(chart):
        chart.show()
    return chart


def drawn(chart: TimeChart, name: str) -> NDArray[np.float64]:
    values: NDArray[np.float64] = chart.curve(name).line.getData()[1]
    return values


def test_a_chart_without_data_shows_its_hint(qtbot: QtBot, chart: TimeChart) -> None:
    shown(qtbot, chart)
    assert chart.empty
    assert chart.hint == "No data yet. Run a task."
    chart.set_data(TIMES, {"succeeded": np.full(100, np.nan)})
    qtbot.waitUntil(lambda: not chart.redraw_pending)
    assert chart.empty


def test_data_of_a_hidden_chart_is_drawn_when_it_is_shown(qtbot: QtBot, chart: TimeChart) -> None:
    chart.set_data(TIMES, {"succeeded": np.ones(100)})
    assert chart.redraw_pending
    assert not drawn(chart, "succeeded").size
    shown(qtbot, chart)
    assert drawn(chart, "succeeded").sum() == 100
    assert not chart.empty


def test_it_is_redrawn_at_most_ten_times_a_second(
    qtbot: QtBot, chart: TimeChart, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown(qtbot, chart)
    drawings: list[float] = []
    line = chart.curve("succeeded").line
    set_data = line.setData

    def record(*data: object) -> None:
        drawings.append(time.monotonic())
        set_data(*data)

    monkeypatch.setattr(line, "setData", record)
    until = time.monotonic() + 0.55
    number = 0.0
    while time.monotonic() < until:
        number += 1
        chart.set_data(TIMES, {"succeeded": np.full(100, number)})
        QApplication.processEvents()
    qtbot.waitUntil(lambda: not chart.redraw_pending)
    assert 2 <= len(drawings) <= 8
    assert min(np.diff(drawings)) > REDRAW_MS / 1000 * 0.8
    assert drawn(chart, "succeeded")[0] == number, "the latest data is drawn last"


def test_a_gap_stays_open_and_an_isolated_value_is_a_dot(qtbot: QtBot, chart: TimeChart) -> None:
    values = np.ones(100)
    values[40:60] = np.nan
    values[50] = 7
    chart.set_data(TIMES, {"succeeded": values})
    shown(qtbot, chart)
    curve = chart.curve("succeeded")
    assert curve.line.opts["connect"] == "finite"
    assert curve.dots.getData()[0].tolist() == [TIMES[50]]


def test_the_scale_starts_at_zero_and_fits_the_visible_series(
    qtbot: QtBot, chart: TimeChart
) -> None:
    chart.set_data(TIMES, {"succeeded": np.full(100, 90.0), "failed": np.full(100, 3.0)})
    shown(qtbot, chart)
    low, high = chart.plot.visible_range[1]
    assert low == 0
    assert 100 <= high < 102
    key = next(k for k in chart.findChildren(LegendKey) if k.text() == "succeeded")
    key.click()
    qtbot.waitUntil(lambda: not chart.redraw_pending)
    assert not chart.header.legend.is_visible("succeeded")
    assert not chart.curve("succeeded").line.isVisible()
    assert chart.plot.visible_range[1][1] < 5.2


def test_a_hidden_series_stays_hidden_when_the_series_change(
    qtbot: QtBot, chart: TimeChart
) -> None:
    shown(qtbot, chart)
    next(k for k in chart.findChildren(LegendKey) if k.text() == "failed").click()
    chart.set_series([SeriesSpec("failed", "bad"), SeriesSpec("cancelled", "faint")])
    assert not chart.header.legend.is_visible("failed")
    assert chart.header.legend.is_visible("cancelled")


def test_the_pointer_shows_values_of_every_visible_series(qtbot: QtBot, chart: TimeChart) -> None:
    values = np.arange(100.0)
    chart.set_data(TIMES, {"succeeded": values, "failed": np.full(100, np.nan)})
    shown(qtbot, chart)
    box = chart.plot.getPlotItem().getViewBox()
    scene = box.mapViewToScene(QPointF(TIMES[50] + 0.2, 20))
    QTest.mouseMove(chart.plot.viewport(), chart.plot.mapFromScene(scene))
    qtbot.waitUntil(lambda: bool(chart.tooltip))
    assert "succeeded 50.0/s" in chart.tooltip
    assert "failed no value" in chart.tooltip


def test_the_crosshair_stays_in_place_when_the_time_axis_grows(
    qtbot: QtBot, chart: TimeChart
) -> None:
    shown(qtbot, chart)
    chart.set_data(TIMES, {"succeeded": np.arange(100.0)})
    qtbot.waitUntil(lambda: not chart.redraw_pending)
    chart.show_crosshair(TIMES[50])
    assert "succeeded 50.0/s" in chart.tooltip
    start, end = chart.visible_time_range
    place = (TIMES[50] - start) / (end - start)  # not in pixels: labels may become wider
    doubled = np.arange(TIMES[0], TIMES[0] + 200)
    chart.set_data(doubled, {"succeeded": np.arange(200.0)})
    qtbot.waitUntil(lambda: not chart.redraw_pending)
    start, end = chart.visible_time_range
    there = int(np.abs(doubled - start - place * (end - start)).argmin())
    assert there >= 100
    assert f"succeeded {there}/s" in chart.tooltip


def test_the_arrow_keys_show_values_and_escape_hides_them(qtbot: QtBot, chart: TimeChart) -> None:
    values = np.arange(100.0)
    values[98] = math.nan
    chart.set_data(TIMES, {"succeeded": values})
    shown(qtbot, chart)
    for key, expected in [
        (Qt.Key.Key_Left, "99.0/s"),
        (Qt.Key.Key_Left, "97.0/s"),
        (Qt.Key.Key_Home, "succeeded 0/s"),
        (Qt.Key.Key_Right, "1.00/s"),
    ]:
        QTest.keyClick(chart, key)
        assert expected in chart.tooltip
    QTest.keyClick(chart, Qt.Key.Key_Escape)
    assert chart.tooltip == ""


def test_wheel_and_drag_move_nothing(qtbot: QtBot, chart: TimeChart) -> None:
    chart.set_data(TIMES, {"succeeded": np.ones(100)})
    shown(qtbot, chart)
    before = chart.plot.visible_range
    viewport = chart.plot.viewport()
    center = viewport.rect().center()
    wheel = QWheelEvent(
        QPointF(center),
        QPointF(viewport.mapToGlobal(center)),
        QPoint(0, 0),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(viewport, wheel)
    assert not wheel.isAccepted(), "the page must get the wheel"
    for button in (Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton):
        QTest.mousePress(viewport, button, pos=center)
        QTest.mouseMove(viewport, center + QPoint(80, 30))
        QTest.mouseRelease(viewport, button, pos=center + QPoint(80, 30))
    assert chart.plot.visible_range == before


def test_values_must_match_their_times(chart: TimeChart) -> None:
    with pytest.raises(ValueError, match="3 values for 100 times"):
        chart.set_data(TIMES, {"succeeded": np.ones(3)})


def test_the_lines_follow_the_theme(qtbot: QtBot, chart: TimeChart) -> None:
    shown(qtbot, chart)
    dark = chart.curve("succeeded").line.opts["pen"].color()
    theme().choose(ThemeChoice.LIGHT)
    assert chart.curve("succeeded").line.opts["pen"].color() != dark
    assert chart.curve("succeeded").line.opts["pen"].width() == 1


def test_the_legend_wraps_below_the_title_when_it_does_not_fit(
    qtbot: QtBot, chart: TimeChart
) -> None:
    chart.set_series([SeriesSpec(f"provider number {i}", f"series {i}") for i in range(7)])
    shown(qtbot, chart)
    keys = chart.findChildren(LegendKey)
    assert len({k.y() for k in keys if not k.isHidden()}) > 1
    assert all(k.accessibleName() for k in keys)


def test_the_first_clock_label_is_not_below_the_labels_of_the_values(
    qtbot: QtBot, chart: TimeChart
) -> None:
    shown(qtbot, chart)
    for offset in range(1, 8):
        start = float(TIMES[0]) - offset
        chart.set_data(TIMES, {"succeeded": np.ones(100)}, (start, start + 100))
        qtbot.waitUntil(lambda: not chart.redraw_pending)
        labels, *_ = chart.plot.getPlotItem().getAxis("bottom")._tickLevels  # noqa: SLF001
        assert chart.plot.x_of(labels[0][0]) - chart.plot.x_of(start) > 20


def test_a_chart_of_few_points_says_how_long_each_of_them_is(
    qtbot: QtBot, chart: TimeChart
) -> None:
    shown(qtbot, chart)
    chart.set_live(is_live=True)
    times = TIMES[0] + np.arange(4) * 600.0
    chart.set_data(times, {"succeeded": np.ones(4)}, (TIMES[0] - 300, TIMES[0] + 2100))
    qtbot.waitUntil(lambda: not chart.redraw_pending)
    assert chart.subtitle == "last 40 min, by 10 min"
    chart.set_data(TIMES, {"succeeded": np.ones(100)}, (TIMES[0], TIMES[-1]))
    qtbot.waitUntil(lambda: not chart.redraw_pending)
    assert chart.subtitle == "last 1 min 39 s"


class _Paints(QObject):
    """Counts the paints of a widget."""

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self.count = 0
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: ARG002, N802
        self.count += event.type() is QEvent.Type.Paint
        return False


def test_a_change_of_the_data_is_painted_once(qtbot: QtBot, chart: TimeChart) -> None:
    shown(qtbot, chart)
    paints = _Paints(chart.plot.viewport())

    def change(number: int) -> int:
        """Change the data and return how often the chart was painted for it."""
        qtbot.wait(REDRAW_MS)  # sooner, it would be put off
        before = paints.count
        chart.set_data(TIMES + number, {"succeeded": np.ones(100)})
        qtbot.waitUntil(lambda: paints.count > before)
        for _turn in range(20):
            QApplication.processEvents()
        return paints.count - before

    change(0)  # with the first data the layout changes
    assert [change(number) for number in range(1, 4)] == [1, 1, 1]
