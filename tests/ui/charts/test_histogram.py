"""The histogram paints bins and shows the tooltip of one of them."""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from pulse_desktop.ui.charts.histogram import Bin, Histogram
from pulse_desktop.ui.theme.theme import ThemeChoice, theme


@pytest.fixture
def histogram(qtbot: QtBot) -> Histogram:
    theme().install(ThemeChoice.DARK)
    histogram = Histogram("Scores", empty_text="Scored messages are counted here.")
    qtbot.addWidget(histogram)
    histogram.resize(320, 200)
    with qtbot.waitExposed(histogram):
        histogram.show()
    return histogram


def bins(*counts: int) -> list[Bin]:
    step = 1 / len(counts)
    return [
        Bin(i * step, (i + 1) * step, count, "bad" if i < 2 else "good", "signal")
        for i, count in enumerate(counts)
    ]


def test_an_empty_histogram_shows_its_hint(histogram: Histogram) -> None:
    histogram.set_bins(bins(0, 0, 0))
    assert not histogram.grab().isNull()
    assert histogram.tooltip == ""


def test_the_pointer_shows_count_and_share_of_a_bin(histogram: Histogram) -> None:
    histogram.set_bins(bins(1, 0, 0, 3))
    QTest.mouseMove(histogram.bars, histogram.bars.bar_rect(3).center().toPoint())
    assert histogram.tooltip == "0.75 to 1.00\nsignal 3 · 75.0 %"
    QTest.mouseMove(histogram.bars, QPoint(1, 1))
    assert histogram.tooltip == ""


def test_the_arrow_keys_show_bins_too(histogram: Histogram) -> None:
    histogram.set_bins(bins(4, 2, 0))
    QTest.keyClick(histogram.bars, Qt.Key.Key_Right)
    assert "4 · 66.7 %" in histogram.tooltip
    QTest.keyClick(histogram.bars, Qt.Key.Key_Left)
    QTest.keyClick(histogram.bars, Qt.Key.Key_Escape)
    assert histogram.tooltip == ""


def test_the_tallest_bar_fits(histogram: Histogram) -> None:
    histogram.set_bins(bins(17, 3, 999))
    assert histogram.bars.bar_rect(2).top() >= histogram.bars.plot_rect().top() - 0.01
    assert not histogram.grab().isNull()
