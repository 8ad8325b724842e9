"""What pages export can be read later: whole times, numbers, names that are in no language."""

import asyncio
import json
from pathlib import Path
from typing import Any

from pulse_desktop.protocol.timestamps import format_timestamp
from pulse_desktop.ui.pages.agents import AgentsPage
from pulse_desktop.ui.pages.knowledge import KnowledgePage
from pulse_desktop.ui.pages.messages.page import MessagesPage
from pulse_desktop.ui.pages.metrics import MetricsPage
from pulse_desktop.ui.pages.providers import ProvidersPage
from pulse_desktop.ui.table.export import TableExport, column_format
from tests.kit.state_builder import NOW
from tests.ui.page_harness import PageHarness
from tests.ui.pages.test_table_pages import fill_all_topics
from tests.ui.tables import AnyPage


def exported(page: AnyPage, folder: Path) -> list[dict[str, Any]]:
    """Return the rows of a page as its NDJSON file has them."""
    path, model = folder / "rows.ndjson", page.table.rows_model
    export = TableExport(model.snapshot(), model.shown_count, page.export_format(), path)
    asyncio.run(export.run())
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def exported_columns(page: AnyPage) -> list[dict[str, Any]]:
    """Return the rows of a page with all of its columns, also those that have no room."""
    model = page.table.rows_model
    format_ = column_format(model.columns, NOW)
    return [json.loads(json.dumps(format_.record(row))) for row in model.row_objects()]


def row_with(rows: list[dict[str, Any]], **values: object) -> dict[str, Any]:
    """Return the one row that has some values."""
    (row,) = (each for each in rows if values.items() <= each.items())
    return row


def test_messages_have_whole_times_scores_and_classes(harness: PageHarness) -> None:
    fill_all_topics(harness.builder)
    sent = {"id": "m9", "author": "Ann", "content": "hi", "sent_at": "2026-11-23T08:00:00Z"}
    harness.builder.event("messages", "message.new", sent, at=NOW - 1.5)
    rows = exported_columns(harness.open(MessagesPage))
    assert row_with(rows, author="Ann") == {
        "time": format_timestamp(NOW - 1.5),
        "author": "Ann",
        "text": "hi",
        "score": None,
        "class": None,
        "source": "",
        "sent": "2026-11-23T08:00:00.000000+00:00",
    }
    assert row_with(rows, text="text number 1", score=0.81)["class"] == "signal"


def test_findings_have_whole_times_and_numbers(harness: PageHarness) -> None:
    fill_all_topics(harness.builder)
    counts = {"message_count": 12, "topics_created": 2, "extraction_id": "e2"}
    harness.builder.event("knowledge", "knowledge.extraction_completed", counts, at=NOW - 3)
    rows = exported_columns(harness.open(KnowledgePage))
    atom = row_with(rows, kind="atom")
    assert (atom["time"], atom["confidence"]) == (format_timestamp(NOW - 40), 0.9)
    assert atom["title"] == "Keep JetStream"
    assert row_with(rows, type="completed")["title"]["topics"] == 2


def test_an_analysis_has_its_period_with_date_and_zone(harness: PageHarness) -> None:
    period = {"start": "2026-11-22T00:00:00Z", "end": "2026-11-23T00:00:00Z"}
    data = {"summary_id": 1, "message_count": 1_199, **period}
    harness.builder.event("knowledge", "knowledge.period_analysed", data)
    title = row_with(exported_columns(harness.open(KnowledgePage)))["title"]
    assert title["start"] == "2026-11-22T00:00:00.000000+00:00"
    assert title["messages"] == 1_199


def test_calls_have_their_tokens_and_latency_as_numbers(harness: PageHarness) -> None:
    fill_all_topics(harness.builder)
    call = row_with(exported_columns(harness.open(AgentsPage)), state="finished")
    assert call["time"] == format_timestamp(NOW - 30)
    assert (call["items"], call["tokens_in"], call["latency"], call["cost"]) == (50, 900, 0.4, None)


def test_providers_have_times_and_numbers_in_place_of_ages(harness: PageHarness) -> None:
    fill_all_topics(harness.builder)
    provider = row_with(exported_columns(harness.open(ProvidersPage)), provider="ollama")
    assert provider["since"] == provider["checked"] == format_timestamp(NOW - 10)
    assert (provider["status"], provider["latency"], provider["failures"]) == ("error", 0.01, 1)


def test_metrics_have_their_values_and_changes_as_numbers(harness: PageHarness) -> None:
    fill_all_topics(harness.builder)
    trend = {"direction": "up", "change": 0.02, "over_s": 600}
    data = {"noiseRatio": 0.1851, "trends": {"noiseRatio": trend}, "sampleSizes": {"noiseRatio": 7}}
    harness.builder.event("metrics", "metrics:update", data, at=NOW - 4)
    metric = row_with(exported_columns(harness.open(MetricsPage)), metric="noiseRatio")
    assert (metric["value"], metric["sample"], metric["at"]) == (
        0.1851,
        7,
        format_timestamp(NOW - 4),
    )
    assert metric["change"] == {"trend": "up", "change": 0.02, "period_s": 600.0}
