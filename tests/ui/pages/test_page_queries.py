"""The queries of the pages: what one would type means what one expects, chips included."""

from typing import Any

import pytest

from pulse_desktop.fields.field_values import choices
from pulse_desktop.query import compile_query, parse
from pulse_desktop.state.worker import OFFLINE_AFTER_S
from pulse_desktop.ui.page.table_page import TablePage
from pulse_desktop.ui.pages.agents import AgentsPage
from pulse_desktop.ui.pages.knowledge import KnowledgePage
from pulse_desktop.ui.pages.messages.page import MessagesPage
from pulse_desktop.ui.pages.metrics import MetricsPage
from pulse_desktop.ui.pages.providers import ProvidersPage
from pulse_desktop.ui.pages.registry import PAGES
from pulse_desktop.ui.pages.results.page import ResultsPage
from pulse_desktop.ui.pages.tasks.groups_page import GroupsPage
from pulse_desktop.ui.pages.tasks.runs_page import RunsPage
from pulse_desktop.ui.pages.workers.page import MonitoringPage
from tests.kit.state_builder import NOW
from tests.ui.page_harness import PageHarness
from tests.ui.tables import AnyPage

AnyPageClass = type[TablePage[Any, Any]]
TABLE_PAGES: list[AnyPageClass] = [
    *(page for page in PAGES if issubclass(page, TablePage)),
    RunsPage,
    GroupsPage,
]


def heartbeat(harness: PageHarness, worker: str, at: float, **fields: object) -> None:
    data = {"worker": worker, "host": "box", "slots": 4, "busy": 0, "tasks": [], **fields}
    harness.builder.event("monitoring", "worker.heartbeat", data, at)


def found(page: AnyPage, query: str) -> list[Any]:
    """Return the rows that a query shows, in the order of their arrival."""
    page.filter_bar.set_filter(text=query)
    assert page.filter_bar.is_valid, query
    assert page.filter.query.text == query
    shown = {id(row) for row in page.table.rows_model.row_objects()}
    return [row for row in page.collection().rows if id(row) in shown]


def test_workers_are_found_by_what_they_do(harness: PageHarness) -> None:
    running = [{"task_id": f"{n:032x}", "task_name": "app.jobs:embed"} for n in range(4)]
    heartbeat(harness, "w-1@box:1", NOW, busy=4, tasks=running, rss_bytes=3 << 20)
    heartbeat(harness, "w-2@box:2", NOW, busy=1, tasks=running[:1], rss_bytes=1 << 20)
    heartbeat(harness, "w-3@box:3", NOW - OFFLINE_AFTER_S - 60, busy=4, tasks=running)
    page = harness.open(MonitoringPage)
    harness.update(page)

    def names(query: str) -> list[str]:
        return [row.id[:3] for row in found(page, query)]

    assert names("online:false") == ["w-3"]
    assert names("not online:true") == ["w-3"]
    assert names("health:gone") == names("health:offline") == ["w-3"]
    assert names("silent>1m") == ["w-3"]
    assert names("running>3") == ["w-1"]
    assert names("free>2") == ["w-2"]
    assert names("memory>2MB") == ["w-1"]
    assert names("task:embed worker:w-2") == ["w-2"]
    assert names(f"run:{3:032x}") == ["w-1"]
    assert names("activity:busy") == ["w-1", "w-2"]


def test_results_are_found_by_size_and_outcome(harness: PageHarness) -> None:
    harness.builder.stored("a" * 32, size=3_000_000)
    harness.builder.stored("b" * 32, size=500)
    page = harness.open(ResultsPage)
    assert [row.key for row in found(page, "size>2MB")] == ["a" * 32]
    assert [row.key for row in found(page, f"key:{'b' * 32}")] == ["b" * 32]
    assert len(found(page, "outcome:unread,succeeded")) == 2


@pytest.mark.parametrize("page_class", TABLE_PAGES)
def test_every_chip_and_column_is_a_condition(
    harness: PageHarness, page_class: AnyPageClass
) -> None:
    """The query that is copied finds the same rows as the chips; each field of a column exists."""
    page = harness.open(page_class)
    fields = page.filter.query.fields
    without = {
        column.key for column in page.columns() if not fields.is_known(column.field or column.key)
    }
    assert without <= {"bars", "words"}
    for key in page.filter_bar.chips:
        page.filter_bar.set_filter((key,))
        query = page.filter.effective_query
        assert query, key
        matcher = compile_query(parse(query), fields, NOW)
        for row in page.collection().rows:
            assert matcher.accepts(row) == (key in page.facets_of(row))


def test_the_chip_of_other_classes_is_a_query_too(harness: PageHarness) -> None:
    builder = harness.builder
    for number, name in enumerate(("signal", "not_judged", "spam")):
        builder.event("messages", "message.new", {"id": f"m{number}", "content": "hello"})
        scored = {"message_id": f"m{number}", "importance_score": 0.9, "classification": name}
        builder.event("messages", "message.scored", scored)
    builder.event("messages", "message.new", {"id": "m3", "content": "hello"})
    page = harness.open(MessagesPage)
    for keys, count in ((("other",), 1), (("other", "signal"), 2), (("unscored",), 1)):
        page.filter_bar.set_filter(keys, "hello")
        rows = list(page.table.rows_model.row_objects())
        assert len(rows) == count
        query = page.filter.effective_query
        page.filter_bar.set_filter((), query)
        assert list(page.table.rows_model.row_objects()) == rows, query


@pytest.mark.parametrize(
    ("page_class", "query"),
    [
        (MonitoringPage, "health:offline silent>1m running>=0 started>yesterday cpu<90 control:no"),
        (ResultsPage, "outcome:failed size>2MB stored:1h format:pickle"),
        (MessagesPage, "class:weak_signal score>0.5 author:ann sent<2026-11-29 mismatch:true"),
        (KnowledgePage, "kind:atom type:decision confidence>=0.8 found:2h"),
        (AgentsPage, "state:failed latency>5s tokens>1000 cost>0.01 model:qwen*"),
        (ProvidersPage, "up:false failures>3 checked:5m latency>1s"),
        (MetricsPage, "metric:noise value<0.5 measured:10m"),
        (GroupsPage, 'state:ongoing count>10 muted:false shared:"language=pl" last:1h'),
    ],
)
def test_each_page_understands_its_fields(
    harness: PageHarness, page_class: AnyPageClass, query: str
) -> None:
    page = harness.open(page_class)
    page.filter_bar.set_filter(text=query)
    assert page.filter_bar.is_valid


def test_a_translated_word_never_takes_the_place_of_a_stable_name() -> None:
    typed = choices({"failed": "queued", "queued": "Warteschlange"})
    assert typed["failed"] == "failed"
    assert typed["queued"] == "queued"
    assert typed["warteschlange"] == "queued"
