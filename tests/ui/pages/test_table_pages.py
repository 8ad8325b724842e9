"""Tests that every table page has rows, details, charts, a filter and an empty text."""

from typing import Any

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QScrollArea, QScrollBar
from pytestqt.qtbot import QtBot

from pulse_desktop.model.time_range import fixed, last
from pulse_desktop.text import formats
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.charts.legend import LegendKey
from pulse_desktop.ui.charts.time_chart import TimeChart
from pulse_desktop.ui.navigation import FilterPage, ShowRun
from pulse_desktop.ui.page.row_detail import RowDetail
from pulse_desktop.ui.page.table_page import TablePage
from pulse_desktop.ui.pages.agents import AgentsPage
from pulse_desktop.ui.pages.events import EventsPage
from pulse_desktop.ui.pages.knowledge import KnowledgePage
from pulse_desktop.ui.pages.messages.page import MessagesPage
from pulse_desktop.ui.pages.metrics import MetricsPage
from pulse_desktop.ui.pages.providers import ProvidersPage
from pulse_desktop.ui.pages.results.page import ResultsPage
from pulse_desktop.ui.pages.tasks.runs_page import RunsPage
from pulse_desktop.ui.pages.workers.page import MonitoringPage
from pulse_desktop.ui.query.views_button import WIDTH
from pulse_desktop.ui.theme.theme import ThemeChoice, theme
from pulse_desktop.ui.widgets.stat_card import StatCard
from tests.kit.state_builder import NOW, StateBuilder
from tests.ui.page_harness import PageHarness
from tests.ui.tables import cell, click_row, visible_cells

PageClass = type[TablePage[Any, RowDetail]]
PAGES: tuple[PageClass, ...] = (
    *(MessagesPage, KnowledgePage, AgentsPage, ProvidersPage),
    *(MonitoringPage, MetricsPage, ResultsPage, EventsPage),
)

ALL_TABLE_PAGES: tuple[type[TablePage[Any, Any]], ...] = (*PAGES, RunsPage)
EXAMPLES = (
    *(MessagesPage, RunsPage),
    *(
        pytest.param(each, marks=pytest.mark.slow)
        for each in ALL_TABLE_PAGES
        if each not in (MessagesPage, RunsPage)
    ),
)
"""Of what all pages have in common, two pages are an example."""


def fill_all_topics(builder: StateBuilder) -> None:
    for number in range(5):
        message = {"id": f"m{number}", "external_message_id": str(number), "author": "Oksana"}
        message |= {"content": f"text number {number}", "source_name": "team", "task_id": "t1"}
        builder.event("messages", "message.new", message, at=NOW - 60 + number)
    builder.event(
        "messages",
        "message.scored",
        {
            "message_id": "m1",
            "importance_score": 0.81,
            "classification": "signal",
            "factors": {"length": 0.6, "link": 1.0},
            "weights": {"length": 0.2},
            "task_id": "t1",
        },
        at=NOW - 50,
    )
    builder.event(
        "messages",
        "message.scored",
        {"message_id": "m2", "importance_score": 0.1, "classification": "signal"},
        at=NOW - 50,
    )
    atom = {"atom_id": "a1", "atom_title": "Keep JetStream", "atom_type": "decision"}
    builder.event("knowledge", "knowledge.atom_created", {**atom, "confidence": 0.9}, at=NOW - 40)
    builder.event("knowledge", "knowledge.extraction_failed", {"error": "Timeout"}, at=NOW - 39)
    call = {"agent": "extraction", "provider": "builtin", "model": "lexical-1", "items": 50}
    builder.event("agents", "agent.started", {**call, "task_id": "t1"}, at=NOW - 30)
    done = {**call, "task_id": "t1", "latency_s": 0.4, "tokens_in": 900, "tokens_out": 80}
    builder.event("agents", "agent.finished", done, at=NOW - 29.6)
    refused = {**call, "task_id": "t2", "latency_s": 0.1, "error": "refused"}
    builder.event("agents", "agent.failed", refused, at=NOW - 20)
    for name, status, error in (("builtin", "connected", None), ("ollama", "error", "refused")):
        checked = {"provider": name, "kind": "k", "status": status, "latency_s": 0.01}
        checked |= {"models": ["a", "b"], "error": error}
        builder.event("providers", "provider.checked", checked, at=NOW - 10)
    running = [{"task_id": "t9", "task_name": "m:embed"}] * 2
    builder.heartbeat(at=NOW - 8, busy=2, tasks=running, cpu_percent=12.5, rss_bytes=84_000_000)
    ratios = {"noiseRatio": 0.185, "topicQualityScore": None, "classificationAccuracy": None}
    sizes = {"noiseRatio": 1204, "topicQualityScore": 0}
    builder.event(
        "metrics",
        "metrics:update",
        {**ratios, "activeAnalysisRuns": 2, "sampleSizes": sizes, "trends": {}},
        at=NOW - 5,
    )
    builder.raw("tasks", b"\xff not an event")
    builder.task("t1")
    builder.result(builder.stored("t1"), {"answer": 42})


@pytest.mark.parametrize("page_class", PAGES)
def test_an_empty_page_explains_what_would_appear_and_how(
    harness: PageHarness, page_class: PageClass, qtbot: QtBot
) -> None:
    page = harness.open(page_class)
    assert page.empty_title
    assert page.empty_text.endswith(".")
    for chart in page.findChildren(TimeChart):
        assert chart.empty
        assert len(chart.hint) > len("No data yet. ")
    assert not page.grab().isNull()


@pytest.mark.parametrize("page_class", PAGES)
@pytest.mark.parametrize(
    "choice", [ThemeChoice.DARK, pytest.param(ThemeChoice.LIGHT, marks=pytest.mark.slow)]
)
def test_a_page_shows_its_rows_and_the_details_of_each(
    harness: PageHarness, page_class: PageClass, choice: ThemeChoice
) -> None:
    theme().choose(choice)
    fill_all_topics(harness.builder)
    page = harness.open(page_class)
    shown = page.table.rows_model.shown_count
    assert shown > 0
    assert page.detail.isHidden()
    for row in range(min(shown, 12)):
        click_row(page, row)
        assert not page.detail.isHidden()
        assert page.detail.title
        assert all(page.detail.properties.values.values())
    assert not page.grab().isNull()
    theme().choose(ThemeChoice.DARK)


@pytest.mark.parametrize("page_class", [p for p in PAGES if p not in (ResultsPage, EventsPage)])
def test_each_topic_has_a_chart_of_its_events(
    harness: PageHarness, page_class: PageClass, qtbot: QtBot
) -> None:
    fill_all_topics(harness.builder)
    page = harness.open(page_class)
    charts = page.findChildren(TimeChart)
    assert charts
    qtbot.waitUntil(lambda: any(not chart.empty for chart in charts))


@pytest.mark.parametrize("page_class", EXAMPLES)
def test_esc_closes_the_details_then_clears_the_filter(
    harness: PageHarness, page_class: type[TablePage[Any, Any]]
) -> None:
    fill_all_topics(harness.builder)
    page = harness.open(page_class)
    page.navigate(FilterPage(page.key, "zzz"))
    assert page.table.rows_model.shown_count == 0
    page.filter_bar.clear()
    click_row(page, 0)
    page.filter_bar.set_filter(text="zzz")
    assert page.close_details()
    assert page.detail.isHidden()
    assert not page.close_details()
    assert page.on_escape()
    assert page.table.rows_model.shown_count == page.table.rows_model.total_count
    assert not page.on_escape()


@pytest.mark.parametrize("page_class", EXAMPLES)
def test_enter_in_the_filter_leads_to_the_rows(
    page_class: type[TablePage[Any, Any]], harness: PageHarness, qtbot: QtBot
) -> None:
    fill_all_topics(harness.builder)
    page = harness.open(page_class)
    page.filter_bar.focus_text()
    qtbot.keyClicks(page.filter_bar.text_field, "a")
    page.filter_bar.completer.open()
    qtbot.keyClick(page.filter_bar.text_field, Qt.Key.Key_Return)
    assert page.window().focusWidget() is page.table
    assert not page.filter_bar.completer.is_open


def test_a_message_shows_score_and_label_even_if_they_disagree(harness: PageHarness) -> None:
    fill_all_topics(harness.builder)
    page = harness.open(MessagesPage)
    rows = {visible_cells(page, row)[2]: visible_cells(page, row) for row in range(5)}
    assert rows["text number 1"][3:5] == ["0.81", "● signal"]
    assert rows["text number 2"][3:5] == ["0.10", "! signal"]
    assert rows["text number 3"][3:5] == ["", ""], "unscored messages are blank"


def test_the_details_of_a_message_show_its_text_and_score_factors(harness: PageHarness) -> None:
    fill_all_topics(harness.builder)
    page = harness.open(MessagesPage)
    page.filter_bar.set_filter(text="number 1")
    click_row(page, 0)
    assert page.detail.body == "text number 1"
    assert [(f.name, f.weight) for f in page.score_breakdown.factors] == [
        ("length", 0.2),
        ("link", None),
    ]
    page.detail.show_run_button.click()
    assert harness.targets == [ShowRun("t1")]


def test_a_message_that_is_scored_again_moves_to_the_top(harness: PageHarness) -> None:
    builder = harness.builder
    for number in (1, 2, 3):
        data = {
            "id": f"c.{number}",
            "external_message_id": str(number),
            "content": f"text {number}",
        }
        builder.event("messages", "message.new", data, at=NOW - 100 + number)
    page = harness.open(MessagesPage)
    assert [visible_cells(page, row)[2] for row in range(3)] == ["text 3", "text 2", "text 1"]
    scored = {"message_id": "c.1", "importance_score": 0.7, "classification": "signal"}
    builder.event("messages", "message.scored", scored, at=NOW)
    harness.update(page, NOW + 1)
    assert [visible_cells(page, row)[2] for row in range(3)] == ["text 1", "text 3", "text 2"]
    assert visible_cells(page, 0)[0] == formats.clock(NOW, NOW, precise=True)


def test_the_histogram_counts_scores(harness: PageHarness) -> None:
    fill_all_topics(harness.builder)
    page = harness.open(MessagesPage)
    counted = {round(each.start, 2): each for each in page.charts.scores.bins if each.count}
    assert set(counted) == {0.1, 0.8}
    assert counted[0.8].name == "signal"


def test_facets_and_text_filter_the_table(harness: PageHarness) -> None:
    fill_all_topics(harness.builder)
    page = harness.open(MessagesPage)
    page.filter_bar.set_filter(("signal",))
    assert page.table.rows_model.shown_count == 2
    page.filter_bar.set_filter(("signal",), "OKSANA number 2")
    assert page.table.rows_model.shown_count == 1
    assert page.filter_bar.row_count_text == "1 of 5 messages"
    page.filter_bar.clear()
    assert page.table.rows_model.shown_count == 5


def test_new_rows_appear_on_the_next_update(harness: PageHarness) -> None:
    page = harness.open(KnowledgePage)
    harness.builder.event("knowledge", "knowledge.topic_created", {"topic_name": "Deploys"})
    assert page.table.rows_model.shown_count == 0
    harness.update(page)
    assert visible_cells(page, 0)[1:3] == ["topic", "Deploys"]
    assert page.filter_bar.chips["topic"].count == "0"
    harness.update(page, NOW + 1)
    assert page.filter_bar.chips["topic"].count == "1"


def test_open_details_follow_their_row(harness: PageHarness) -> None:
    harness.builder.event("agents", "agent.started", {"agent": "extraction", "task_id": "t1"})
    page = harness.open(AgentsPage)
    click_row(page, 0)
    assert "running" in page.detail.subtitle
    done = {"agent": "extraction", "task_id": "t1", "latency_s": 0.25}
    harness.builder.event("agents", "agent.finished", done)
    harness.update(page)
    assert "finished" in page.detail.subtitle
    assert page.detail.properties.values["Latency"] == "250 ms"


def test_a_fallback_shows_what_it_stands_in_for_and_why(harness: PageHarness) -> None:
    call = {"agent": "extraction", "provider": "builtin", "task_id": "t", "latency_s": 0.1}
    call |= {"fallback_from": "cloud/large", "fallback_reason": "HTTP 500: out of memory"}
    harness.builder.event("agents", "agent.finished", call)
    page = harness.open(AgentsPage)
    assert visible_cells(page, 0)[-1] == "HTTP 500: out of memory, instead of cloud/large"
    click_row(page, 0)
    latency = "100 ms, with the failed attempts of cloud/large"
    assert page.detail.properties.values["Latency"] == latency
    assert page.detail.properties.values["Fallback for"] == "cloud/large"


def test_the_details_of_a_topic_version_are_in_words(harness: PageHarness) -> None:
    version = {"entity_type": "topic", "entity_id": "a1", "topic_name": "Deploys", "version": 3}
    version |= {"message_count": 42, "quality": 0.5}
    harness.builder.event("knowledge", "knowledge.version_created", version)
    page = harness.open(KnowledgePage)
    click_row(page, 0)
    assert (page.detail.title, page.detail.subtitle) == ("Deploys", "version 3")
    values = page.detail.properties.values
    assert (values["Messages"], values["Quality"], values["Id"]) == ("42", "0.50", "a1")


def test_an_analysis_is_readable(harness: PageHarness) -> None:
    statements = {
        "changes": [{"text": "Release 4.17 is used again.", "message_ids": ["1.2"]}],
        "waiting": [{"who": "Marek", "waits_for": "Priya", "text": "approval"}],
    }
    event: dict[str, object] = {"summary_id": "s1", "chat": "Shop team"}
    event |= {"start": "2026-11-29T14:00:00+00:00", "end": "2026-11-29T14:30:00+00:00"}
    event |= {"message_count": 1199, "changes": 1, "waiting": 1}
    harness.builder.event("knowledge", "knowledge.period_analysed", event)
    harness.builder.event(
        "knowledge", "knowledge.period_analysed", {**event, "statements": statements}
    )
    page = harness.open(KnowledgePage)
    _time, kind, title, type_, *_rest = visible_cells(page, 0)
    assert (kind, type_) == ("analysis", "summary")
    assert "Shop team, 29 Nov " in title
    assert title.endswith(", 1,199 messages: 1 change, 1 waiting")
    click_row(page, 0)
    assert page.detail.body == (
        "Changes\n• Release 4.17 is used again.\n\nWaiting\n• Marek waits for Priya: approval"
    )
    click_row(page, 1)
    assert "Open the run" in page.detail.body
    assert page.facet_of(page.collection().rows[0]) == "analysis"


@pytest.mark.parametrize(
    ("fields", "text"),
    [({"cost_usd": 0.0031}, "$0.0031"), ({"cost_usd": None}, "unknown"), ({}, "")],
)
def test_the_cost_of_a_call_is_shown_also_when_it_is_unknown(
    harness: PageHarness, fields: dict[str, object], text: str
) -> None:
    harness.builder.event("agents", "agent.finished", {"agent": "a", "task_id": "t", **fields})
    page = harness.open(AgentsPage)
    assert cell(page, "cost") == text
    click_row(page, 0)
    assert page.detail.properties.values.get("Cost", "") == text


def test_a_narrow_table_of_agent_calls_keeps_provider_and_cost(harness: PageHarness) -> None:
    page = harness.open(AgentsPage)
    page.resize(960, 560)
    table = page.table
    shown = {
        each.key
        for number, each in enumerate(table.rows_model.columns)
        if not table.isColumnHidden(number)
    }
    assert {"provider", "cost", "error"} <= shown
    assert "tokens_in" not in shown


def test_unknown_token_counts_are_blank(harness: PageHarness) -> None:
    call = {"agent": "a", "task_id": "t", "latency_s": 0.1, "tokens_in": None}
    harness.builder.event("agents", "agent.finished", call)
    page = harness.open(AgentsPage)
    assert visible_cells(page, 0)[6:8] == ["", ""]
    assert page.tokens_chart.empty


def test_a_provider_that_is_down_shows_its_error(harness: PageHarness) -> None:
    fill_all_topics(harness.builder)
    page = harness.open(ProvidersPage)
    rows = {visible_cells(page, row)[0]: visible_cells(page, row) for row in range(2)}
    assert "✖ down" in rows["ollama"]
    assert "refused" in rows["ollama"]
    assert "✔ connected" in rows["builtin"]


def test_a_model_server_shows_its_protocol_and_address(harness: PageHarness) -> None:
    checked = {"provider": "mine", "kind": "llm", "status": "connected"}
    checked |= {"protocol": "ollama", "url": "http://gpu:11434"}
    harness.builder.event("providers", "provider.checked", checked)
    page = harness.open(ProvidersPage)
    assert cell(page, "kind") == "language model · Ollama"
    click_row(page, 0)
    values = page.detail.properties.values
    assert (values["Protocol"], values["Address"]) == ("Ollama", "http://gpu:11434")


def test_metrics_show_their_sample_and_are_blank_while_unknown(
    harness: PageHarness,
) -> None:
    fill_all_topics(harness.builder)
    page = harness.open(MetricsPage)
    noise, quality = page.cards["noiseRatio"], page.cards["topicQualityScore"]
    assert (noise.value, noise.detail) == ("18.5 %", "of 1,204 messages")
    assert quality.value == ""
    rows = {
        visible_cells(page, row)[0]: visible_cells(page, row)
        for row in range(page.table.rows_model.shown_count)
    }
    assert rows["Noise ratio"][1:3] == ["18.5 %", "1,204"]
    assert rows["Topic quality"][1] == ""


def test_charts_can_show_a_longer_time_range(harness: PageHarness, qtbot: QtBot) -> None:
    fill_all_topics(harness.builder)
    harness.builder.state.log[0].timestamp = NOW - 5000
    page = harness.open(MessagesPage)
    page.context.time.set_range(last(3600))
    page.on_time_range(NOW)
    qtbot.waitUntil(lambda: page.charts.scored.visible_time_range == (NOW - 3600, NOW))


@pytest.mark.parametrize("page_class", ALL_TABLE_PAGES)
def test_the_filter_has_the_same_position_on_every_page(
    harness: PageHarness, page_class: type[TablePage[Any, Any]]
) -> None:
    fill_all_topics(harness.builder)
    page = harness.open(page_class)
    for width in (800, 1900):
        page.resize(width, 760)
        QApplication.processEvents()
        field, content = page.filter_bar.text_field, page.filter_bar.parentWidget()
        assert content is not None
        assert page.views_button.mapTo(content, QPoint(0, 0)) == QPoint(14, 14)
        assert field.mapTo(content, QPoint(0, 0)) == QPoint(14 + WIDTH + 10, 14)
        assert content is page
        assert field.width() >= 240
        for chip in page.filter_bar.chips.values():
            chip_rect = QRect(chip.mapTo(page, QPoint(0, 0)), chip.size())
            assert chip.isHidden() or page.rect().contains(chip_rect)


@pytest.mark.parametrize("page_class", EXAMPLES)
def test_a_chip_with_a_count_of_zero_is_gray(
    harness: PageHarness, page_class: type[TablePage[Any, Any]]
) -> None:
    page = harness.open(page_class)
    page.filter_bar.set_counts({})
    colors = {chip.color for chip in page.filter_bar.chips.values()}
    assert colors <= {SemanticColor.MUTED}
    page.filter_bar.set_counts(dict.fromkeys(page.filter_bar.chips, 1))
    for facet in page.facets:
        assert page.filter_bar.chips[facet.key].color is facet.color
        assert not page.filter_bar.chips[facet.key].is_stale
    page.filter_bar.set_counts({}, stale=True)
    assert all(chip.is_stale for chip in page.filter_bar.chips.values())


@pytest.mark.parametrize("page_class", EXAMPLES)
def test_only_a_sorted_column_has_an_arrow(
    harness: PageHarness, page_class: type[TablePage[Any, Any]]
) -> None:
    fill_all_topics(harness.builder)
    page = harness.open(page_class)
    header = page.table.header
    states = [header.sort_state(column) for column in page.table.rows_model.columns]
    assert [is_sorted for is_sorted, _descending in states].count(True) == bool(page.default_sort)
    page.table.rows_model.set_sort(page.table.rows_model.columns[1].key)
    assert header.sort_state(page.table.rows_model.columns[1]) == (True, False)


def test_charts_take_the_height_that_a_short_table_leaves(
    harness: PageHarness, qtbot: QtBot
) -> None:
    fill_all_topics(harness.builder)
    page = harness.open(ProvidersPage)
    page.resize(1600, 1000)
    QApplication.processEvents()
    tall = page.latency_chart.height()
    assert tall > 350
    for number in range(40):
        checked = {"provider": f"p{number}", "status": "connected", "latency_s": 0.01}
        harness.builder.event("providers", "provider.checked", checked)
    harness.update(page)
    QApplication.processEvents()
    assert 150 < page.latency_chart.height() < 250
    page.filter_bar.set_filter(text="p39")
    QApplication.processEvents()
    assert page.latency_chart.height() < 250, "the charts keep their height while typing"


def test_the_card_of_a_metric_opens_its_details(harness: PageHarness, qtbot: QtBot) -> None:
    fill_all_topics(harness.builder)
    page = harness.open(MetricsPage)
    qtbot.mouseClick(page.cards["noiseRatio"], Qt.MouseButton.LeftButton)
    assert page.detail.title == "Noise ratio"


def _click_legend(page: TablePage[Any, Any], name: str) -> None:
    """Click the name of a series in the legend of a chart."""
    keys = [key for key in page.findChildren(LegendKey) if key.entry.name == name]
    QTest.mouseClick(keys[0], Qt.MouseButton.LeftButton, pos=keys[0].rect().center())


@pytest.mark.parametrize(
    ("page_class", "series", "query", "rows"),
    [
        (AgentsPage, "classification", "agent=classification", 1),
        (ProvidersPage, "builtin", "provider=builtin", 1),
        (MonitoringPage, "worker-1", "worker=worker-1", 1),
    ],
)
def test_a_click_on_a_series_filters_by_it_and_another_one_shows_all(
    harness: PageHarness,
    page_class: type[TablePage[Any, RowDetail]],
    series: str,
    query: str,
    rows: int,
) -> None:
    for number, agent in enumerate(("classification", "extraction")):
        call = {"agent": agent, "task_id": f"t{number}", "provider": "builtin"}
        harness.builder.event("agents", "agent.started", call, at=NOW - 20)
        harness.builder.event("agents", "agent.finished", {**call, "latency_s": 0.4}, at=NOW - 10)
    for name in ("builtin", "cloud"):
        checked = {"provider": name, "kind": "k", "status": "connected", "latency_s": 0.01}
        harness.builder.event("providers", "provider.checked", checked, at=NOW - 10)
    for worker in ("worker-1@host-a:1", "worker-2@host-a:2"):
        for ago in (10, 5):
            harness.builder.heartbeat(worker, at=NOW - ago, busy=3)
    page = harness.open(page_class)
    harness.update(page)
    assert page.table.rows_model.shown_count == 2
    _click_legend(page, series)
    assert page.filter_bar.text == query
    assert page.table.rows_model.shown_count == rows
    _click_legend(page, series)
    assert page.filter_bar.text == ""
    assert page.table.rows_model.shown_count == 2


def test_a_click_on_another_series_replaces_the_first(harness: PageHarness) -> None:
    for number, agent in enumerate(("classification", "extraction")):
        call = {"agent": agent, "task_id": f"t{number}", "latency_s": 0.4}
        harness.builder.event("agents", "agent.finished", call, at=NOW - 10)
    page = harness.open(AgentsPage)
    page.filter_bar.set_filter((), "latency>100ms")
    _click_legend(page, "classification")
    assert page.filter_bar.text == "latency>100ms agent=classification"
    _click_legend(page, "extraction")
    assert page.filter_bar.text == "latency>100ms agent=extraction"
    _click_legend(page, "extraction")
    assert page.filter_bar.text == "latency>100ms"


@pytest.mark.parametrize(
    ("edited", "query"),
    [
        ("not agent=classification", "not agent=classification agent=extraction"),
        ("called or agent=classification", "(called or agent=classification) agent=extraction"),
        ("called and agent=classification", "called agent=extraction"),
    ],
)
def test_what_was_typed_before_the_condition_of_a_series_stays(
    harness: PageHarness, edited: str, query: str
) -> None:
    for number, agent in enumerate(("classification", "extraction")):
        call = {"agent": agent, "task_id": f"t{number}", "latency_s": 0.4}
        harness.builder.event("agents", "agent.finished", call, at=NOW - 10)
    page = harness.open(AgentsPage)
    _click_legend(page, "classification")
    page.filter_bar.set_filter((), edited)
    _click_legend(page, "extraction")
    assert page.filter_bar.text == query


def test_a_worker_told_apart_by_its_identity_is_added_to_the_query(harness: PageHarness) -> None:
    workers = ("w@host-a:1", "w@host-a:2")
    for at in (NOW - 10, NOW - 5):
        for worker in workers:
            harness.builder.heartbeat(worker, at=at, busy=3)
    page = harness.open(MonitoringPage)
    harness.update(page)
    page.filter_bar.set_filter((), "online:yes")
    _click_legend(page, workers[1])
    assert page.filter_bar.text == "online:yes worker=w@host-a:2"
    assert page.table.rows_model.shown_count == 1
    _click_legend(page, workers[1])
    assert page.filter_bar.text == "online:yes"


def test_a_click_on_a_class_checks_its_chip(harness: PageHarness) -> None:
    fill_all_topics(harness.builder)
    page = harness.open(MessagesPage)
    _click_legend(page, "signal")
    assert page.filter_bar.checked_facets == {"signal"}


def shown_state(page: TablePage[Any, Any]) -> tuple[bool, bool, set[str], str]:
    """Return whether table and details are dimmed, what cards say of that, and the row count."""
    cards = {card.stale for card in page.findChildren(StatCard)}
    count = page.filter_bar.row_count_text
    return page.table.is_stale, page.detail.is_stale, cards, count.partition(", ")[2]


@pytest.mark.parametrize("page_class", [MonitoringPage, ProvidersPage, MetricsPage])
def test_what_is_of_now_is_dimmed_and_says_so_while_the_range_is_frozen(
    harness: PageHarness, page_class: PageClass
) -> None:
    fill_all_topics(harness.builder)
    page = harness.open(page_class)
    note = "as of now, not of the time range"
    cards = {""} if page.findChildren(StatCard) else set()
    live = (False, False, cards, "")
    assert shown_state(page) == live
    for time_range, shown in (
        (fixed(NOW - 900, NOW - 600), (True, True, {note} if cards else set(), note)),
        (last(900), live),
    ):
        page.context.time.set_range(time_range)
        page.apply_filter()
        harness.update(page, NOW + 1)
        assert shown_state(page) == shown
        assert {chip.is_stale for chip in page.filter_bar.chips.values()} <= {shown[0]}


@pytest.mark.parametrize("page_class", [MonitoringPage, MetricsPage])
def test_what_is_of_the_end_of_a_recording_is_not_of_now(
    harness: PageHarness, page_class: PageClass
) -> None:
    fill_all_topics(harness.builder)
    page = harness.open(page_class)
    page.context.time.is_recording = lambda: True
    page.context.time.set_range(fixed(NOW - 900, NOW - 600))
    page.apply_filter()
    harness.update(page, NOW + 1)
    assert shown_state(page) == (False, False, {""}, "")


@pytest.mark.parametrize("page_class", [MessagesPage, RunsPage, EventsPage])
def test_rows_of_the_range_are_not_dimmed_in_the_past(
    harness: PageHarness, page_class: PageClass
) -> None:
    fill_all_topics(harness.builder)
    page = harness.open(page_class)
    page.context.time.set_range(fixed(NOW - 900, NOW - 5))
    page.apply_filter()
    harness.update(page, NOW + 1)
    assert not page.table.is_stale
    assert "as of now" not in page.filter_bar.row_count_text


def details_scroll(page: TablePage[Any, Any]) -> QScrollBar:
    """Return the scroll bar of the details, which are higher than the page."""
    page.resize(1000, 330)
    area: QScrollArea = page.detail.findChildren(QScrollArea)[0]
    return area.verticalScrollBar()


def test_details_of_another_row_start_at_their_top(harness: PageHarness, qtbot: QtBot) -> None:
    fill_all_topics(harness.builder)
    page = harness.open(MessagesPage)
    click_row(page, 0)
    bar = details_scroll(page)
    qtbot.waitUntil(lambda: bar.maximum() > 20)
    bar.setValue(20)
    row = page.table.current_row()
    assert row is not None
    changed = {"message_id": row.message_id, "importance_score": 0.4}
    harness.builder.event("messages", "message.scored", {**changed, "classification": "signal"})
    harness.update(page, NOW + 1)
    changed_row = page.table.current_row()
    assert changed_row is not None
    assert changed_row is not row
    page.open_detail(changed_row)
    assert bar.value() == 20, "the same row has changed"
    click_row(page, 1)
    assert bar.value() == 0
