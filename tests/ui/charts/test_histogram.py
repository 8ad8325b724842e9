"""A histogram counts what it was told and reads out one range at a time."""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from pulse_desktop.ui.charts.histogram import Bin, Histogram
from pulse_desktop.ui.theme.theme import ThemeChoice, theme


@pytest.fixture
def histogram(qtbot: QtBot):
    theme().install(ThemeChoice.DARK)
    histogram = Histogram("Scores", empty_text="Scored messages are counted here.")
    qtbot.addWidget(histogram)
    histogram.resize(320, 200)
    with qtbot.waitExposed(histogram):
        histogram.show()
    return histogram


def bins(*counts):
    step = 1 / len(counts)
    return [
        Bin(i * step, (i + 1) * step, count, "bad" if i < 2 else "good", "signal")
        for i, count in enumerate(counts)
    ]


def test_an_empty_histogram_says_what_fills_it(histogram) -> None:
    histogram.set_bins(bins(0, 0, 0))
    assert not histogram.grab().isNull()
    assert histogram.readout == ""


def test_the_pointer_reads_out_a_range_with_its_share(histogram) -> None:
    histogram.set_bins(bins(1, 0, 0, 3))
    QTest.mouseMove(histogram._area, histogram._area._bar(3).center().toPoint())
    assert histogram.readout == "0.75 to 1.00\nsignal 3 · 75.0 %"
    QTest.mouseMove(histogram._area, QPoint(1, 1))
    assert histogram.readout == ""


def test_the_arrow_keys_read_out_too(histogram) -> None:
    histogram.set_bins(bins(4, 2, 0))
    QTest.keyClick(histogram._area, Qt.Key.Key_Right)
    assert "4 · 66.7 %" in histogram.readout
    QTest.keyClick(histogram._area, Qt.Key.Key_Left)
    QTest.keyClick(histogram._area, Qt.Key.Key_Escape)
    assert histogram.readout == ""


def test_the_tallest_bar_fits(histogram) -> None:
    histogram.set_bins(bins(17, 3, 999))
    assert histogram._area._bar(2).top() >= histogram._area._plot().top() - 0.01
    assert not histogram.grab().isNull()
