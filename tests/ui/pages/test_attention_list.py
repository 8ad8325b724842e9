"""Everything that needs attention is reached, by keyboard and by mouse, on a low page too."""

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from pulse_desktop.ui.pages.overview.attention_list import AttentionList, AttentionRow
from pulse_desktop.ui.pages.overview.page import OverviewPage
from pulse_desktop.ui.pages.tasks.page import TasksPage
from pulse_desktop.ui.shell.window import MainWindow
from tests.kit.state_builder import StateBuilder
from tests.ui.window_builder import draw_frame, make_window


@pytest.fixture
def builder() -> StateBuilder:
    return StateBuilder()


def overview(window: MainWindow) -> OverviewPage:
    assert isinstance(window.current, OverviewPage)
    return window.current


def _fail_in_many_ways(builder: StateBuilder, count: int) -> None:
    for number in range(count):
        builder.task(f"{number:032x}", f"tasks.a_task_{number}:score")
        builder.failed(f"{number:032x}", f"AttachmentUnreadable{number}Error")


def _turn_wheel(widget: QWidget, angle: int) -> None:
    where = QPointF(widget.rect().center())
    event = QWheelEvent(
        where,
        widget.mapToGlobal(where),
        QPoint(),
        QPoint(0, angle),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)


def _visible_items(attention: AttentionList) -> list[str]:
    rows = [row for row in attention.rows if row.isVisible()]
    return [row.item.target for row in rows if row.item is not None]


@pytest.mark.parametrize("count", [11, 40])
def test_all_items_that_need_attention_are_reached_without_the_mouse(
    qtbot: QtBot, builder: StateBuilder, count: int
) -> None:
    _fail_in_many_ways(builder, count)
    window = make_window(qtbot, builder, (TasksPage, OverviewPage))
    window.resize(1024, 640)
    draw_frame(window, builder)
    qtbot.waitUntil(window.isActiveWindow)
    qtbot.keyClick(window, Qt.Key.Key_I, Qt.KeyboardModifier.ControlModifier)
    QApplication.processEvents()
    page = overview(window)
    items = [item.target for item in overview(window).context.attention_items()]
    assert len(items) == count
    assert window.focusWidget() is page.attention.rows[0]
    for target in items:
        focused = window.focusWidget()
        assert isinstance(focused, AttentionRow)
        assert focused.item is not None
        assert focused.item.target == target
        assert page.attention.rect().contains(focused.geometry())
        draw_frame(window, builder, 1.5)
        qtbot.keyClick(focused, Qt.Key.Key_Down)
    assert page.attention.more_text.endswith(" above")
    qtbot.keyClick(window.focusWidget(), Qt.Key.Key_Home)
    assert _visible_items(page.attention) == items[: len(_visible_items(page.attention))]
    chosen: list[object] = []
    page.attention.item_activated.connect(chosen.append)
    qtbot.keyClick(window.focusWidget(), Qt.Key.Key_Return)
    assert [getattr(item, "target", "") for item in chosen] == items[:1]


def test_all_items_that_need_attention_are_reached_with_the_mouse(
    qtbot: QtBot, builder: StateBuilder
) -> None:
    _fail_in_many_ways(builder, 11)
    window = make_window(qtbot, builder, (OverviewPage,))
    window.resize(1024, 640)
    draw_frame(window, builder)
    QApplication.processEvents()
    attention = overview(window).attention
    items = [item.target for item in overview(window).context.attention_items()]
    seen = _visible_items(attention)
    while attention.more_text.startswith("and"):
        qtbot.mouseClick(attention.more, Qt.MouseButton.LeftButton)
        seen += [each for each in _visible_items(attention) if each not in seen]
    assert seen == items
    qtbot.mouseClick(attention.more, Qt.MouseButton.LeftButton)
    assert _visible_items(attention)[0] == items[0]
    for notches, first in ((-1, 1), (-2, 3), (1, 2), (9, 0)):
        _turn_wheel(attention, 120 * notches)
        assert _visible_items(attention)[0] == items[first]


def test_without_items_the_keyboard_goes_to_the_latest_runs(
    qtbot: QtBot, builder: StateBuilder
) -> None:
    window = make_window(qtbot, builder, (OverviewPage,))
    window.show_attention()
    assert window.focusWidget() is overview(window).latest
