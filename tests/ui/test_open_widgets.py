"""The list of all widgets."""

import gc

from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot

from tests.ui.open_widgets import all_widgets


class _Cycle(QWidget):
    """A window that only the garbage collection deletes."""

    def __init__(self) -> None:
        super().__init__()
        self.itself = self
        self.label = QLabel("", self)


def test_garbage_is_not_collected_while_widgets_are_listed(qtbot: QtBot) -> None:
    kept = QLabel()
    qtbot.addWidget(kept)
    gc.collect()
    threshold = gc.get_threshold()
    gc.set_threshold(1_000_000)
    try:
        for _number in range(40):
            _Cycle()
        gc.set_threshold(1, 1, 1)
        widgets = all_widgets()
    finally:
        gc.set_threshold(*threshold)
    assert kept in widgets
    assert all(widget.isWindow() or widget.window() for widget in widgets)
    assert gc.isenabled()
