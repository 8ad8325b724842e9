"""The frame timer of a real window: frames while it is seen, folding alone while it is not."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise

import pytest
from PySide6.QtCore import QTimer
from pytestqt.qtbot import QtBot

from pulse_desktop.state.collection import DirtyRows
from pulse_desktop.ui.pages.tasks.page import TasksPage
from pulse_desktop.ui.shell import frame_timer
from pulse_desktop.ui.shell.frame_timer import (
    FRAME_S,
    IDLE_TICK_S,
    RESTING_FRAME_S,
    TICK_S,
    FrameTimer,
)
from pulse_desktop.ui.shell.window import MainWindow
from tests.kit.state_builder import StateBuilder
from tests.ui.fake_session import FakeSession
from tests.ui.window_builder import make_window

SLACK_S = 0.02
"""How much earlier than asked a timer of Qt may fire."""


class ArrivingSession(FakeSession):
    """Tasks arrive as from a network: they wait until the frame timer folds them.

    Attributes:
        folded_at: when it did.
    """

    def __init__(self) -> None:
        super().__init__()
        self.builder = StateBuilder(time.time())
        self.folded_at: list[float] = []
        self._arrived = 0

    def arrive(self) -> None:
        self._arrived += 1
        self.on_activity()

    def drain(self, budget_s: float) -> bool:  # noqa: ARG002 - the Protocol has it
        self.folded_at.append(time.perf_counter())
        for _number in range(self._arrived):
            self.builder.task(f"{len(self.builder.state.runs.rows):032x}")
        self._arrived = 0
        return False


class TimedPage(TasksPage):
    """Remembers when it was refreshed.

    Attributes:
        frames: times of it.
    """

    def refresh(self, changes: DirtyRows, now: float) -> None:
        self.frames = [*getattr(self, "frames", []), time.perf_counter()]
        super().refresh(changes, now)


@pytest.fixture
def session() -> ArrivingSession:
    return ArrivingSession()


@pytest.fixture
def window(qtbot: QtBot, session: ArrivingSession) -> Iterator[MainWindow]:
    window = make_window(qtbot, session.builder, (TimedPage,), session)
    qtbot.waitUntil(lambda: window.is_seen)
    timer = FrameTimer(window)
    timer.start()
    yield window
    timer.stop()


@pytest.fixture
def page(qtbot: QtBot, window: MainWindow) -> TimedPage:
    page = window.current
    assert isinstance(page, TimedPage)
    qtbot.waitUntil(lambda: bool(getattr(page, "frames", [])))
    return page


@pytest.fixture
def busy(window: MainWindow, session: ArrivingSession) -> QTimer:
    """Return a timer that lets a task arrive every few milliseconds."""
    timer = QTimer(window)
    timer.timeout.connect(session.arrive)
    timer.setInterval(3)
    return timer


def gaps(times: list[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(times)]


def _is_drawn_since(page: TimedPage, frames: int) -> bool:
    return len(page.frames) > frames


def test_a_busy_window_is_drawn_no_more_often_than_can_be_read(
    qtbot: QtBot, session: ArrivingSession, page: TimedPage, busy: QTimer
) -> None:
    busy.start()
    session.arrive()
    page.frames = []
    qtbot.waitUntil(lambda: len(page.frames) > 6)
    busy.stop()
    assert min(gaps(page.frames)) >= FRAME_S - SLACK_S
    assert page.runs.table.rows_model.shown_count > 5


def test_what_arrives_is_shown_without_waiting_for_the_clock(
    qtbot: QtBot, session: ArrivingSession, page: TimedPage
) -> None:
    waits = []
    for _number in range(5):
        before, arrived = len(page.frames), time.perf_counter()
        session.arrive()
        qtbot.waitUntil(partial(_is_drawn_since, page, before))
        waits.append(page.frames[-1] - arrived)
    assert min(waits) < TICK_S / 2
    assert page.runs.table.rows_model.shown_count == 5


def test_an_idle_window_is_drawn_once_a_second(qtbot: QtBot, page: TimedPage) -> None:
    page.frames = []
    qtbot.waitUntil(lambda: len(page.frames) > 2, timeout=15_000)
    assert min(gaps(page.frames)) >= TICK_S - SLACK_S


def test_a_window_without_any_run_that_changes_is_drawn_half_as_often(
    qtbot: QtBot, session: ArrivingSession, page: TimedPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame_timer, "IDLE_AFTER_S", 0.0)
    session.arrive()
    qtbot.waitUntil(partial(_is_drawn_since, page, len(page.frames)))
    page.frames = []
    qtbot.waitUntil(lambda: len(page.frames) > 1, timeout=15_000)
    assert min(gaps(page.frames)) >= IDLE_TICK_S - SLACK_S
    session.builder.started(f"{0:032x}")
    page.frames = []
    session.arrive()
    qtbot.waitUntil(lambda: len(page.frames) > 2, timeout=15_000)
    assert gaps(page.frames)[-1] < IDLE_TICK_S - SLACK_S


def test_charts_of_an_idle_window_follow_a_filter_at_once(
    qtbot: QtBot, session: ArrivingSession, page: TimedPage
) -> None:
    now = time.time()
    for number in range(3):
        session.builder.task(f"{number:032x}", at=now)
        session.builder.succeeded(f"{number:032x}", at=now)
    session.arrive()
    charts = page.runs.charts
    qtbot.waitUntil(lambda: charts.times.subtitle.startswith("3 "))
    qtbot.waitUntil(partial(_is_drawn_since, page, len(page.frames)))  # the next is in a second
    filtered_at = time.perf_counter()
    page.runs.filter_bar.set_filter(text=f"id:{1:032x}")
    qtbot.waitUntil(lambda: charts.times.subtitle.startswith("1 "))
    assert page.frames[-1] - filtered_at < TICK_S - SLACK_S


@pytest.mark.parametrize("leave", [MainWindow.hide, MainWindow.showMinimized])
def test_a_window_that_is_not_seen_folds_and_shows_all_when_it_is_seen_again(
    qtbot: QtBot,
    session: ArrivingSession,
    window: MainWindow,
    page: TimedPage,
    busy: QTimer,
    leave: Callable[[MainWindow], None],
) -> None:
    leave(window)
    qtbot.waitUntil(lambda: not window.is_seen)
    page.frames = []
    session.folded_at.clear()
    busy.start()
    qtbot.waitUntil(lambda: len(session.folded_at) > 3)
    busy.stop()
    assert min(gaps(session.folded_at)) >= RESTING_FRAME_S - SLACK_S
    assert page.frames == []
    assert page.runs.table.rows_model.shown_count == 0
    rows = session.builder.state.runs.rows
    assert len(rows) > 10
    window.showNormal()
    qtbot.waitUntil(lambda: bool(page.frames))
    assert page.runs.table.rows_model.shown_count == len(rows)


@pytest.mark.parametrize("leave", [MainWindow.hide, MainWindow.showMinimized])
def test_a_window_that_is_not_seen_rests_while_nothing_runs(
    qtbot: QtBot,
    session: ArrivingSession,
    window: MainWindow,
    page: TimedPage,
    monkeypatch: pytest.MonkeyPatch,
    leave: Callable[[MainWindow], None],
) -> None:
    monkeypatch.setattr(frame_timer, "IDLE_AFTER_S", 0.0)
    session.arrive()
    qtbot.waitUntil(partial(_is_drawn_since, page, len(page.frames)))
    leave(window)
    qtbot.waitUntil(lambda: not window.is_seen)
    # The tick after the last frame that was seen, then only ticks.
    session.folded_at.clear()
    qtbot.waitUntil(lambda: len(session.folded_at) > 2, timeout=15_000)
    assert min(gaps(session.folded_at)[1:]) >= IDLE_TICK_S - SLACK_S


def test_a_page_that_fails_once_is_drawn_again(
    qtbot: QtBot, page: TimedPage, session: ArrivingSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        monkeypatch.undo()
        raise ZeroDivisionError

    monkeypatch.setattr(page, "refresh", fail)
    with qtbot.captureExceptions() as errors:
        session.arrive()
        qtbot.waitUntil(lambda: bool(errors))
        frames = len(page.frames)
        qtbot.waitUntil(lambda: len(page.frames) > frames)
    assert [kind for kind, _error, _trace in errors] == [ZeroDivisionError]


def test_a_stopped_timer_draws_nothing(
    qtbot: QtBot, session: ArrivingSession, window: MainWindow, page: TimedPage
) -> None:
    (timer,) = (each for each in window.children() if isinstance(each, FrameTimer))
    timer.stop()
    page.frames = []
    session.arrive()
    passed: list[bool] = []
    QTimer.singleShot(300, lambda: passed.append(True))
    qtbot.waitUntil(lambda: bool(passed))
    assert page.frames == []
