"""The theme is the one that the operator chose, or that of the system."""

import gc
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from pulse_desktop.ui.theme.theme import Theme, ThemeChoice, theme


class FakeHints:
    """Style hints of a system whose color scheme can be changed."""

    scheme = Qt.ColorScheme.Light

    def colorScheme(self) -> Qt.ColorScheme:  # noqa: N802
        return self.scheme

    def setColorScheme(self, _scheme: Qt.ColorScheme) -> None:  # noqa: N802
        pass


@pytest.fixture
def installed(qapp: QApplication) -> Iterator[Theme]:
    theme().install(ThemeChoice.DARK)
    yield theme()
    theme().choose(ThemeChoice.DARK)


def test_the_system_theme_is_followed(installed: Theme, monkeypatch: pytest.MonkeyPatch) -> None:
    scheme_changed = QGuiApplication.styleHints().colorSchemeChanged
    monkeypatch.setattr(FakeHints, "scheme", Qt.ColorScheme.Light)
    monkeypatch.setattr(QGuiApplication, "styleHints", staticmethod(FakeHints))
    installed.choose(ThemeChoice.SYSTEM)
    assert installed.tokens.name == "light"
    monkeypatch.setattr(FakeHints, "scheme", Qt.ColorScheme.Dark)
    scheme_changed.emit(Qt.ColorScheme.Dark)
    assert installed.tokens.name == "dark"
    monkeypatch.undo()


def test_a_chosen_theme_is_kept(installed: Theme) -> None:
    installed.choose(ThemeChoice.LIGHT)
    assert installed.tokens.name == "light"
    assert QApplication.palette().window().color() == installed.color("window")


class _Listener(QLabel):
    """A label that notes whether garbage could be collected when its style changed."""

    def __init__(self) -> None:
        super().__init__()
        self.collectable: list[bool] = []

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        self.collectable.append(gc.isenabled())
        super().changeEvent(event)


def test_no_garbage_is_collected_while_qt_walks_over_the_widgets(
    installed: Theme, qtbot: QtBot
) -> None:
    installed.choose(ThemeChoice.LIGHT)
    label = _Listener()
    qtbot.addWidget(label)
    label.ensurePolished()
    label.collectable.clear()
    installed.choose(ThemeChoice.DARK)
    assert label.collectable
    assert not any(label.collectable)
    assert gc.isenabled()
