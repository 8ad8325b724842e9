"""Qt's own translations, for the texts of its dialogs, fields and menus."""

from PySide6.QtCore import QCoreApplication, QLibraryInfo, QLocale, QTranslator

from pulse_desktop.text.translation import language


def install_qt_translations(app: QCoreApplication, language: str = language) -> bool:
    """Install Qt's catalog for a language. Call it once, before the first window.

    Args:
        app: the application.
        language: language of the application's own texts, such as "de"; "" for English.

    Returns:
        Whether there is a catalog. Bundles ship without catalogs, so Qt's own texts stay English.
    """
    if not language:
        return False
    folder = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
    translator = QTranslator(app)
    translator.setObjectName("Qt translations")
    if not translator.load(QLocale(language), "qtbase", "_", folder):
        translator.deleteLater()
        return False
    return app.installTranslator(translator)
