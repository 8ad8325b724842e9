"""The sidebar: its counts beside the icons."""

import pytest
from PySide6.QtCore import QRect
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from pulse_desktop.ui.shell.sidebar import SidebarButton, SidebarItem


@pytest.mark.parametrize("count", ["3", "10", "1,204"])
def test_a_count_does_not_move_the_icon_of_a_collapsed_sidebar(qtbot: QtBot, count: str) -> None:
    parent = QWidget()
    button = SidebarButton(SidebarItem("tasks", "Tasks", "tasks"), parent)
    qtbot.addWidget(parent)
    button.set_collapsed(collapsed=True)
    button.resize(40, 32)
    below_the_badge = QRect(0, 14, 40, 18)
    plain = button.grab(below_the_badge).toImage()
    button.set_count(count, urgent=True)
    assert button.grab(below_the_badge).toImage() == plain
