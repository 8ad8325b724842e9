"""The note of an empty page or table."""

from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot

from pulse_desktop.ui.theme.theme import ThemeChoice, theme
from pulse_desktop.ui.widgets.empty_state import EmptyState


def test_an_empty_state_can_offer_a_button(qtbot: QtBot) -> None:
    theme().install(ThemeChoice.DARK)
    note = EmptyState("No messages yet", "They appear when a worker reads a chat.", "Run task")
    qtbot.addWidget(note)
    with qtbot.waitSignal(note.button_clicked):
        note.button.click()
    note.set_text("Nothing matches", "Clear the filter to see everything.")
    assert note.title == "Nothing matches"
    assert note.button.isHidden()


def test_the_reason_is_shown_in_little_height_too(qtbot: QtBot) -> None:
    theme().install(ThemeChoice.DARK)
    reason = "None of 53 rows matches the filter.\nNothing matches task:nothing."
    table = QWidget()
    qtbot.addWidget(table)
    note = EmptyState("Nothing matches", reason, "Clear filter", table)
    note.resize(500, 300)
    table.show()
    labels = note.findChildren(QLabel)
    heights = [label.sizeHint().height() for label in labels]
    assert [label.isVisible() for label in labels] == [True, True]
    assert note.toolTip() == ""
    note.resize(500, heights[1] + note.button.sizeHint().height() + 22)
    assert [(label.text(), label.isVisible()) for label in labels] == [
        ("Nothing matches", False),
        (reason, True),
    ]
    note.resize(500, note.button.sizeHint().height() + 30)
    assert [label.isVisible() for label in labels] == [True, False]
    assert "None of 53 rows" in note.toolTip()
