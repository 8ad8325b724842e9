"""The frame: pages on demand, one told per frame, everything by keyboard, and an orderly end."""

from types import SimpleNamespace

import pytest
from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QApplication, QLabel, QVBoxLayout
from pytestqt.qtbot import QtBot

from pulse_desktop.ui.navigation import FilterPage
from pulse_desktop.ui.pages.overview.page import OverviewPage
from pulse_desktop.ui.pages.tasks.page import TasksPage
from pulse_desktop.ui.shell.limitations_notice import SETTLED_S, LimitationsNotice
from pulse_desktop.ui.shell.notifications import Notification
from pulse_desktop.ui.shell.page import Page
from pulse_desktop.ui.shell.status_bar import StatusBar, StatusFigures
from pulse_desktop.ui.theme.theme import ThemeChoice, theme
from tests.kit.state_builder import StateBuilder
from tests.ui.fake_session import FakeSession
from tests.ui.window_builder import frame, make_window

made = []


class FirstPage(Page):
    key, title, icon = "first", "First", "overview"

    def __init__(self, context) -> None:
        super().__init__(context)
        made.append(self.key)
        self.builder = []
        QVBoxLayout(self).addWidget(QLabel(self.title))

    def refresh(self, _changes, now) -> None:
        self.builder.append(now)

    def on_show(self, now) -> None:
        self.builder.append(f"shown {now}")

    def navigate(self, target) -> None:
        self.builder.append(target)


class SecondPage(FirstPage):
    key, title, icon, section = "second", "Second", "tasks", "LIVE"


@pytest.fixture(autouse=True)
def dark(qapp: QApplication):
    theme().install(ThemeChoice.DARK)
    yield
    theme().choose(ThemeChoice.DARK)


@pytest.fixture
def builder():
    return StateBuilder(at=1000.0)


@pytest.fixture
def window(qtbot: QtBot, builder):
    made.clear()
    return make_window(qtbot, builder, (FirstPage, SecondPage))


def test_pages_are_made_when_they_are_first_shown(window) -> None:
    assert made == ["first"]
    window.show_page("second")
    window.show_page("first")
    window.navigate(FilterPage("second", "here"))
    assert made == ["first", "second"]
    assert window.page("second").builder == [
        "shown 1000.0",
        "shown 1000.0",
        FilterPage("second", "here"),
    ]
    assert window.windowTitle() == "Second · Pulse Desktop"


def test_only_the_visible_page_is_told_of_a_frame(window, builder) -> None:
    window.show_page("second")
    frame(window, builder, 1.0)
    assert window.page("second").builder[-1] == 1001.0
    assert window.page("first").builder == ["shown 1000.0"]
    window.hide()
    frame(window, builder, 1.0)
    assert window.page("second").builder[-1] == 1001.0


def test_pages_are_reached_by_number_and_by_the_rail(qtbot: QtBot, window) -> None:
    qtbot.keyClick(window, Qt.Key.Key_2, Qt.KeyboardModifier.ControlModifier)
    assert window.current.key == "second"
    window.sidebar.buttons["first"].click()
    assert window.current.key == "first"
    assert window.sidebar.buttons["first"].isChecked()


def test_closing_asks_and_leaves_the_end_to_its_owner(qtbot: QtBot, window) -> None:
    with qtbot.waitSignal(window.close_requested):
        window.close()
    assert window.isVisible()


def test_the_palette_opens_by_key_and_goes_to_a_page(qtbot: QtBot, window) -> None:
    qtbot.keyClick(window, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    assert window.command_palette.isVisible()
    qtbot.keyClicks(window.command_palette.field, "second")
    qtbot.keyClick(window.command_palette.field, Qt.Key.Key_Return)
    assert window.current.key == "second"


def test_the_rail_gives_way_in_a_narrow_window_unless_wanted(qtbot: QtBot, window) -> None:
    window.resize(1400, 800)
    assert not window.sidebar.collapsed
    window.resize(1024, 640)
    assert window.sidebar.collapsed
    window.toggle_sidebar()
    window.resize(1030, 640)
    assert not window.sidebar.collapsed


@pytest.mark.parametrize("size", [(1024, 640), (1440, 900), (1920, 1080)])
def test_the_real_pages_fit_into_every_size(qtbot: QtBot, builder, size) -> None:
    builder.runs(30)
    window = make_window(qtbot, builder, (OverviewPage, TasksPage))
    window.resize(*size)
    for key in ("overview", "tasks"):
        window.show_page(key)
        assert (window.width(), window.height()) == size
        assert window.minimumSizeHint().width() <= 1024
        assert window.minimumSizeHint().height() <= 640


def test_the_theme_switches_while_the_window_is_open(qtbot: QtBot, builder) -> None:
    builder.runs(5)
    window = make_window(qtbot, builder, (OverviewPage, TasksPage))
    with qtbot.waitSignal(window.theme_chosen) as chosen:
        window.use_theme(ThemeChoice.LIGHT)
    assert chosen.args == ["light"]
    light = window.grab().toImage().pixelColor(700, 840)
    window.use_theme(ThemeChoice.DARK)
    dark = window.grab().toImage().pixelColor(700, 840)
    assert light.lightness() > 200 > 60 > dark.lightness()


def test_a_notice_stays_until_it_is_closed_and_its_choice_is_carried_out(
    qtbot: QtBot, window
) -> None:
    done = []
    window.notify(
        Notification("No worker listens", severity="warning", choices=(("Anyway", done.append),))
    )
    window.notify(Notification("Other", severity="bad", key="k"))
    window.notify(Notification("Other, once more", severity="bad", key="k"))
    assert [notice.title for notice in window.notifications.shown] == [
        "No worker listens",
        "Other, once more",
    ]
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    assert [notice.title for notice in window.notifications.shown] == ["No worker listens"]


@pytest.mark.parametrize(
    ("room", "size"),
    [((2560, 1440), (1440, 900)), ((1280, 720), (1280, 672)), ((800, 600), (1024, 640))],
)
def test_the_first_window_is_no_larger_than_the_screen(window, room, size) -> None:
    window.fit_to_screen(QSize(*room))
    assert window.size() == QSize(*size)


def test_a_notice_is_withdrawn_when_what_it_told_of_is_over(window) -> None:
    window.notify(Notification("The embedded server is gone", severity="bad", key="stack"))
    window.notify(Notification("Other", severity="bad"))
    window.notifications.dismiss("stack")
    window.notifications.dismiss("never told")
    assert [notice.title for notice in window.notifications.shown] == ["Other"]


def test_what_could_not_be_seen_and_can_be_again_is_not_complained_of_any_more(window) -> None:
    notice = LimitationsNotice(window.notify, window.notifications.dismiss)
    session = FakeSession()
    session.has_permission_errors = True
    for at, limitations, titles in (
        (100.0, ["results: not permitted"], ["Limited permissions"]),
        (200.0, [], []),
        (300.0, ["results: not permitted"], ["Limited permissions"]),
    ):
        session.limitations = limitations
        notice.check(session, at)
        notice.check(session, at + SETTLED_S)
        assert [each.title for each in window.notifications.shown] == titles


def test_concerns_are_counted_in_the_rail_and_at_the_top(qtbot: QtBot, builder) -> None:
    builder.runs(3)
    builder.task("f" * 32)
    builder.failed("f" * 32)
    window = make_window(qtbot, builder, (OverviewPage, TasksPage))
    assert window.sidebar.buttons["tasks"].count == "1"
    assert window.top_bar.alerts.count == "1"


def test_the_connection_is_told_in_words(window) -> None:
    window.top_bar.set_connection(
        SimpleNamespace(
            state="reconnecting",
            server="nats://x",
            problem="refused",
            advice="start it",
            rtt_s=None,
        )
    )
    assert window.top_bar.state.text() == "reconnecting · refused"
    assert "start it" in window.top_bar.state.toolTip()


def test_the_status_bar_leaves_blank_what_was_not_measured_and_warns_of_losses(
    qtbot: QtBot,
) -> None:
    bar = StatusBar()
    qtbot.addWidget(bar)
    bar.resize(1200, 26)
    bar.show()
    assert all(not label.text() for label in bar.labels.values())
    bar.show_figures(StatusFigures(7, 7, 412.0, 1_204_118, 3, 1, 0, 0, 0.0021, 214_000_000, "NATS"))
    assert bar.labels["dropped"].text() == "3 dropped"
    assert bar.labels["dropped"].property("color") == "bad"
    assert bar.labels["gaps"].text() == "1 gap in the record"
    assert bar.labels["render"].text() == "render 2.1 ms"
    bar.resize(520, 26)
    assert bar.labels["memory"].isHidden()
    assert not bar.labels["dropped"].isHidden()


def test_every_control_has_a_name(qtbot: QtBot, builder) -> None:
    from PySide6.QtWidgets import QAbstractButton, QAbstractItemView, QLineEdit

    builder.runs(3)
    window = make_window(qtbot, builder, (OverviewPage, TasksPage))
    window.show_page("tasks")
    window.open_palette()
    nameless = [
        widget
        for kind in (QAbstractButton, QLineEdit, QAbstractItemView)
        for widget in window.findChildren(kind)
        if widget.isVisible()
        and not isinstance(widget.parent(), QLineEdit)
        and not (widget.accessibleName() or getattr(widget, "text", str)())
    ]
    assert nameless == []
