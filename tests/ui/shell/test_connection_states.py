"""The states of the connection: the banner, the bars and every page say the same."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from pulse_desktop.model.connection_status import ConnectionStatus, HistoryProgress, Outage
from pulse_desktop.model.queue_status import QueueStatus
from pulse_desktop.state.attention import AttentionKind
from pulse_desktop.state.worker import WorkerHealth
from pulse_desktop.text import formats
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.charts.resampling import without_gaps
from pulse_desktop.ui.connection_phase import EVENTLESS_AFTER_S
from pulse_desktop.ui.navigation import ShowPage
from pulse_desktop.ui.page.row_detail import RowDetail
from pulse_desktop.ui.pages.overview.page import OverviewPage
from pulse_desktop.ui.pages.registry import PAGES
from pulse_desktop.ui.pages.tasks.page import TasksPage
from pulse_desktop.ui.shell.events_guide import MIDDLEWARE_LINES, EventsGuide
from pulse_desktop.ui.shell.window import MainWindow
from pulse_desktop.ui.theme.theme import theme
from tests.kit.state_builder import NOW, StateBuilder
from tests.ui.fake_session import FakeSession
from tests.ui.tables import note_title, shown_table_page
from tests.ui.window_builder import draw_frame, make_window

SERVER = "nats://me:***@broker:4222"
UP = ConnectionStatus("connected", SERVER, NOW - 600)
WORKERS_GUIDE = Path(__file__).parents[3] / "docs" / "workers.md"


class Window:
    """A window whose connection the test sets; three runs and one worker are known."""

    def __init__(self, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
        self.builder = StateBuilder(NOW)
        self.session = FakeSession()
        self.session.connection_status = UP
        monkeypatch.setattr(self.session, "now", lambda: self.builder.at)
        self.window = make_window(qtbot, self.builder, PAGES, self.session)

    @property
    def title(self) -> str:
        banner = self.window.banner
        return "" if banner.isHidden() else banner.title.text()

    @property
    def note(self) -> str:
        """Title of the note in the table of the page."""
        current = self.window.current
        assert current is not None
        return note_title(current.tables()[0])

    def frame(self, later: float = 0.0) -> None:
        draw_frame(self.window, self.builder, later)

    def change(self, state: str, **more: object) -> None:
        """Change the connection's status, and let a banner be due."""
        status = dataclasses.replace(UP, state=state, **more)  # type: ignore[arg-type]
        self.session.connection_status = status
        if state != "connected":
            self.session.is_settled = False
            self.session.data_time = status.last_alive or status.since
        self.frame()
        self.frame(2.0)

    def lose(self) -> None:
        lost_at = self.builder.at
        self.session.outages = (Outage(lost_at),)
        more = {"problem": "nothing listens at broker:4222.", "advice": "Start it."}
        self.change("reconnecting", last_alive=lost_at, attempts=1, **more)

    def reconnect(self) -> None:
        (outage,) = self.session.outages
        self.session.outages = (Outage(outage.start, self.builder.at),)
        self.session.data_time, self.session.is_settled = None, True
        self.change("connected", reconnects=1)


@pytest.fixture
def opened(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Window:
    return Window(qtbot, monkeypatch)


OFFERS = {"try", "change", "diagnose"}
STATES = (
    (
        ConnectionStatus("connecting", SERVER, NOW),
        "Connecting to broker:4222",
        "Not connected yet",
        OFFERS - {"try"},
    ),
    (
        ConnectionStatus("connecting", SERVER, NOW, "no route", attempts=3),
        "Not connected yet, waiting since",
        "Not connected yet",
        OFFERS,
    ),
    (
        ConnectionStatus("reconnecting", SERVER, NOW, "gone", last_alive=NOW - 5),
        f"Connection lost at {formats.clock(NOW - 5)}",
        "Connection lost",
        OFFERS,
    ),
    (
        ConnectionStatus("connecting", SERVER, NOW, "refused", is_login_refused=True),
        "The server refuses the login",
        "The server refuses the login",
        OFFERS,
    ),
    (
        ConnectionStatus("connecting", "", NOW),
        "The server is starting",
        "The server is starting",
        {"change"},
    ),
    (
        ConnectionStatus("closed", "", NOW, "nats-server was not found."),
        "Not connected",
        "Not connected",
        OFFERS,
    ),
)
"""Status, title of the banner, note in the table, and the buttons of the banner."""


def test_banner_and_every_page_say_that_nothing_is_known(opened: Window) -> None:
    for status, title, note, buttons in STATES:
        opened.session.connection_status = status
        opened.session.data_time = status.since
        opened.frame()
        opened.frame(2.0)
        assert title in opened.title
        assert "***" not in opened.title
        shown = {key for key, each in opened.window.banner.buttons.items() if not each.isHidden()}
        assert shown == buttons
        assert opened.note == note
    for page in PAGES:
        opened.window.show_page(page.key)
        opened.frame(1.0)
        assert opened.note == "Not connected", page.key


def test_a_server_without_jetstream_is_a_state_that_can_be_hidden(opened: Window) -> None:
    opened.session.connection_status = dataclasses.replace(UP, jetstream=False)
    opened.session.limitations = ["history: this server runs without JetStream"]
    opened.frame()
    opened.frame(2.0)
    assert opened.title == "No JetStream"
    assert "runs without JetStream" in opened.window.banner.detail.text()
    opened.window.banner.buttons["hide"].click()
    opened.frame(1.0)
    assert opened.title == ""


def test_the_next_attempt_is_counted_down_and_can_be_made_now(opened: Window) -> None:
    opened.change("connecting", problem="no route", attempts=2, next_try_at=NOW + 6.4)
    assert opened.window.banner.next_try.text() == "Next try in 5 s"
    opened.frame(1.0)
    assert opened.window.banner.next_try.text() == "Next try in 4 s"
    opened.window.banner.buttons["try"].click()
    assert opened.session.tries == 1
    opened.change("connecting", problem="no route", attempts=2)
    assert opened.window.banner.next_try.text() == "Trying now…"


def test_the_keyboard_focus_goes_back_to_the_page(opened: Window) -> None:
    opened.lose()
    opened.window.banner.buttons["try"].setFocus()
    opened.reconnect()
    focused = opened.window.focusWidget()
    assert focused is not None
    assert opened.window.current is not None
    assert opened.window.current.isAncestorOf(focused)


def test_without_a_server_the_owner_is_asked_to_try_again(opened: Window, qtbot: QtBot) -> None:
    opened.session.connection_status = ConnectionStatus("closed", "", NOW, "no nats-server")
    opened.frame()
    with qtbot.waitSignal(opened.window.reconnect_requested):
        opened.window.banner.buttons["try"].click()


@pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
def test_change_server_opens_the_menu_and_diagnose_asks_the_owner(
    opened: Window, qtbot: QtBot
) -> None:
    window = opened.window
    opened.lose()
    window.banner.buttons["change"].click()
    menu = window.top_bar.switcher.menu()
    assert menu.isVisible()
    menu.close()
    with qtbot.waitSignal(window.diagnose_requested):
        window.banner.buttons["diagnose"].click()


def test_a_short_interruption_moves_no_page(opened: Window) -> None:
    opened.frame()
    opened.session.connection_status = dataclasses.replace(UP, state="reconnecting")
    opened.frame(0.1)
    assert opened.title == ""
    opened.session.connection_status = UP
    opened.frame(0.1)
    assert opened.title == ""


def test_a_loss_dims_figures_stops_clocks_and_claims_nothing(opened: Window) -> None:
    builder, window = opened.builder, opened.window
    builder.runs(3)
    builder.task("f" * 32)
    builder.failed("f" * 32)
    builder.heartbeat()
    opened.session.queue_status = QueueStatus("jetstream", pending=4, oldest_at=NOW - 60)
    opened.frame(3.0)
    page = window.current
    assert isinstance(page, OverviewPage)
    assert window.top_bar.alerts.count == "1"
    before = {key: (card.value, card.detail) for key, card in page.cards.items()}
    lost_at = builder.at
    as_of = f"as of {formats.clock(lost_at)}"
    opened.lose()
    opened.session.queue_status = dataclasses.replace(opened.session.queue_status, connected=False)
    opened.frame(600.0)
    assert {key: (card.value, card.detail) for key, card in page.cards.items()} == before
    assert {card.stale for card in page.cards.values()} == {as_of}
    assert window.top_bar.pause.text() == "Offline"
    assert window.top_bar.alerts.count == "unknown"
    assert _stale(window) == {True}
    assert page.topics.rows["monitoring"].ago in ("now", "3 s ago")
    times = page.run_charts.throughput.visible_time_range
    assert times[1] == pytest.approx(builder.at), "the chart moves on and shows the gap"
    opened.reconnect()
    builder.heartbeat()
    opened.frame(3.0)
    assert {card.stale for card in page.cards.values()} == {""}
    assert window.top_bar.pause.text() == "Live"
    assert window.top_bar.alerts.count == "1"
    assert _stale(window) == {False}
    assert opened.title == ""


def test_a_loss_takes_the_colors_of_judgements_from_every_table(opened: Window) -> None:
    builder, window = opened.builder, opened.window
    builder.task("f" * 32)
    builder.failed("f" * 32)
    builder.heartbeat()
    opened.frame(3.0)
    for key, chip, color in (
        ("tasks", "failed", SemanticColor.BAD),
        ("monitoring", WorkerHealth.ONLINE.value, SemanticColor.GOOD),
    ):
        window.show_page(key)
        page = shown_table_page(window)
        page.open_detail(page.collection().rows[0])
        opened.frame(1.0)
        assert page.filter_bar.chips[chip].color is color
        for widget in (page.table.viewport(), page.detail):
            assert _is_colored(widget.grab().toImage(), color)
        lost_at = builder.at
        opened.lose()
        opened.frame(1.0)
        assert page.filter_bar.chips[chip].color is SemanticColor.MUTED
        assert page.filter_bar.row_count_text.endswith(f", as of {formats.clock(lost_at)}")
        assert not _is_colored(page.table.viewport().grab().toImage(), color)
        if key == "monitoring":  # how a run has ended does not change any more
            assert isinstance(page.detail, RowDetail)
            health = page.detail.properties.label("Health").grab().toImage()
            assert not _is_colored(health, color)
        opened.reconnect()
        builder.heartbeat()
        opened.frame(1.0)
        assert page.filter_bar.chips[chip].color is color
        assert "as of" not in page.filter_bar.row_count_text
        assert _is_colored(page.table.viewport().grab().toImage(), color)


def _is_colored(image: QImage, color: SemanticColor) -> bool:
    """Return whether a picture has a point of a color."""
    rgb = image.convertToFormat(QImage.Format.Format_RGB32)
    points = np.frombuffer(rgb.constBits(), np.uint32)
    return bool((points == theme().color(color).rgb()).any())


def test_nothing_is_judged_before_the_results_are_read(opened: Window) -> None:
    opened.builder.task("f" * 32)
    opened.builder.failed("f" * 32)
    opened.session.has_outcomes = opened.session.has_recent = False
    opened.frame(3.0)
    page = opened.window.current
    assert isinstance(page, OverviewPage)
    assert page.attention.more_text == "Unknown until results are read."
    assert page.cards["failed"].stale == "reading results"
    assert page.cards["workers"].stale == ""
    assert opened.window.top_bar.alerts.count == "unknown"
    opened.session.has_outcomes = True
    opened.frame(0.1)
    assert page.attention.more_text == "Unknown until the last hour is read."
    assert page.cards["failed"].stale == "reading history"
    assert opened.window.top_bar.alerts.count == "unknown"
    assert opened.window.sidebar.buttons["tasks"].count == ""
    opened.session.has_recent = True
    opened.frame(0.1)
    assert page.attention.more_text == ""
    assert page.cards["failed"].stale == ""
    assert opened.window.top_bar.alerts.count == "1"


def test_states_are_pale_until_events_reach_back_as_far_as_tasks(opened: Window) -> None:
    builder, window, session = opened.builder, opened.window, opened.session
    for number in range(3):
        builder.task(f"{number:032x}", at=NOW - 400)
    builder.failed(f"{2:032x}")
    session.has_states = session.has_recent = False
    window.navigate(ShowPage("tasks"))
    opened.frame(3.0)
    page = window.current
    assert isinstance(page, TasksPage)
    runs = page.runs
    chips = runs.filter_bar.chips

    def states() -> list[str]:
        model = runs.table.rows_model
        assert model.columns[0].key == "state"
        return [str(model.index(row, 0).data()) for row in range(3)]

    def has_color() -> bool:
        return _is_colored(runs.table.viewport().grab().toImage(), SemanticColor.BAD)

    assert all(each.is_stale for each in chips.values())
    assert runs.filter_bar.row_count_text.endswith("reading history")
    assert sorted(each.split(" ")[1] for each in states()) == ["failed", "reading…", "reading…"]
    assert not has_color()
    session.has_states = True
    opened.frame(1.0)
    assert not any(each.is_stale for each in chips.values())
    assert "reading" not in runs.filter_bar.row_count_text
    assert sorted(each.split(" ")[1] for each in states()) == ["failed", "queued", "queued"]
    assert has_color()


def test_a_rate_is_pale_until_the_last_events_are_read(opened: Window) -> None:
    opened.session.has_states = opened.session.has_recent = False
    opened.frame(3.0)
    page = opened.window.current
    assert isinstance(page, OverviewPage)
    assert page.topics.rows["tasks"].stale == "reading history"
    assert page.cards["queue"].stale == "reading history"
    opened.session.has_states = opened.session.has_recent = True
    opened.frame(0.1)
    assert page.topics.rows["tasks"].stale == ""
    assert page.cards["queue"].stale == ""


def _stale(window: MainWindow) -> set[bool]:
    """Return whether counts and items are dimmed."""
    page = window.current
    assert isinstance(page, OverviewPage)
    return {window.sidebar.buttons["tasks"].stale, page.attention.rows[0].stale}


def test_while_history_is_read_nothing_is_judged(opened: Window) -> None:
    builder, window = opened.builder, opened.window
    builder.heartbeat(at=NOW - 120)
    opened.session.history = HistoryProgress(10_857, 12_105)
    opened.session.data_time = NOW - 120
    opened.session.is_settled = False
    opened.frame()
    opened.frame(1.0)
    assert opened.title == "Reading history 10,857 of 12,105"
    assert (window.banner.progress.value(), window.banner.progress.maximum()) == (10_857, 12_105)
    assert window.top_bar.alerts.count == "unknown"
    assert window.top_bar.pause.text() == "History"
    page = window.current
    assert isinstance(page, OverviewPage)
    assert page.cards["workers"].value == "1 online"
    opened.session.history = opened.session.data_time = None
    opened.frame(3.0)
    assert opened.title == ""
    assert window.top_bar.alerts.count == "", "workers have a moment to come back"
    opened.session.is_settled = True
    opened.frame(3.0)
    assert window.top_bar.alerts.count == "1"
    assert [item.kind for item in page.context.attention_items()] == [AttentionKind.WORKER_OFFLINE]


def test_a_system_without_events_is_all_right_and_is_told_how_to_get_them(opened: Window) -> None:
    opened.builder.task("a" * 32)
    opened.session.connection_status = dataclasses.replace(UP, since=NOW)
    opened.frame(1.0)
    assert opened.title == "", "they may be late"
    opened.frame(EVENTLESS_AFTER_S)
    assert opened.title.startswith("This system publishes no events")
    banner = opened.window.banner
    banner.buttons["how"].click()
    (guide,) = opened.window.findChildren(EventsGuide)
    assert guide.code.toPlainText() == MIDDLEWARE_LINES.rstrip()
    guide.copy.click()
    assert QGuiApplication.clipboard().text() == MIDDLEWARE_LINES
    guide.close()
    opened.window.show_page("monitoring")
    opened.frame(1.0)
    page = shown_table_page(opened.window)
    assert note_title(page.table) == "This system publishes no events"
    banner.buttons["hide"].click()
    opened.frame(1.0)
    assert opened.title == ""
    opened.window.set_session(opened.session, lambda _name, work: work.close())
    opened.frame(1.0)
    assert opened.title, "another session: it is said again"


def test_the_lines_are_those_of_the_guide() -> None:
    assert MIDDLEWARE_LINES in WORKERS_GUIDE.read_text(encoding="utf-8")


def test_refused_permissions_are_a_banner(opened: Window) -> None:
    opened.session.has_permission_errors = True
    opened.session.limitations = [f"events: may not subscribe to {n}" for n in range(5)]
    opened.session.unreadable = {"events": "these credentials may not subscribe"}
    opened.frame()
    opened.frame(2.0)
    assert opened.title == "These credentials may not do everything"
    assert "may not subscribe to 1; and 3 more." in opened.window.banner.detail.text()
    assert opened.window.top_bar.alerts.count == "unknown"
    page = opened.window.current
    assert isinstance(page, OverviewPage)
    assert page.cards["success"].stale == "cannot be read"
    assert page.attention.more_text == "Unknown: events cannot be read."


def test_nothing_is_counted_that_is_not_known(opened: Window) -> None:
    opened.window.show_page("tasks")
    opened.change("connecting", problem="no route", attempts=1)
    page = shown_table_page(opened.window)
    assert {chip.count for chip in page.filter_bar.chips.values()} == {""}
    assert "0 runs" not in [each.text() for each in _labels(opened.window)]
    opened.session.connection_status, opened.session.data_time = UP, None
    opened.frame(1.0)
    assert note_title(page.table) == "No runs yet"
    assert "0 runs" in [each.text() for each in _labels(opened.window)]


def _labels(window: MainWindow) -> list[QLabel]:
    return [each for each in window.findChildren(QLabel) if each.isVisible()]


def test_an_outage_is_a_gap_and_stays_one() -> None:
    times = np.arange(5.0, 100.0, 10.0)
    rates = np.ones(10)
    rates[3:6] = 0.0
    rates[4] = 2.0  # delivered later by a stream
    shown = without_gaps(times, rates, (Outage(31.0, 58.0),))
    assert np.isnan(shown[[3, 5]]).all()
    assert shown[4] == 2.0
    assert np.isfinite(shown[[0, 1, 2, 6, 7, 8, 9]]).all()
    open_gap = without_gaps(times, np.zeros(10), (Outage(61.0, math.inf),))
    assert np.isnan(open_gap[6:]).all()
    assert (open_gap[:6] == 0).all()
