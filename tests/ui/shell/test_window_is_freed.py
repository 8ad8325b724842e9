"""A window that was closed is freed with its pages: an operator opens many in a day."""

import gc
import weakref
from typing import Any

from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from pulse_desktop.app.long_lived_objects import LongLivedObjects
from pulse_desktop.ui.pages.registry import PAGES
from pulse_desktop.ui.theme.theme import ThemeChoice, theme
from tests.kit.state_builder import StateBuilder
from tests.ui.window_builder import draw_frame, make_window


def test_nothing_of_a_window_is_left_after_it_was_closed(qapp: QApplication, qtbot: QtBot) -> None:
    theme().install(ThemeChoice.DARK)
    builder = StateBuilder().runs(3)
    window = make_window(qtbot, builder, PAGES)
    for page in PAGES:
        window.show_page(page.key)
        draw_frame(window, builder)
    left: list[weakref.ref[Any]] = [
        weakref.ref(window),
        weakref.ref(window.page("tasks")),
        weakref.ref(builder.state),
    ]
    long_lived = LongLivedObjects()
    long_lived.freeze()
    window.close()
    window.deleteLater()
    del window, builder
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.collect()
    long_lived.release()
    long_lived.freeze()
    assert [each() for each in left] == [None] * len(left)
