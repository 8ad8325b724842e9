"""The note of an empty page or table."""

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
