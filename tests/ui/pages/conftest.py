"""Fixtures for tests of pages."""

import pytest
from PySide6.QtWidgets import QApplication

from pulse_desktop.ui.theme.theme import ThemeChoice, theme
from tests.ui.fake_session import FakeSession


@pytest.fixture(autouse=True)
def dark_theme(qapp: QApplication) -> None:
    theme().install(ThemeChoice.DARK)


@pytest.fixture
def session() -> FakeSession:
    return FakeSession()
