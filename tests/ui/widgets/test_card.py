"""A card's subtitle is cut visibly where it does not fit."""

from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from pulse_desktop.ui.widgets.card import Card

SUBTITLE = "events per second over 1 min, line 5 min"


def test_a_subtitle_that_does_not_fit_ends_in_an_ellipsis(qtbot: QtBot) -> None:
    card = Card("Event topics", SUBTITLE)
    qtbot.addWidget(card)
    card.resize(200, 100)
    with qtbot.waitExposed(card):
        card.show()
    texts = [label.text() for label in card.findChildren(QLabel)]
    assert SUBTITLE not in texts
    assert any(text.startswith("events") and text.endswith("…") for text in texts)
    card.resize(600, 100)
    assert SUBTITLE in [label.text() for label in card.findChildren(QLabel)]
