"""The filter of a page: when it is applied, when rows are looked at again, what is exported."""

import asyncio
import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pytestqt.qtbot import QtBot

from pulse_desktop.ui.page import page_filter
from pulse_desktop.ui.page.export_action import ExportAction
from pulse_desktop.ui.pages.events import EventsPage
from pulse_desktop.ui.pages.tasks.page import TasksPage
from pulse_desktop.ui.rows import facet_counts, row_filter
from pulse_desktop.ui.table import live_table, row_index
from tests.kit.state_builder import NOW
from tests.ui.page_harness import PageHarness

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from pulse_desktop.ui.page.notification import Notification

HOUR = 3600.0


def fill(harness: PageHarness, count: int, first_at: float = NOW - HOUR + 1) -> None:
    """Receive messages, one each second."""
    for number in range(count):
        harness.builder.event("messages", "message.new", {"n": number}, first_at + number)


def recorded(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> list[None]:
    """Return what grows with each call of a function."""
    calls: list[None] = []
    function: Callable[..., Any] = getattr(owner, name)

    def call(*args: Any, **options: Any) -> Any:
        calls.append(None)
        return function(*args, **options)

    monkeypatch.setattr(owner, name, call)
    return calls


def test_an_invalid_query_does_not_apply_the_former_one_again(
    harness: PageHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(harness, 3)
    page = harness.open(EventsPage)
    page.filter_bar.set_filter(text="message")
    set_filters = recorded(monkeypatch, page.table, "set_filter")
    for text in ("message (", "message ((", "message ((("):
        page.filter_bar.set_filter(text=text)
    assert page.filter.is_last_valid
    assert set_filters == []
    page.filter_bar.set_filter(("tasks",), "message (")
    assert len(set_filters) == 1
    assert page.table.rows_model.shown_count == 0, "the facet is applied"
    page.filter_bar.set_filter(text="message")
    assert page.table.rows_model.shown_count == 3


def test_a_relative_time_looks_at_all_rows_the_less_often_the_more_there_are(
    qtbot: QtBot, harness: PageHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_filter, "_RECHECK_ROW_S", 0.5)
    fill(harness, 100)
    page = harness.open(EventsPage)
    page.filter_bar.set_filter(text="time:1h")
    qtbot.waitUntil(lambda: not page.filter.facets.pending)
    model = page.table.rows_model
    assert model.shown_count == 100
    passes = recorded(monkeypatch, row_index, "newest_matching")
    recounts = recorded(monkeypatch, facet_counts, "newest_matching")
    for seconds in range(6, 50, 6):
        harness.update(page, NOW + seconds)
        assert model.shown_count == 100 - seconds + 1
        assert page.filter.facets.counts()["messages"] == model.shown_count
    assert passes == recounts == []
    harness.update(page, NOW + 54)
    qtbot.waitUntil(lambda: not model.filtering)
    assert passes, "all rows are looked at"
    assert model.shown_count == 47


def test_rows_that_a_relative_time_shows_only_now_are_found(
    qtbot: QtBot, harness: PageHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_filter, "_RECHECK_ROW_S", 0.5)
    fill(harness, 100)
    page = harness.open(EventsPage)
    page.filter_bar.set_filter(text="not time:1h")
    model = page.table.rows_model
    for seconds in (6, 12, 52):
        harness.update(page, NOW + seconds)
        qtbot.waitUntil(lambda: not model.filtering)
    assert model.shown_count == 51


def test_an_export_waits_until_all_rows_were_looked_at_and_keeps_the_table_in_place(
    harness: PageHarness, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(row_filter, "SLICE", 16)
    monkeypatch.setattr(live_table, "_FILTER_S", 0.0)
    fill(harness, 3000)
    page = harness.open(EventsPage)
    table, model = page.table, page.table.rows_model
    page.filter.query.set_text("")
    table.set_filter(lambda event: event.topic == "messages")
    while model.filtering:
        table.filter_next_slices()
    table.select_position(1000)
    top = table.visualRect(table.currentIndex()).top()

    table.update_filter(lambda event: event.data()["n"] % 2 == 0)
    assert (model.filtering, model.filter_pending) == (True, False)
    path = tmp_path / "events.csv"
    context = replace(page.context, run_in_background=lambda _name, work: asyncio.run(work))
    ExportAction(context, page, table, page.export_format).export_to(path)
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    written = [json.loads(row["payload"])["data"]["n"] for row in rows]
    assert written == list(range(2998, -1, -2))
    assert table.visualRect(table.currentIndex()).top() == top


def test_an_export_says_that_history_was_still_being_read(
    harness: PageHarness, tmp_path: Path
) -> None:
    harness.builder.task("a", "work")
    page = harness.open(TasksPage).runs
    shown: list[Notification] = []
    context = replace(
        page.context, run_in_background=lambda _name, work: asyncio.run(work), notify=shown.append
    )
    export = ExportAction(context, page, page.table, page.export_format, page.export_remark)
    for has_states in (False, True):
        harness.session.has_states = has_states
        export.export_to(tmp_path / "runs.csv")
    partial, whole = shown
    assert "History was still being read" in partial.detail
    assert "History" not in whole.detail
    assert (partial.severity, whole.severity) == ("warning", "good")


def test_two_exports_at_once_have_a_card_each(harness: PageHarness, tmp_path: Path) -> None:
    fill(harness, 3)
    page = harness.open(EventsPage)
    work: list[Coroutine[Any, Any, None]] = []
    shown: list[Notification] = []
    context = replace(
        page.context, run_in_background=lambda _name, each: work.append(each), notify=shown.append
    )
    export = ExportAction(context, page, page.table, page.export_format)
    for name in ("first.csv", "second.csv"):
        export.export_to(tmp_path / name)
    for each in work:
        asyncio.run(each)
    assert [each.title for each in shown] == ["Exported"] * 2
    assert len({each.key for each in shown}) == 2
