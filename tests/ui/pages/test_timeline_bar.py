"""The timeline of a run: in proportion, without guesses, and complete as text."""

import pytest
from pytestqt.qtbot import QtBot

from pulse_desktop.text.run_text import TimelineEvent
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.pages.tasks.timeline_bar import TimelineBar
from pulse_desktop.ui.theme.theme import ThemeChoice, theme

QUEUED = TimelineEvent("queued 10:49:02.114", 100.0)
STARTED = TimelineEvent("started +0.04 s", 100.04)
FAILED = TimelineEvent("failed +30.01 s", 130.05, SemanticColor.BAD)


@pytest.fixture
def bar(qtbot: QtBot) -> TimelineBar:
    theme().install(ThemeChoice.DARK)
    bar = TimelineBar()
    qtbot.addWidget(bar)
    bar.resize(500, 40)
    return bar


def test_waiting_and_running_have_their_share_of_the_bar(bar: TimelineBar) -> None:
    bar.set_events([QUEUED, STARTED, FAILED])
    assert bar.text == "queued 10:49:02.114 → started +0.04 s → failed +30.01 s"
    assert bar.accessibleDescription() == bar.text
    (wait_color, wait), (run_color, run) = bar.fractions()
    assert (wait_color, run_color) == (SemanticColor.MUTED, SemanticColor.BAD)
    assert wait + run == pytest.approx(1)
    assert wait == pytest.approx(0.04 / 30.05)


def test_the_shortest_segment_is_visible_and_none_exceeds_the_bar(bar: TimelineBar) -> None:
    bar.set_events([QUEUED, STARTED, FAILED])
    segments = bar.segments(500)
    assert segments[0].width >= 4
    assert segments[-1].left + segments[-1].width == pytest.approx(500)


def test_an_unknown_start_is_text_only(bar: TimelineBar) -> None:
    bar.set_events([QUEUED, TimelineEvent("start not reported", None), FAILED])
    assert bar.fractions() == [(SemanticColor.BAD, 1.0)]


@pytest.mark.parametrize("events", [[], [QUEUED], [QUEUED, TimelineEvent("started +0 s", 100.0)]])
def test_a_run_without_duration_is_painted_too(
    bar: TimelineBar, events: list[TimelineEvent]
) -> None:
    bar.set_events(events)
    assert not bar.grab().isNull()


def test_clocks_that_disagree_give_no_negative_segment(bar: TimelineBar) -> None:
    bar.set_events([QUEUED, TimelineEvent("started", 99.0), FAILED])
    assert all(fraction >= 0 for _color, fraction in bar.fractions())


def test_text_wraps_to_more_lines_in_a_narrow_bar(bar: TimelineBar) -> None:
    bar.set_events([QUEUED, STARTED, FAILED])
    assert bar.heightForWidth(150) > bar.heightForWidth(800)
