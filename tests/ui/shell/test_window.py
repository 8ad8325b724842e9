"""The main window: pages on demand, one refreshed per frame, keyboard, sessions, closing."""

from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import QEvent, QPoint, QRect, QSize, Qt, QTimer
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QApplication,
    QLabel,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)
from pytestqt.qtbot import QtBot

from pulse_desktop.model.connection_status import ConnectionStatus
from pulse_desktop.profiles.profile import Profile
from pulse_desktop.state.collection import DirtyRows
from pulse_desktop.ui.connections.history_dialog import LIMITATIONS_KEY
from pulse_desktop.ui.navigation import FilterPage, Target
from pulse_desktop.ui.page.notification import Notification
from pulse_desktop.ui.page.page import Page, PageContext
from pulse_desktop.ui.pages.overview.page import OverviewPage
from pulse_desktop.ui.pages.tasks.page import TasksPage
from pulse_desktop.ui.shell.limitations_notice import SETTLED_S, SHOWN_S, LimitationsNotice
from pulse_desktop.ui.shell.status_bar import StatusBar, StatusFigures
from pulse_desktop.ui.shell.window import MainWindow
from pulse_desktop.ui.theme.theme import ThemeChoice, theme
from tests.kit.state_builder import StateBuilder
from tests.ui.fake_session import FakeSession
from tests.ui.window_builder import draw_frame, make_window, run_at_once

created: list[str] = []


class FirstPage(Page):
    """A page that records its calls."""

    key, title, icon = "first", "First", "overview"

    def __init__(self, context: PageContext) -> None:
        super().__init__(context)
        created.append(self.key)
        self.calls: list[Any] = []
        QVBoxLayout(self).addWidget(QLabel(self.title))

    def refresh(self, _changes: DirtyRows, now: float) -> None:
        self.calls.append(now)

    def on_show(self, now: float) -> None:
        self.calls.append(f"shown {now}")

    def on_hide(self) -> None:
        self.calls.append("hidden")

    def navigate(self, target: Target) -> None:
        self.calls.append(target)


class SecondPage(FirstPage):
    key, title, icon, section = "second", "Second", "tasks", "LIVE"


def calls(window: MainWindow, key: str) -> list[Any]:
    page = window.page(key)
    assert isinstance(page, FirstPage)
    return page.calls


def current_key(window: MainWindow) -> str:
    assert window.current is not None
    return window.current.key


def titles(window: MainWindow) -> list[str]:
    """Titles of the notifications, the oldest first."""
    return [notification.title for notification in window.notifications.shown]


@pytest.fixture(autouse=True)
def dark(qapp: QApplication) -> Iterator[None]:
    theme().install(ThemeChoice.DARK)
    yield
    theme().choose(ThemeChoice.DARK)


@pytest.fixture
def builder() -> StateBuilder:
    return StateBuilder(at=1000.0)


@pytest.fixture
def window(qtbot: QtBot, builder: StateBuilder) -> MainWindow:
    created.clear()
    return make_window(qtbot, builder, (FirstPage, SecondPage))


def test_pages_are_created_when_they_are_first_shown(window: MainWindow) -> None:
    assert created == ["first"]
    window.show_page("second")
    window.show_page("first")
    window.navigate(FilterPage("second", "here"))
    assert created == ["first", "second"]
    target = FilterPage("second", "here")
    assert calls(window, "second") == ["shown 1000.0", "hidden", "shown 1000.0", target]
    assert window.windowTitle() == "Second · Pulse Desktop"


class MovedPage(Page):
    """A page that counts how often it gets a parent."""

    key, title, icon = "moved", "Moved", "overview"
    moves = 0

    def event(self, event: QEvent) -> bool:
        self.moves += event.type() is QEvent.Type.ParentChange
        return super().event(event)


def test_a_page_is_created_where_it_is_shown(qtbot: QtBot, builder: StateBuilder) -> None:
    window = make_window(qtbot, builder, (FirstPage, MovedPage))
    window.show_page("moved")
    page = window.page("moved")
    assert isinstance(page, MovedPage)
    assert page.isVisible()
    assert page.moves == 0


def test_only_the_visible_page_is_refreshed(window: MainWindow, builder: StateBuilder) -> None:
    window.show_page("second")
    draw_frame(window, builder, 1.0)
    assert calls(window, "second")[-1] == 1001.0
    assert calls(window, "first") == ["shown 1000.0", "hidden"]
    window.hide()
    draw_frame(window, builder, 1.0)
    assert calls(window, "second")[-1] == 1001.0


def test_pages_are_reached_by_number_and_by_the_sidebar(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.keyClick(window, Qt.Key.Key_2, Qt.KeyboardModifier.ControlModifier)
    assert current_key(window) == "second"
    window.sidebar.buttons["first"].click()
    assert current_key(window) == "first"
    assert window.sidebar.buttons["first"].isChecked()


def test_closing_is_requested_from_the_owner(qtbot: QtBot, window: MainWindow) -> None:
    with qtbot.waitSignal(window.close_requested):
        window.close()
    assert window.isVisible()


def test_the_palette_opens_by_key_and_shows_a_page(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.keyClick(window, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    assert window.command_palette.isVisible()
    qtbot.keyClicks(window.command_palette.field, "second")
    qtbot.keyClick(window.command_palette.field, Qt.Key.Key_Return)
    assert current_key(window) == "second"


def test_the_sidebar_collapses_in_a_narrow_window_unless_expanded(window: MainWindow) -> None:
    assert not is_collapsed_at(window, 1400)
    assert is_collapsed_at(window, 1024)
    window.toggle_sidebar()
    assert not is_collapsed_at(window, 1030)


def is_collapsed_at(window: MainWindow, width: int) -> bool:
    window.resize(width, 640)
    return window.sidebar.collapsed


@pytest.mark.parametrize("size", [(1024, 640), (1440, 900), (1920, 1080)])
def test_the_real_pages_fit_every_window_size(
    qtbot: QtBot, builder: StateBuilder, size: tuple[int, int]
) -> None:
    builder.runs(30)
    window = make_window(qtbot, builder, (OverviewPage, TasksPage))
    window.resize(*size)
    for key in ("overview", "tasks"):
        window.show_page(key)
        assert (window.width(), window.height()) == size
        assert window.minimumSizeHint().width() <= 1024
        assert window.minimumSizeHint().height() <= 640


def test_the_theme_changes_while_the_window_is_open(qtbot: QtBot, builder: StateBuilder) -> None:
    builder.runs(5)
    window = make_window(qtbot, builder, (OverviewPage, TasksPage))
    with qtbot.waitSignal(window.theme_chosen) as chosen:
        window.use_theme(ThemeChoice.LIGHT)
    assert chosen.args == ["light"]
    light = window.grab().toImage().pixelColor(700, 840)
    window.use_theme(ThemeChoice.DARK)
    dark = window.grab().toImage().pixelColor(700, 840)
    assert light.lightness() > 200 > 60 > dark.lightness()


def test_a_warning_stays_until_it_is_closed_and_is_replaced_by_key(
    qtbot: QtBot, window: MainWindow
) -> None:
    window.notify(Notification("No worker is listening", severity="warning"))
    window.notify(Notification("Other", severity="bad", key="k"))
    window.notify(Notification("Other, once more", severity="bad", key="k"))
    assert titles(window) == ["No worker is listening", "Other, once more"]
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    assert titles(window) == ["No worker is listening"]


def test_a_notice_that_nothing_was_done_passes_by_itself_and_with_the_next_one(
    window: MainWindow,
) -> None:
    refused = Notification("Nothing to compare with", severity="warning", passes=True)
    window.notify(refused)
    (card,) = window.notifications.cards
    (timer,) = card.findChildren(QTimer)
    assert timer.isActive()
    timer.timeout.emit()
    assert titles(window) == []
    window.notify(refused)
    window.notify(Notification("Enqueued", severity="good"))
    assert titles(window) == ["Enqueued"]


@pytest.mark.parametrize(
    ("screen", "size"),
    [((2560, 1440), (1440, 900)), ((1280, 720), (1280, 672)), ((800, 600), (1024, 640))],
)
def test_a_window_is_no_larger_than_the_screen(
    window: MainWindow, screen: tuple[int, int], size: tuple[int, int]
) -> None:
    window.fit_to_screen(QRect(QPoint(), QSize(*screen)))
    assert window.size() == QSize(*size)


@pytest.mark.parametrize(
    ("screen", "position", "size"),
    [
        ((1920, 1080), (30, 40), (1440, 900)),
        ((1460, 960), (20, 12), (1440, 900)),
        ((1440, 900), (0, 0), (1440, 900)),
        ((1280, 720), (0, 0), (1280, 672)),
        ((1024, 640), (0, 0), (1024, 640)),
    ],
)
def test_a_window_that_was_saved_on_a_larger_screen_is_moved_onto_this_one(
    window: MainWindow, screen: tuple[int, int], position: tuple[int, int], size: tuple[int, int]
) -> None:
    window.resize(1440, 900)
    window.move(30, 40)
    window.fit_to_screen(QRect(QPoint(), QSize(*screen)), restored=True)
    assert window.size() == QSize(*size)
    assert window.pos() == QPoint(*position)


def test_a_notification_is_dismissed_by_its_key(window: MainWindow) -> None:
    window.notify(Notification("The embedded server has stopped", severity="bad", key="stack"))
    window.notify(Notification("Other", severity="bad"))
    window.notifications.dismiss("stack")
    window.notifications.dismiss("unknown")
    assert titles(window) == ["Other"]


def test_a_long_notification_is_shown_whole(window: MainWindow) -> None:
    detail = "history and results: " + "this server runs without JetStream, " * 8
    window.notify(Notification("Partial data", detail, "Check it. " * 12, "warning"))
    (card,) = window.notifications.cards
    assert card.height() == card.heightForWidth(card.width())


def test_a_long_subject_in_a_notification_is_wrapped_and_not_cut(window: MainWindow) -> None:
    subject = "$JS.API.CONSUMER.CREATE.PULSE_EVENTS.>"
    window.notify(Notification("Limited permissions", f"may not publish to {subject}.", "", "info"))
    (card,) = window.notifications.cards
    shown = [label.text() for label in card.findChildren(QLabel)]
    assert any(subject in text.replace("\u200b", "") and "\u200b" in text for text in shown)


def test_a_limitation_is_notified_until_it_is_gone(window: MainWindow) -> None:
    notice = LimitationsNotice(
        window.notify, window.notifications.dismiss, window.dialogs.show_history
    )
    session = FakeSession()
    session.is_restricted = True
    for at, limitations, has_permission_errors, expected in (
        (100.0, ["results: the bucket is damaged"], False, ["Partial data"]),
        (200.0, [], False, []),
        (300.0, ["results: not permitted"], True, []),  # the banner says it
    ):
        session.limitations = limitations
        session.has_permission_errors = has_permission_errors
        notice.check(session, at)
        notice.check(session, at + SETTLED_S)
        assert titles(window) == expected


def test_missing_history_is_offered_and_does_not_cover_the_table_for_long(
    window: MainWindow,
) -> None:
    asked: list[bool] = []
    notice = LimitationsNotice(
        window.notify, window.notifications.dismiss, lambda: asked.append(True)
    )
    session = FakeSession()
    session.limitations = ["events: no stream stores websocket.*"]
    session.can_keep_history = True
    notice.check(session, 100.0)
    notice.check(session, 100.0 + SETTLED_S)
    (card,) = window.notifications.cards
    (timer,) = card.findChildren(QTimer)
    assert timer.interval() == SHOWN_S * 1000
    card.buttons[0].click()
    assert asked == [True]
    notice.reset()
    notice.check(session, 200.0)
    notice.check(session, 200.0 + SETTLED_S)
    (card,) = window.notifications.cards
    (timer,) = card.findChildren(QTimer)
    timer.timeout.emit()
    assert window.notifications.cards == ()


def test_what_was_limited_is_over_when_history_is_kept(window: MainWindow) -> None:
    window.notify(Notification("Partial data", key=LIMITATIONS_KEY, stays=True))
    window.notify(Notification("History is kept from now on", ends=LIMITATIONS_KEY))
    assert titles(window) == ["History is kept from now on"]


def test_attention_items_are_counted_in_the_sidebar_and_the_top_bar(
    qtbot: QtBot, builder: StateBuilder
) -> None:
    builder.runs(3)
    builder.task("f" * 32)
    builder.failed("f" * 32)
    window = make_window(qtbot, builder, (OverviewPage, TasksPage))
    assert window.sidebar.buttons["tasks"].count == "1"
    assert window.top_bar.alerts.count == "1"


def test_the_top_bar_shows_the_connection(window: MainWindow) -> None:
    window.top_bar.set_connection(
        ConnectionStatus("reconnecting", "nats://x", 0.0, problem="refused", advice="start it")
    )
    assert window.top_bar.state.full_text == "reconnecting · refused"
    assert "start it" in window.top_bar.state.toolTip()


def test_the_status_bar_is_blank_before_a_measurement_and_warns_of_losses(
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
    bar.show_figures(StatusFigures(gaps_open=1, gap_reasons=("the stream E was deleted",)))
    assert "\nThe stream E was deleted." in bar.labels["gaps"].toolTip()
    bar.show_figures(StatusFigures(7, 7, 412.0, 1_204_118, 3, 1, 0, 0, 0.0021, 214_000_000, "NATS"))
    assert bar.labels["render"].text() == "render 2.1 ms"
    bar.resize(520, 26)
    assert bar.labels["memory"].isHidden()
    assert not bar.labels["dropped"].isHidden()


def test_every_control_has_a_name(qtbot: QtBot, builder: StateBuilder) -> None:
    builder.runs(3)
    window = make_window(qtbot, builder, (OverviewPage, TasksPage))
    window.show_page("tasks")
    window.open_palette()
    unnamed = [
        widget
        for widget in window.findChildren(QWidget)
        if isinstance(widget, QAbstractButton | QLineEdit | QAbstractItemView)
        and widget.isVisible()
        and not isinstance(widget.parent(), QLineEdit)
        and not (widget.accessibleName() or getattr(widget, "text", str)())
    ]
    assert unnamed == []


def test_another_session_gets_new_pages_and_no_notifications(
    qtbot: QtBot, window: MainWindow
) -> None:
    window.show_page("second")
    window.run_task()
    window.notify(Notification("Failed", severity="bad"))
    old = window.current
    window.show_profile(Profile("other"), "other")
    with qtbot.waitSignal(window.session_closing):
        window.set_session(FakeSession(), run_at_once)
    assert window.current is not old
    assert current_key(window) == "second"
    assert created == ["first", "second", "second"]
    assert titles(window) == []
    assert not window.run_form.isVisible()
    window.show_page("first")
    assert created == ["first", "second", "second", "first"]


def test_a_form_that_was_open_is_open_again_on_its_connection(window: MainWindow) -> None:
    for name, is_open in (("eu", False), ("lab", False), ("eu", True)):
        window.show_profile(Profile(name), name)
        window.set_session(FakeSession(), run_at_once)
        assert window.run_form.isVisible() is is_open
        if name == "eu" and not is_open:
            window.run_task()
            window.run_form.ui.task_name.set_name("typed:task")
            window.run_form.ui.kwargs.set_text('{"typed": ')
    assert window.run_form.ui.task_name.name == "typed:task"
    assert window.run_form.ui.kwargs.text == '{"typed": '
