"""The texts of Qt itself are in the language of the other texts."""

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QTranslator
from PySide6.QtWidgets import QApplication

from pulse_desktop.ui.theme.qt_translations import install_qt_translations


@pytest.fixture
def app(qapp: QApplication) -> Iterator[QApplication]:
    yield qapp
    for translator in qapp.findChildren(QTranslator):
        qapp.removeTranslator(translator)
        translator.deleteLater()


def test_the_buttons_of_qt_are_translated(app: QApplication) -> None:
    assert install_qt_translations(app, "de")
    assert app.translate("QPlatformTheme", "Cancel") == "Abbrechen"


@pytest.mark.parametrize("language", ["", "xx"])
def test_without_a_catalog_the_texts_of_qt_stay_english(app: QApplication, language: str) -> None:
    assert not install_qt_translations(app, language)
    assert app.translate("QPlatformTheme", "Cancel") == "Cancel"
