"""The bar is in proportion, shows what is known, and says the rest in words."""

import pytest
from pytestqt.qtbot import QtBot

from pulse_desktop.text.run_text import TimelineEvent
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.pages.tasks.timeline_bar import TimelineBar
from pulse_desktop.ui.theme.theme import ThemeChoice, theme
from pulse_desktop.ui.widgets.empty_state import EmptyState

QUEUED = TimelineEvent("queued 10:49:02.114", 100.0)
STARTED = TimelineEvent("started +0.04 s", 100.04)
FAILED = TimelineEvent("failed +30.01 s", 130.05, SemanticColor.BAD)


@pytest.fixture
def bar(qtbot: QtBot):
    theme().install(ThemeChoice.DARK)
    bar = TimelineBar()
    qtbot.addWidget(bar)
    bar.resize(500, 40)
    return bar


def test_waiting_and_running_have_their_share(bar) -> None:
    bar.set_events([QUEUED, STARTED, FAILED])
    assert bar.text == "queued 10:49:02.114 → started +0.04 s → failed +30.01 s"
    assert bar.accessibleDescription() == bar.text
    (waited, short), (ran, long) = bar.fractions()
    assert (waited, ran) == (SemanticColor.MUTED, SemanticColor.BAD)
    assert short + long == pytest.approx(1)
    assert short == pytest.approx(0.04 / 30.05)


def test_even_the_shortest_stretch_can_be_seen_and_none_leaves_the_bar(bar) -> None:
    bar.set_events([QUEUED, STARTED, FAILED])
    segments = bar.segments(500)
    assert segments[0].width >= 4
    assert segments[-1].left + segments[-1].width == pytest.approx(500)


def test_an_unknown_start_is_said_and_not_drawn(bar) -> None:
    bar.set_events([QUEUED, TimelineEvent("start not reported", None), FAILED])
    assert bar.fractions() == [(SemanticColor.BAD, 1.0)]


@pytest.mark.parametrize("moments", [[], [QUEUED], [QUEUED, TimelineEvent("started +0 s", 100.0)]])
def test_a_run_without_duration_is_drawn_too(bar, moments) -> None:
    bar.set_events(moments)
    assert not bar.grab().isNull()


def test_clocks_that_disagree_leave_no_negative_stretch(bar) -> None:
    bar.set_events([QUEUED, TimelineEvent("started", 99.0), FAILED])
    assert all(share >= 0 for _, share in bar.fractions())


def test_words_take_more_lines_when_there_is_little_room(bar) -> None:
    bar.set_events([QUEUED, STARTED, FAILED])
    assert bar.heightForWidth(150) > bar.heightForWidth(800)


def test_an_empty_state_can_have_a_button(qtbot: QtBot) -> None:
    theme().install(ThemeChoice.DARK)
    state = EmptyState("No messages yet", "They appear when a worker reads a chat.", "Run task")
    qtbot.addWidget(state)
    with qtbot.waitSignal(state.button_clicked):
        state.button.click()
    state.set_text("Nothing matches", "Clear the filter to see everything.")
    assert state.title == "Nothing matches"
    assert state.button.isHidden()
