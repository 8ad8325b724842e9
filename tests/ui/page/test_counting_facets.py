"""Facets are counted in slices, by a timer that never runs idle."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from pulse_desktop.protocol.event import encode_event
from pulse_desktop.protocol.inbound import InboundMessage, Source
from pulse_desktop.protocol.topics import subject_of
from pulse_desktop.state.system import SystemState
from pulse_desktop.ui.pages.events import EventsPage
from pulse_desktop.ui.rows import facet_counts
from pulse_desktop.ui.rows.facet_counts import FacetCounts
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


def open_page(harness: PageHarness) -> EventsPage:
    """Return the page of many events, with a filter whose facets are being counted."""
    fold(harness.builder.state, _MANY + 1)
    page = harness.open(EventsPage)
    harness.update(page)
    page.filter_bar.set_filter(text="new")
    return page


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


def assert_all_are_counted(page: EventsPage, qapp: QApplication) -> None:
    while page.table.rows_model.filtering:
        qapp.processEvents()
    count_all(page, qapp)
    assert page.filter.facets.counts()["messages"] == 2 * _MANY


def test_rows_that_leave_are_found_without_a_pass_over_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    times = list(range(1000))
    since = 200
    asked: list[int] = []
    read: list[int] = []

    def accepts(time: int) -> bool:
        asked.append(time)
        return time >= since

    counts = FacetCounts(lambda: Rows(times), lambda time: (str(time % 2),))
    counts.set_filter(accepts)
    while counts.count_next_slice():
        pass
    assert counts.counts == {"0": 400, "1": 400}
    asked.clear()
    since = 203
    nonzero = np.flatnonzero

    def find(codes: NDArray[np.int16]) -> NDArray[np.int64]:
        read.append(len(codes))
        found: NDArray[np.int64] = nonzero(codes)
        return found

    monkeypatch.setattr(np, "flatnonzero", find)
    counts.leave_behind()
    assert counts.counts == {"0": 398, "1": 399}
    assert sum(read) < 280
    assert asked == list(range(200, 203 + 64))


class Rows(list[int]):
    """Rows that stay."""

    start = 0

    @property
    def stop(self) -> int:
        return len(self)

    def span(self, start: int, stop: int) -> list[int]:
        return self[start:stop]

    def snapshot(self, end: int) -> "Rows":
        return Rows(self[:end])


def test_nothing_is_counted_while_a_page_is_hidden(
    harness: PageHarness, qapp: QApplication
) -> None:
    page = open_page(harness)
    assert counting(page).isActive()
    page.on_hide()
    assert not counting(page).isActive()
    fold(harness.builder.state, 1, older=True)
    qapp.processEvents()
    page.filter_bar.set_filter(text="message")
    assert not counting(page).isActive(), "a hidden page counts when it is shown"
    page.on_show(NOW)
    assert counting(page).isActive() or page.table.rows_model.filter_pending
    assert_all_are_counted(page, qapp)


def test_the_timer_does_not_run_while_rows_are_not_filtered_yet(
    harness: PageHarness, qapp: QApplication
) -> None:
    page = open_page(harness)
    fold(harness.builder.state, 1, older=True)  # no frame is drawn, as in a minimized window
    assert page.table.rows_model.filter_pending
    assert count_all(page, qapp) <= 1
    harness.update(page)
    assert_all_are_counted(page, qapp)


def test_what_history_adds_after_the_end_is_counted_too(
    harness: PageHarness, qapp: QApplication
) -> None:
    page = open_page(harness)
    count_all(page, qapp)
    assert page.filter.facets.counts()["messages"] == _MANY
    fold(harness.builder.state, 1, older=True)
    harness.update(page)
    assert_all_are_counted(page, qapp)
