"""A text that is set again leaves the view of the operator as it is."""

import pytest
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QPlainTextEdit
from pytestqt.qtbot import QtBot

from pulse_desktop.ui.theme.plain_text import set_plain_text


@pytest.mark.parametrize("character", ["x", "\u00a0", "\u2028", "\u2029", "\ufdd0", "\r", "\x00"])
def test_the_same_text_keeps_selection_and_position(qtbot: QtBot, character: str) -> None:
    widget = QPlainTextEdit()
    qtbot.addWidget(widget)
    widget.resize(200, 100)
    widget.show()
    text = f"one{character}two\n" * 200
    set_plain_text(widget, text)
    widget.selectAll()
    widget.verticalScrollBar().setValue(widget.verticalScrollBar().maximum())
    selected, position = widget.textCursor().selectedText(), widget.verticalScrollBar().value()
    assert selected
    assert position
    set_plain_text(widget, text)
    assert widget.textCursor().selectedText() == selected
    assert widget.verticalScrollBar().value() == position


def test_another_text_is_shown_from_its_start(qtbot: QtBot) -> None:
    widget = QPlainTextEdit()
    qtbot.addWidget(widget)
    for text in ("a\u00a0b", "c\u00a0d", "a\u00a0b"):
        set_plain_text(widget, text)
        assert widget.toPlainText() == text.replace("\u00a0", " ")
        widget.moveCursor(QTextCursor.MoveOperation.End)
    widget.clear()
    set_plain_text(widget, "a\u00a0b")
    assert widget.toPlainText() == "a b", "also after it was cleared in another way"
