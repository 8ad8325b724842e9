"""Facets are counted in slices, by a timer that never runs idle."""

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from pulse_desktop.protocol.event import encode_event
from pulse_desktop.protocol.inbound import InboundMessage, Source
from pulse_desktop.protocol.topics import subject_of
from pulse_desktop.state.system import SystemState
from pulse_desktop.ui.pages.events import EventsPage
from pulse_desktop.ui.rows import facet_counts
from tests.kit.state_builder import NOW
from tests.ui.page_harness import PageHarness

_MANY = 40


@pytest.fixture(autouse=True)
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facet_counts, "SLICE", 4)


def fold(state: SystemState, first: int, *, older: bool = False) -> None:
    """Fold events whose numbers count from `first`, those from history newest first."""
    numbers = range(first, first + _MANY)
    for number in reversed(numbers) if older else numbers:
        at = NOW - 1000 + number
        payload = encode_event("messages", "message.new", {"id": number}, source="w", now=at)[1]
        subject = subject_of("messages")
        message = InboundMessage(Source.EVENT, subject, payload, at, number, older=older)
        state.fold([message])


def counting(page: EventsPage) -> QTimer:
    timer = page.filter.findChild(QTimer, "count facets")
    assert isinstance(timer, QTimer)
    return timer


def count_all(page: EventsPage, qapp: QApplication) -> int:
    """Let the timer run for as long as it wants to; return how often it did."""
    fired: list[None] = []
    counting(page).timeout.connect(lambda: fired.append(None))
    while counting(page).isActive():
        assert len(fired) < 1000, "it never stops"
        qapp.processEvents()
    return len(fired)


def test_nothing_is_counted_while_a_page_is_hidden(
    harness: PageHarness, qapp: QApplication
) -> None:
    fold(harness.builder.state, _MANY + 1)
    page = harness.open(EventsPage)
    harness.update(page)
    page.filter_bar.set_filter(text="new")
    assert counting(page).isActive()
    page.on_hide()
    assert not counting(page).isActive()
    fold(harness.builder.state, 1, older=True)
    qapp.processEvents()
    page.filter_bar.set_filter(text="message")
    assert not counting(page).isActive(), "a hidden page counts when it is shown"
    page.on_show(NOW)
    assert counting(page).isActive() or page.table.rows_model.filter_pending
    while page.table.rows_model.filtering:
        qapp.processEvents()
    count_all(page, qapp)
    assert page.filter.facet_counts()["messages"] == 2 * _MANY


def test_the_timer_does_not_run_while_rows_are_not_filtered_yet(
    harness: PageHarness, qapp: QApplication
) -> None:
    fold(harness.builder.state, _MANY + 1)
    page = harness.open(EventsPage)
    harness.update(page)
    page.filter_bar.set_filter(text="new")
    fold(harness.builder.state, 1, older=True)  # no frame is drawn, as in a minimized window
    assert page.table.rows_model.filter_pending
    assert count_all(page, qapp) <= 1
    harness.update(page)
    while page.table.rows_model.filtering:
        qapp.processEvents()
    count_all(page, qapp)
    assert page.filter.facet_counts()["messages"] == 2 * _MANY


def test_what_history_adds_after_the_end_is_counted_too(
    harness: PageHarness, qapp: QApplication
) -> None:
    fold(harness.builder.state, _MANY + 1)
    page = harness.open(EventsPage)
    harness.update(page)
    page.filter_bar.set_filter(text="new")
    count_all(page, qapp)
    assert page.filter.facet_counts()["messages"] == _MANY
    fold(harness.builder.state, 1, older=True)
    harness.update(page)
    while page.table.rows_model.filtering:
        qapp.processEvents()
    count_all(page, qapp)
    assert page.filter.facet_counts()["messages"] == 2 * _MANY
