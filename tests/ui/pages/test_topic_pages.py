"""Each topic has its own table and chart, filters, details, and words for an empty page."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from pulse_desktop.text import formats
from pulse_desktop.ui.charts.time_chart import TimeChart
from pulse_desktop.ui.navigation import FilterPage, ShowRun
from pulse_desktop.ui.pages.agents import AgentsPage
from pulse_desktop.ui.pages.events import EventsPage
from pulse_desktop.ui.pages.knowledge import KnowledgePage
from pulse_desktop.ui.pages.messages.page import MessagesPage
from pulse_desktop.ui.pages.metrics import MetricsPage
from pulse_desktop.ui.pages.providers import ProvidersPage
from pulse_desktop.ui.pages.results.page import ResultsPage
from pulse_desktop.ui.pages.workers.page import MonitoringPage
from pulse_desktop.ui.theme.theme import ThemeChoice, theme
from tests.ui.state_builder import NOW

PAGES = (
    *(MessagesPage, KnowledgePage, AgentsPage, ProvidersPage),
    *(MonitoringPage, MetricsPage, ResultsPage, EventsPage),
)


def tell_everything(told) -> None:
    for number in range(5):
        message = {"id": f"m{number}", "external_message_id": str(number), "author": "Oksana"}
        message |= {"content": f"text number {number}", "source_name": "team", "task_id": "t1"}
        told.event("messages", "message.new", message, at=NOW - 60 + number)
    told.event(
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
    told.event(
        "messages",
        "message.scored",
        {"message_id": "m2", "importance_score": 0.1, "classification": "signal"},
        at=NOW - 50,
    )
    atom = {"atom_id": "a1", "atom_title": "Keep JetStream", "atom_type": "decision"}
    told.event("knowledge", "knowledge.atom_created", {**atom, "confidence": 0.9}, at=NOW - 40)
    told.event("knowledge", "knowledge.extraction_failed", {"error": "Timeout"}, at=NOW - 39)
    call = {"agent": "extraction", "provider": "builtin", "model": "lexical-1", "items": 50}
    told.event("agents", "agent.started", {**call, "task_id": "t1"}, at=NOW - 30)
    done = {**call, "task_id": "t1", "latency_s": 0.4, "tokens_in": 900, "tokens_out": 80}
    told.event("agents", "agent.finished", done, at=NOW - 29.6)
    refused = {**call, "task_id": "t2", "latency_s": 0.1, "error": "refused"}
    told.event("agents", "agent.failed", refused, at=NOW - 20)
    for name, status, error in (("builtin", "connected", None), ("ollama", "error", "refused")):
        checked = {"provider": name, "kind": "k", "status": status, "latency_s": 0.01}
        checked |= {"models": ["a", "b"], "error": error}
        told.event("providers", "provider.checked", checked, at=NOW - 10)
    told.heartbeat(tasks=[{"task_id": "t9", "task_name": "m:embed"}] * 2)
    ratios = {"noiseRatio": 0.185, "topicQualityScore": None, "classificationAccuracy": None}
    sizes = {"noiseRatio": 1204, "topicQualityScore": 0}
    told.event(
        "metrics",
        "metrics:update",
        {**ratios, "activeAnalysisRuns": 2, "sampleSizes": sizes, "trends": {}},
        at=NOW - 5,
    )
    told.raw("tasks", b"\xff not an event")
    told.task("t1")
    told.body(told.stored("t1"), {"answer": 42})


def cells(page, row):
    model = page.table.rows_model
    columns = (c for c in range(model.columnCount()) if not page.table.isColumnHidden(c))
    return [model.index(row, column).data() for column in columns]


def click(page, row) -> None:
    index = page.table.rows_model.index(row, 0)
    centre = page.table.visualRect(index).center()
    QTest.mouseClick(page.table.viewport(), Qt.MouseButton.LeftButton, pos=centre)


@pytest.mark.parametrize("page_class", PAGES)
def test_an_empty_page_says_what_would_appear_and_how(open_page, page_class, qtbot: QtBot) -> None:
    page = open_page(page_class)
    assert page.empty_title
    assert page.empty_text.endswith(".")
    for chart in page.findChildren(TimeChart):
        assert chart.empty
        assert len(chart._empty.text()) > len("No data yet. ")
    assert not page.grab().isNull()


@pytest.mark.parametrize("page_class", PAGES)
@pytest.mark.parametrize("choice", [ThemeChoice.DARK, ThemeChoice.LIGHT])
def test_a_page_shows_its_rows_and_the_details_of_each(open_page, here, page_class, choice) -> None:
    theme().choose(choice)
    tell_everything(here.told)
    page = open_page(page_class)
    shown = page.table.rows_model.shown_count
    assert shown > 0
    assert page.detail.isHidden()
    for row in range(min(shown, 12)):
        click(page, row)
        assert not page.detail.isHidden()
        assert page.detail.title
        assert all(page.detail.properties.values.values())
    assert not page.grab().isNull()
    theme().choose(ThemeChoice.DARK)


@pytest.mark.parametrize("page_class", [p for p in PAGES if p not in (ResultsPage, EventsPage)])
def test_each_topic_has_a_live_chart_that_draws_what_was_told(
    open_page, here, page_class, qtbot: QtBot
) -> None:
    tell_everything(here.told)
    page = open_page(page_class)
    charts = page.findChildren(TimeChart)
    assert charts
    qtbot.waitUntil(lambda: any(not chart.empty for chart in charts))


@pytest.mark.parametrize("page_class", PAGES)
def test_esc_closes_the_details_then_clears_the_filter(open_page, here, page_class) -> None:
    tell_everything(here.told)
    page = open_page(page_class)
    page.navigate(FilterPage(page.key, "zzz"))
    assert page.table.rows_model.shown_count == 0
    page.filter_bar.clear()
    click(page, 0)
    page.filter_bar.set_filter(text="zzz")
    assert page.on_escape()
    assert page.detail.isHidden()
    assert page.on_escape()
    assert page.table.rows_model.shown_count == page.table.rows_model.total_count
    assert not page.on_escape()


def test_messages_show_score_and_label_even_when_they_disagree(open_page, here) -> None:
    tell_everything(here.told)
    page = open_page(MessagesPage)
    rows = {cells(page, row)[2]: cells(page, row) for row in range(5)}
    assert rows["text number 1"][3:5] == ["0.81", "● signal"]
    assert rows["text number 2"][3:5] == ["0.10", "! signal"]
    assert rows["text number 3"][3:5] == ["", ""], "what is not scored stays blank"


def test_the_details_of_a_message_have_its_whole_text_and_the_factors(open_page, here) -> None:
    tell_everything(here.told)
    page = open_page(MessagesPage)
    page.filter_bar.set_filter(text="number 1")
    click(page, 0)
    assert page.detail.body == "text number 1"
    assert [(f.name, f.weight) for f in page.score_breakdown.factors] == [
        ("length", 0.2),
        ("link", None),
    ]
    page.detail.run_button.click()
    assert here.targets == [ShowRun("t1")]


def test_a_message_that_is_heard_of_again_is_the_newest(open_page, here, update) -> None:
    told = here.told
    for number in (1, 2, 3):
        data = {
            "id": f"c.{number}",
            "external_message_id": str(number),
            "content": f"text {number}",
        }
        told.event("messages", "message.new", data, at=NOW - 100 + number)
    page = open_page(MessagesPage)
    assert [cells(page, row)[2] for row in range(3)] == ["text 3", "text 2", "text 1"]
    scored = {"message_id": "c.1", "importance_score": 0.7, "classification": "signal"}
    told.event("messages", "message.scored", scored, at=NOW)
    update(page, NOW + 1)
    assert [cells(page, row)[2] for row in range(3)] == ["text 1", "text 3", "text 2"]
    assert cells(page, 0)[0] == formats.clock(NOW)


def test_scores_are_counted_by_range(open_page, here) -> None:
    tell_everything(here.told)
    page = open_page(MessagesPage)
    counted = {round(each.start, 2): each for each in page.histogram.bins if each.count}
    assert set(counted) == {0.1, 0.8}
    assert counted[0.8].name == "signal"


def test_a_facet_and_words_narrow_the_table(open_page, here) -> None:
    tell_everything(here.told)
    page = open_page(MessagesPage)
    page.filter_bar.set_filter(("signal",))
    assert page.table.rows_model.shown_count == 2
    page.filter_bar.set_filter(("signal",), "OKSANA number 2")
    assert page.table.rows_model.shown_count == 1
    assert page.filter_bar.row_count == "1 of 5 messages"
    page.filter_bar.clear()
    assert page.table.rows_model.shown_count == 5


def test_rows_that_arrive_are_shown_with_the_next_frame(open_page, here, update) -> None:
    page = open_page(KnowledgePage)
    here.told.event("knowledge", "knowledge.topic_created", {"topic_name": "Deploys"})
    assert page.table.rows_model.shown_count == 0
    update(page)
    assert cells(page, 0)[1:3] == ["topic", "Deploys"]
    assert page.filter_bar.chips["topic"].count == "0"
    update(page, NOW + 1)
    assert page.filter_bar.chips["topic"].count == "1"


def test_open_details_follow_their_row(open_page, here, update) -> None:
    here.told.event("agents", "agent.started", {"agent": "extraction", "task_id": "t1"})
    page = open_page(AgentsPage)
    click(page, 0)
    assert "running" in page.detail.subtitle
    done = {"agent": "extraction", "task_id": "t1", "latency_s": 0.25}
    here.told.event("agents", "agent.finished", done)
    update(page)
    assert "finished" in page.detail.subtitle
    assert page.detail.properties.values["Latency"] == "250 ms"


def test_a_call_without_token_counts_leaves_them_blank(open_page, here) -> None:
    call = {"agent": "a", "task_id": "t", "latency_s": 0.1, "tokens_in": None}
    here.told.event("agents", "agent.finished", call)
    page = open_page(AgentsPage)
    assert cells(page, 0)[6:8] == ["", ""]
    assert page.tokens_chart.empty


def test_a_provider_that_is_down_says_why(open_page, here) -> None:
    tell_everything(here.told)
    page = open_page(ProvidersPage)
    rows = {cells(page, row)[0]: cells(page, row) for row in range(2)}
    assert "✖ down" in rows["ollama"]
    assert "refused" in rows["ollama"]
    assert "✔ connected" in rows["builtin"]


def test_metrics_stay_blank_until_they_are_known_and_carry_their_sample(open_page, here) -> None:
    tell_everything(here.told)
    page = open_page(MetricsPage)
    noise, quality = page.cards["noiseRatio"], page.cards["topicQualityScore"]
    assert (noise.value, noise.detail) == ("18.5 %", "of 1,204 messages")
    assert quality.value == ""
    rows = {
        cells(page, row)[0]: cells(page, row) for row in range(page.table.rows_model.shown_count)
    }
    assert rows["Noise ratio"][1:3] == ["18.5 %", "1,204"]
    assert rows["Topic quality"][1] == ""


def test_charts_can_show_a_longer_period(open_page, here, qtbot: QtBot) -> None:
    tell_everything(here.told)
    here.told.state.log[0].timestamp = NOW - 5000
    page = open_page(MessagesPage)
    page.filter_bar.period_box.setCurrentIndex(2)
    qtbot.waitUntil(lambda: page.scored_chart.visible_span == (NOW - 3600, NOW))
