"""The top bar lays out its badge."""

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QMenu, QWidget
from pytestqt.qtbot import QtBot

from pulse_desktop.model.connection_status import ConnectionStatus
from pulse_desktop.profiles.profile import Environment, Profile
from pulse_desktop.ui.page.actions import ActionTable
from pulse_desktop.ui.shell.actions import OPEN_PALETTE, RUN_TASK, SHOW_ATTENTION, TOGGLE_PAUSE
from pulse_desktop.ui.shell.top_bar import TopBar
from pulse_desktop.ui.theme.theme import ThemeChoice, theme
from pulse_desktop.ui.time.window_time import WindowTime


@pytest.fixture
def bar(qtbot: QtBot) -> TopBar:
    theme().install(ThemeChoice.DARK)
    window = QWidget()
    qtbot.addWidget(window)
    actions = ActionTable(window)
    for action in (OPEN_PALETTE, RUN_TASK, TOGGLE_PAUSE, SHOW_ATTENTION):
        actions.add(action, window.close)
    bar = TopBar(actions, WindowTime(), window)
    bar.resize(1200, bar.height())
    return bar


def test_the_badge_has_its_padding_when_it_is_set_after_the_window_is_shown(
    qtbot: QtBot, bar: TopBar
) -> None:
    with qtbot.waitExposed(bar.window()):
        bar.window().show()
    label = bar.environment
    for environment in (Environment.LOCAL, Environment.PRODUCTION):
        bar.show_profile(Profile("eu", environment=environment), "eu")
        text = label.fontMetrics().horizontalAdvance(environment.upper())
        qtbot.waitUntil(lambda: label.width() == label.sizeHint().width())
        assert label.sizeHint().width() >= text + 2 * 8
        assert label.contentsRect().width() < label.width()


@pytest.mark.parametrize("width", [944, 1252])
def test_a_long_name_is_cut_visibly_and_nothing_else(qtbot: QtBot, bar: TopBar, width: int) -> None:
    window, name = bar.window(), "payments-and-billing-production-eu-central-1 & " * 2
    window.resize(width, 300)
    with qtbot.waitExposed(window):
        window.show()
    bar.show_profile(Profile("eu", environment=Environment.PRODUCTION), name)
    bar.set_connection(ConnectionStatus("connected", "nats://eu:4222", 0.0, rtt_s=0.0123))
    bar.resize(width, bar.height())
    qtbot.waitUntil(lambda: bar.switcher.text().endswith("…"))
    assert bar.switcher.toolTip()
    assert bar.switcher.width() >= bar.switcher.minimumSizeHint().width()
    assert bar.state.text() == "connected"
    assert bar.run.geometry().right() < width


def test_the_name_is_whole_while_anything_beside_it_can_be_narrower(
    qtbot: QtBot, bar: TopBar
) -> None:
    window, name = bar.window(), "payments-production-eu-central-1"
    window.resize(1240, 300)
    with qtbot.waitExposed(window):
        window.show()
    lost = ConnectionStatus("reconnecting", "nats://eu:4222", 0.0, problem="refused " * 20)
    bar.show_profile(Profile("eu", environment=Environment.PRODUCTION), name)
    bar.set_connection(lost)
    narrowest = bar.minimumSizeHint().width()
    for width in (1240, 964, 1240):
        bar.resize(width, bar.height())
        qtbot.waitUntil(lambda: bar.state.text().startswith("reconnecting"))
        qtbot.waitUntil(lambda: bar.switcher.text() == name)
    assert bar.minimumSizeHint().width() <= narrowest


@pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
def test_the_menu_hangs_from_its_button(qtbot: QtBot, bar: TopBar) -> None:
    window, menu = bar.window(), QMenu(bar)
    menu.addAction("payments-and-billing-production-frankfurt")
    bar.set_connection_menu(menu)
    with qtbot.waitExposed(window):
        window.show()
    bar.show_profile(Profile("eu", environment=Environment.PRODUCTION), "eu")
    bar.switcher.showMenu()
    qtbot.waitUntil(menu.isVisible)
    place = menu.pos()
    menu.close()
    assert place == bar.switcher.mapToGlobal(QPoint(0, bar.switcher.height()))
