"""Facets that dictionary columns tell, of rows that a table has found, are those of the rows."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication

from pulse_desktop.protocol.event import Event, decode_event
from pulse_desktop.state.event_log import EventLog
from pulse_desktop.state.event_rows import UNREADABLE
from pulse_desktop.ui.pages.events import EventsPage
from pulse_desktop.ui.pages.tasks.runs_page import RunsPage
from pulse_desktop.ui.rows import facet_counts, row_filter
from pulse_desktop.ui.rows.facet_counts import FacetCounts
from pulse_desktop.ui.rows.positions import Positions
from tests.ui.page_harness import PageHarness

COLUMNS = ("topic", UNREADABLE)


def event_of(rng: random.Random, number: int) -> Event:
    """Return an event of one of more topics than there are codes; some are unreadable."""
    topic = rng.choice(["tasks", "agents", f"topic {rng.randrange(400)}"])
    raw = b'{"data": {"n": %d}}' % number if rng.random() < 0.8 else b"\xff"
    return decode_event(topic, raw, float(number))


def facets_of(event: Event) -> Sequence[str]:
    return (event.topic, "bad") if event.problem else (event.topic,)


def accepts(event: Event) -> bool:
    return event.received_at % 3 > 0


def counted(log: EventLog) -> dict[str, int]:
    return dict(Counter(facet for event in log if accepts(event) for facet in facets_of(event)))


def matches_in(log: EventLog) -> Callable[[int, int], Positions | None]:
    """Return what tells the positions that are accepted, but for some stretches."""

    def known(low: int, high: int) -> Positions | None:
        if low // 50 % 3 == 0:
            return None
        rows = enumerate(log.span(low, high), low)
        return np.array([position for position, row in rows if accepts(row)], np.int64)

    return known


@pytest.mark.parametrize("seed", range(3))
def test_columns_tell_the_same_as_the_rows(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facet_counts, "SLICE", 50)
    rng = random.Random(seed)
    log = EventLog(900, 1 << 20, recent=40, block_events=16)
    for number in range(1000):
        log.append(event_of(rng, number))
    looked: list[Event] = []

    def looked_at(event: Event) -> Sequence[str]:
        looked.append(event)
        return facets_of(event)

    counts = FacetCounts(
        lambda: log,
        looked_at,
        columns=lambda: log,
        facet_columns=COLUMNS,
        matches=matches_in(log),
    )
    counts.set_filter(accepts)
    while counts.count_next_slice():
        pass
    assert {key: count for key, count in counts.counts.items() if count} == counted(log)
    assert len(looked) < 550, "one row of each kind, and those without a code"
    for number in range(1000, 1300):
        log.append(event_of(rng, number))
        if number % 60 == 0:
            counts.update(())
    counts.update(())
    assert {key: count for key, count in counts.counts.items() if count} == counted(log)


def test_the_unreadable_events_have_a_column() -> None:
    rng = random.Random(1)
    log = EventLog(500, 1 << 20, recent=10, block_events=16)
    for number in range(300):
        event = event_of(rng, number)
        if number % 4:
            log.append(event)
        else:
            log.prepend(event)
    column = log.column(UNREADABLE)
    assert column is not None
    codes = column.codes(log.start + 3, log.stop - 2)
    expected = [UNREADABLE if event.problem else "" for event in log][3:-2]
    assert [column.values[code] for code in codes] == expected
    assert UNREADABLE in expected


def finish(page: Any, qapp: QApplication) -> None:
    while page.table.rows_model.filtering or page.filter.facets.pending:
        qapp.processEvents()


@pytest.mark.parametrize("sort", ["", "task"])
def test_what_the_table_has_found_is_not_searched_for_again(
    sort: str, harness: PageHarness, qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(60):
        harness.builder.task(f"id-{number}", f"task {number % 4}")
    page = harness.open(RunsPage)
    harness.update(page)
    searched: list[tuple[int, int]] = []
    original = row_filter.newest_matching

    def newest(source: Any, accepts: Any, stop: int, start: int) -> tuple[Positions, int]:
        searched.append((start, stop))
        return original(source, accepts, stop, start)

    monkeypatch.setattr(facet_counts, "newest_matching", newest)
    page.table.rows_model.set_sort(sort)
    page.filter_bar.set_filter(text="task:1")
    finish(page, qapp)
    assert page.filter.facets.counts()["queued"] == 15
    assert not searched
    harness.builder.started("id-1")
    harness.update(page)
    assert page.filter.facets.counts()["queued"] == 14
    assert page.filter.facets.counts()["running"] == 1
    searched.clear()
    page.filter_bar.set_filter(frozenset({"running"}), "task:1")
    finish(page, qapp)
    assert searched, "the table shows one facet alone"
    assert page.filter.facets.counts()["queued"] == 14


def test_a_paused_table_does_not_tell_what_matches_now(
    harness: PageHarness, qapp: QApplication
) -> None:
    for number in range(40):
        harness.builder.event("messages", "message.new", {"id": number})
    page = harness.open(EventsPage)
    harness.update(page)
    page.table.set_paused(True)
    for number in range(40):
        harness.builder.event("messages", "message.new", {"id": number})
    page.filter_bar.set_filter(text="message.new")
    finish(page, qapp)
    harness.update(page)
    finish(page, qapp)
    assert page.table.rows_model.shown_count == 40
    assert page.filter.facets.counts()["messages"] == 80
