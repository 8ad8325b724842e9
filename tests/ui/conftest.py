"""Fixtures for tests of the window."""

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from pulse_desktop.ui.rows import facet_counts, row_filter, time_slice
from pulse_desktop.ui.theme.theme import ThemeChoice, theme
from tests.ui.page_harness import PageHarness


@pytest.fixture(autouse=True)
def delete_widgets(qapp: QApplication) -> Iterator[None]:
    """Delete the widgets of a test at its end, so that later changes of the theme skip them."""
    yield
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


@pytest.fixture(autouse=True)
def release_modifiers(qapp: QApplication) -> Iterator[None]:
    """Release the modifier keys of a test: a key that is a shortcut leaves them pressed for Qt."""
    yield
    if QApplication.keyboardModifiers() != Qt.KeyboardModifier.NoModifier:
        QTest.keyClick(QWidget(), Qt.Key.Key_F24)
    assert QApplication.keyboardModifiers() == Qt.KeyboardModifier.NoModifier


@pytest.fixture(autouse=True)
def no_slices_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let only the number of rows end a step: a garbage collection may take longer than one."""
    monkeypatch.setattr(time_slice, "SLICE_S", 60.0)
    for module in (row_filter, facet_counts):
        monkeypatch.setattr(module, "CHANGES_S", 60.0)


@pytest.fixture
def harness(qtbot: QtBot) -> PageHarness:
    theme().install(ThemeChoice.DARK)
    window = QWidget()
    qtbot.addWidget(window)
    return PageHarness(qtbot, window)
