"""The keyboard focus is visible on every control, in both themes."""

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QApplication, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from pulse_desktop.ui.page.page import Page
from pulse_desktop.ui.pages.events import EventsPage
from pulse_desktop.ui.pages.tasks.page import TasksPage
from pulse_desktop.ui.pages.tasks.runs_page import RunsPage
from pulse_desktop.ui.shell.window import MainWindow
from pulse_desktop.ui.theme.theme import ThemeChoice, theme
from tests.kit.state_builder import StateBuilder
from tests.ui.tables import shown_table_page
from tests.ui.window_builder import make_window

_MIN_CHANGED = 12
"""Pixels of a ring or line that differ clearly; a cursor or a shade of the text has fewer."""


@pytest.fixture(autouse=True)
def dark_again(qapp: QApplication) -> Iterator[None]:
    yield
    theme().choose(ThemeChoice.DARK)


@pytest.mark.parametrize(
    ("page", "choice"),
    [
        (TasksPage, ThemeChoice.DARK),
        (EventsPage, ThemeChoice.LIGHT),
        pytest.param(TasksPage, ThemeChoice.LIGHT, marks=pytest.mark.slow),
        pytest.param(EventsPage, ThemeChoice.DARK, marks=pytest.mark.slow),
    ],
)
def test_every_control_shows_the_focus(qtbot: QtBot, choice: ThemeChoice, page: type[Page]) -> None:
    theme().install(choice)
    builder = StateBuilder(at=1000.0)
    builder.runs(3)
    builder.task("f" * 32)
    builder.failed("f" * 32)
    window = make_window(qtbot, builder, (page,))
    qtbot.waitActive(window)
    assert without_visible_focus(window) == []
    assert isinstance(window.current, page)
    shown = shown_table_page(window)
    shown.table.selectRow(0)
    shown.open_detail(shown.table.current_row())
    if isinstance(shown, RunsPage):
        for number in range(shown.detail.tabs.count()):
            shown.detail.tabs.setCurrentIndex(number)
            assert without_visible_focus(window) == []
    window.run_task()
    assert without_visible_focus(window, window.run_form) == []


def without_visible_focus(window: MainWindow, part: QWidget | None = None) -> list[str]:
    """Return the controls of a window, or of a part of it, that do not show the focus."""
    QApplication.processEvents()
    controls = [
        widget
        for widget in (part or window).findChildren(QWidget)
        if widget.isVisible()
        and widget.isEnabled()
        and widget.focusPolicy() & Qt.FocusPolicy.TabFocus
        and widget.focusProxy() is None
        and not widget.visibleRegion().isEmpty()
    ]
    assert len(controls) > 5
    found = []
    for control in controls:
        window.setFocus()
        before = grab_control(window, control)
        control.setFocus(Qt.FocusReason.TabFocusReason)
        if not control.hasFocus():
            continue
        if isinstance(control, QLineEdit):
            control.deselect()
        if clearly_changed(before, grab_control(window, control)) < _MIN_CHANGED:
            found.append(f"{type(control).__name__} {control.accessibleName()}")
    return found


def grab_control(window: MainWindow, control: QWidget) -> QImage:
    QApplication.processEvents()
    top_left = control.mapTo(window, QPoint(0, 0))
    area = QRect(top_left, control.size()).adjusted(-2, -2, 2, 2)
    return window.grab(area & window.rect()).toImage()


def clearly_changed(before: QImage, after: QImage) -> int:
    """Return the number of pixels whose contrast with what they were before is at least 2.9."""
    if before == after:
        return 0
    count = 0
    for y in range(after.height()):
        for x in range(after.width()):
            if before.pixel(x, y) != after.pixel(x, y):
                count += contrast(before.pixelColor(x, y), after.pixelColor(x, y)) >= 2.9
                if count >= _MIN_CHANGED:
                    return count
    return count


def contrast(one: QColor, other: QColor) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def luminance(color: QColor) -> float:
    def linear(part: float) -> float:
        return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)

    red, green, blue = (linear(each) for each in (color.redF(), color.greenF(), color.blueF()))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
