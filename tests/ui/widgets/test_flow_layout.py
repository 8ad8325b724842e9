"""A row of widgets that wraps gives each of them the room that it needs."""

import pytest
from PySide6.QtWidgets import QPushButton, QWidget
from pytestqt.qtbot import QtBot

from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.page.facet import Facet
from pulse_desktop.ui.page.filter_chips import FilterChips
from pulse_desktop.ui.widgets.flow_layout import FlowLayout

COUNTS = (
    {"succeeded": 0, "failed": 216},
    {"succeeded": 216, "failed": 0},  # together as wide as before
    {"succeeded": 12_345, "failed": 0},
    {"succeeded": 7, "failed": 1_234},
)


@pytest.mark.parametrize("first", COUNTS)
@pytest.mark.parametrize("second", COUNTS)
def test_no_count_of_a_chip_is_cut_off(
    qtbot: QtBot, first: dict[str, int], second: dict[str, int]
) -> None:
    chips = FilterChips(str)
    qtbot.addWidget(chips)
    for key in first:
        chips.add_facet(Facet(key, key, "retry", SemanticColor.GOOD))
    chips.resize(600, 30)
    chips.show()
    for counts in (first, second):
        chips.set_counts(counts, known=True, stale=False)
        qtbot.waitUntil(lambda: all(_has_room(chip) for chip in chips.by_key.values()))
        edge = 0
        for chip in chips.by_key.values():
            assert chip.x() >= edge
            edge = chip.x() + chip.width()


def _has_room(child: QWidget) -> bool:
    return child.width() == child.sizeHint().width()


def test_a_child_that_grows_while_hidden_has_its_room_when_shown(qtbot: QtBot) -> None:
    row = FlowLayout()
    qtbot.addWidget(row)
    button = QPushButton("a")
    row.add(button)
    row.resize(600, 30)
    row.show()
    qtbot.waitUntil(lambda: _has_room(button))
    row.hide()
    button.setText("a button with a long text")
    row.show()
    assert _has_room(button)


def test_a_child_that_grows_gets_its_room(qtbot: QtBot) -> None:
    row = FlowLayout()
    qtbot.addWidget(row)
    first, second = QPushButton("a"), QPushButton("b")
    row.add(first)
    row.add(second)
    row.resize(600, 30)
    row.show()
    first.setText("a button with a long text")
    qtbot.waitUntil(lambda: first.width() == first.sizeHint().width())
    assert second.x() > first.x() + first.width()
