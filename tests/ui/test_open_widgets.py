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


def test_garbage_is_not_listed(qtbot: QtBot) -> None:
    kept = QLabel()
    qtbot.addWidget(kept)
    threshold = gc.get_threshold()
    gc.disable()
    try:
        for _number in range(40):
            _Cycle()
        gc.set_threshold(1, 1, 1)
        gc.enable()
        widgets = all_widgets()
    finally:
        gc.set_threshold(*threshold)
        gc.enable()
    assert kept in widgets
    assert not [widget for widget in widgets if isinstance(widget, _Cycle)]
