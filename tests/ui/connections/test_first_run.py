"""The window of the first run is answered by keys alone."""

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from pulse_desktop.ui.connections.first_run import FirstRunWindow
from pulse_desktop.ui.theme.theme import ThemeChoice, theme


def test_the_enter_key_presses_the_button_with_the_focus(qtbot: QtBot) -> None:
    theme().install(ThemeChoice.DARK)
    window = FirstRunWindow(["shop", "<b>lab</b>"])
    qtbot.addWidget(window)
    answers: list[str] = []
    window.embedded_chosen.connect(lambda: answers.append("embedded"))
    window.server_chosen.connect(lambda: answers.append("server"))
    window.import_requested.connect(lambda: answers.append("import"))
    window.context_chosen.connect(answers.append)
    window.show()
    for _each in range(5):
        focused = window.focusWidget()
        assert isinstance(focused, QPushButton)
        QTest.keyClick(focused, Qt.Key.Key_Return)
        window.focusNextChild()
    assert answers == ["embedded", "server", "import", "nats:shop", "nats:<b>lab</b>"]
    assert window.contexts["shop"].accessibleName() == "Connect to the NATS context shop"


def test_a_long_name_leaves_every_context_inside_the_window(qtbot: QtBot) -> None:
    theme().install(ThemeChoice.DARK)
    long = "a-context-of-production-" * 4
    window = FirstRunWindow(["broken", long, "sec"], selected="sec")
    qtbot.addWidget(window)
    window.show()
    for each in window.contexts.values():
        right = each.mapTo(window, each.rect().topRight()).x()
        assert 0 < right < window.width()
    assert list(window.contexts) == ["sec", "broken", long]
    assert window.contexts["sec"].text() == "Selected: sec"
    assert window.contexts[long].text().endswith("…")
    assert long in window.contexts[long].toolTip()


def test_contexts_that_cannot_be_used_come_last_with_the_reason(qtbot: QtBot) -> None:
    theme().install(ThemeChoice.DARK)
    window = FirstRunWindow(["lab", "shop"], "shop", {"broken": "it is not JSON"})
    qtbot.addWidget(window)
    assert list(window.contexts) == ["shop", "lab", "broken"]
    enabled = [each.isEnabled() for each in window.contexts.values()]
    assert enabled == [True, True, False]
    broken = window.contexts["broken"]
    assert "it is not JSON" in broken.toolTip()
    assert broken.accessibleName() == "broken  ·  cannot be used: it is not JSON"
