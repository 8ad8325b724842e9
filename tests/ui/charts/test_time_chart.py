"""The chart draws what it was told, leaves gaps open, and does nothing while nobody looks."""

import math
import time

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from pulse_desktop.ui.charts.legend import LegendKey
from pulse_desktop.ui.charts.scale import Unit
from pulse_desktop.ui.charts.sparkline import Sparkline
from pulse_desktop.ui.charts.time_chart import REDRAW_MS, SeriesSpec, TimeChart
from pulse_desktop.ui.theme.theme import ThemeChoice, theme

TIMES = np.arange(1_763_894_400.0, 1_763_894_400.0 + 100)


@pytest.fixture
def chart(qtbot: QtBot):
    theme().install(ThemeChoice.DARK)
    chart = TimeChart("Task throughput", Unit.PER_SECOND, empty_text="Run a task.")
    qtbot.addWidget(chart)
    chart.set_series([SeriesSpec("succeeded", "good", fill=True), SeriesSpec("failed", "bad")])
    chart.resize(600, 240)
    return chart


def shown(qtbot, chart):
    with qtbot.waitExposed(chart):
        chart.show()
    return chart


def drawn(chart, name):
    return chart._curves[name].line.getData()[1]


def test_a_chart_without_data_says_so_and_what_fills_it(qtbot: QtBot, chart) -> None:
    shown(qtbot, chart)
    assert chart.empty
    assert chart._empty.text() == "No data yet. Run a task."
    chart.set_data(TIMES, {"succeeded": np.full(100, np.nan)})
    qtbot.waitUntil(lambda: not chart._stale)
    assert chart.empty


def test_data_of_a_hidden_chart_is_drawn_when_it_is_shown(qtbot: QtBot, chart) -> None:
    chart.set_data(TIMES, {"succeeded": np.ones(100)})
    assert not chart._redraw_timer.isActive()
    assert not drawn(chart, "succeeded").size
    shown(qtbot, chart)
    assert drawn(chart, "succeeded").sum() == 100
    assert not chart.empty


def test_the_picture_is_made_at_most_ten_times_a_second(
    qtbot: QtBot, chart, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown(qtbot, chart)
    drawings = []
    line = chart._curves["succeeded"].line
    set_data = line.setData
    monkeypatch.setattr(
        line, "setData", lambda *a: (drawings.append(time.monotonic()), set_data(*a))
    )
    until = time.monotonic() + 0.55
    number = 0.0
    while time.monotonic() < until:
        number += 1
        chart.set_data(TIMES, {"succeeded": np.full(100, number)})
        QApplication.processEvents()
    qtbot.waitUntil(lambda: not chart._stale)
    assert 2 <= len(drawings) <= 8
    assert min(np.diff(drawings)) > REDRAW_MS / 1000 * 0.8
    assert drawn(chart, "succeeded")[0] == number, "the newest data is drawn in the end"


def test_a_gap_stays_a_gap_and_a_lonely_value_becomes_a_dot(qtbot: QtBot, chart) -> None:
    values = np.ones(100)
    values[40:60] = np.nan
    values[50] = 7
    chart.set_data(TIMES, {"succeeded": values})
    shown(qtbot, chart)
    curve = chart._curves["succeeded"]
    assert curve.line.opts["connect"] == "finite"
    assert curve.dots.getData()[0].tolist() == [TIMES[50]]


def test_the_scale_starts_at_zero_and_holds_what_is_shown(qtbot: QtBot, chart) -> None:
    chart.set_data(TIMES, {"succeeded": np.full(100, 90.0), "failed": np.full(100, 3.0)})
    shown(qtbot, chart)
    low, high = chart._plot.getPlotItem().getViewBox().viewRange()[1]
    assert low == 0
    assert 100 <= high < 102
    key = next(k for k in chart.findChildren(LegendKey) if k.text() == "succeeded")
    key.click()
    qtbot.waitUntil(lambda: not chart._stale)
    assert not chart.is_series_shown("succeeded")
    assert not chart._curves["succeeded"].line.isVisible()
    assert chart._plot.getPlotItem().getViewBox().viewRange()[1][1] < 5.2


def test_a_hidden_series_stays_hidden_when_the_series_change(qtbot: QtBot, chart) -> None:
    shown(qtbot, chart)
    next(k for k in chart.findChildren(LegendKey) if k.text() == "failed").click()
    chart.set_series([SeriesSpec("failed", "bad"), SeriesSpec("cancelled", "faint")])
    assert not chart.is_series_shown("failed")
    assert chart.is_series_shown("cancelled")


def test_the_pointer_reads_out_every_shown_series(qtbot: QtBot, chart) -> None:
    values = np.arange(100.0)
    chart.set_data(TIMES, {"succeeded": values, "failed": np.full(100, np.nan)})
    shown(qtbot, chart)
    box = chart._plot.getPlotItem().getViewBox()
    scene = box.mapViewToScene(QPointF(TIMES[50] + 0.2, 20))
    QTest.mouseMove(chart._plot.viewport(), chart._plot.mapFromScene(scene))
    qtbot.waitUntil(lambda: bool(chart.readout))
    assert "succeeded 50.0/s" in chart.readout
    assert "failed no value" in chart.readout


def test_the_arrow_keys_read_out_values_and_escape_stops(qtbot: QtBot, chart) -> None:
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
        assert expected in chart.readout
    QTest.keyClick(chart, Qt.Key.Key_Escape)
    assert chart.readout == ""


def test_wheel_and_drag_move_nothing(qtbot: QtBot, chart) -> None:
    chart.set_data(TIMES, {"succeeded": np.ones(100)})
    shown(qtbot, chart)
    before = chart._plot.getPlotItem().getViewBox().viewRange()
    viewport = chart._plot.viewport()
    centre = viewport.rect().center()
    wheel = QWheelEvent(
        QPointF(centre),
        QPointF(viewport.mapToGlobal(centre)),
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
        QTest.mousePress(viewport, button, pos=centre)
        QTest.mouseMove(viewport, centre + QPoint(80, 30))
        QTest.mouseRelease(viewport, button, pos=centre + QPoint(80, 30))
    assert chart._plot.getPlotItem().getViewBox().viewRange() == before


def test_values_must_match_their_times(chart) -> None:
    with pytest.raises(ValueError, match="3 values for 100 times"):
        chart.set_data(TIMES, {"succeeded": np.ones(3)})


def test_a_change_of_theme_recolours_the_lines(qtbot: QtBot, chart) -> None:
    shown(qtbot, chart)
    dark = chart._curves["succeeded"].line.opts["pen"].color()
    theme().choose(ThemeChoice.LIGHT)
    assert chart._curves["succeeded"].line.opts["pen"].color() != dark
    assert chart._curves["succeeded"].line.opts["pen"].width() == 1


def test_names_wrap_below_the_title_when_they_do_not_fit(qtbot: QtBot, chart) -> None:
    chart.set_series([SeriesSpec(f"provider number {i}", f"series {i}") for i in range(7)])
    shown(qtbot, chart)
    keys = chart.findChildren(LegendKey)
    assert len({k.y() for k in keys if not k.isHidden()}) > 1
    assert all(k.accessibleName() for k in keys)


def test_a_sparkline_takes_any_values(qtbot: QtBot) -> None:
    line = Sparkline("#58b6ee")
    qtbot.addWidget(line)
    line.resize(120, 20)
    for values in ([], [1], [1, 2, 3], [math.nan] * 4, [0, 0], [1, math.nan, 3, 4, math.nan]):
        line.set_values(values)
        assert not line.grab().isNull()
