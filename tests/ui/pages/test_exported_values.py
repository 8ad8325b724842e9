"""What pages export can be read later: whole times, numbers, names that are in no language."""

import asyncio
import csv
import json
from pathlib import Path
from typing import Any

from pulse_desktop.model.time_range import last
from pulse_desktop.protocol.timestamps import format_timestamp
from pulse_desktop.state.serialize import RESULT_CELLS, WORKER_CELLS, listed_worker_to_dict
from pulse_desktop.state.serialize_groups import GROUP_CELLS, group_to_cells
from pulse_desktop.ui.pages.agents import AgentsPage
from pulse_desktop.ui.pages.knowledge import KnowledgePage
from pulse_desktop.ui.pages.messages.page import MessagesPage
from pulse_desktop.ui.pages.metrics import MetricsPage
from pulse_desktop.ui.pages.providers import ProvidersPage
from pulse_desktop.ui.pages.results.page import ResultsPage
from pulse_desktop.ui.pages.tasks.page import TasksPage
from pulse_desktop.ui.pages.workers.page import MonitoringPage
from pulse_desktop.ui.table.export import TableExport, column_format
from tests.kit.state_builder import NOW
from tests.ui.page_harness import PageHarness
from tests.ui.pages.test_table_pages import fill_all_topics
from tests.ui.tables import AnyPage


def written(page: AnyPage, path: Path) -> str:
    """Export the rows of a page to a file; return its text."""
    model = page.table.rows_model
    export = TableExport(model.snapshot(), model.shown_count, page.export_format(), path)
    asyncio.run(export.run())
    return path.read_text("utf-8")


def exported(page: AnyPage, folder: Path) -> list[dict[str, Any]]:
    """Return the rows of a page as its NDJSON file has them."""
    return [json.loads(line) for line in written(page, folder / "rows.ndjson").splitlines()]


def exported_cells(page: AnyPage, folder: Path) -> list[list[str]]:
    """Return the lines of a page as its CSV file has them, first the headings."""
    return list(csv.reader(written(page, folder / "rows.csv").splitlines()))


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
    version = {"entity_id": "7", "topic_name": "Orders", "version": 3}
    harness.builder.event("knowledge", "knowledge.version_created", version)
    rows = exported_columns(harness.open(KnowledgePage))
    assert row_with(rows, kind="version")["type"] == 3
    atom = row_with(rows, kind="atom")
    assert (atom["time"], atom["confidence"]) == (format_timestamp(NOW - 40), 0.9)
    assert (atom["title"], atom["type"]) == ("Keep JetStream", "decision")
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


def test_workers_are_whole_and_as_on_the_command_line(harness: PageHarness, tmp_path: Path) -> None:
    for pid in (10, 11):
        harness.builder.heartbeat(f"worker-1@host-a:{pid}", NOW - 2, rss_bytes=84_000_123, busy=2)
    page = harness.open(MonitoringPage)
    rows = sorted(exported(page, tmp_path), key=lambda row: str(row["worker"]))
    assert [row["worker"] for row in rows] == ["worker-1@host-a:10", "worker-1@host-a:11"]
    workers = harness.builder.state.workers.rows
    assert rows == [
        json.loads(json.dumps(listed_worker_to_dict(workers[number], NOW, answered=None)))
        for number in (0, 1)
    ]
    assert rows[0]["seen_at"] == format_timestamp(NOW - 2)
    assert (rows[0]["rss_bytes"], rows[0]["busy"], rows[0]["health"]) == (84_000_123, 2, "alive")
    headings, first, _second = exported_cells(page, tmp_path)
    assert tuple(headings) == WORKER_CELLS
    assert first[headings.index("rss_bytes")] == "84000123"


def test_results_are_written_as_on_the_command_line(harness: PageHarness, tmp_path: Path) -> None:
    builder = harness.builder
    builder.result(builder.stored("k1", size=725, at=NOW - 9), {"ok": 1})
    builder.state.fold_unreadable_body(builder.stored("k2", at=NOW - 8), "it asks for os.system")
    builder.stored("k3", at=NOW - 7)
    builder.stored("k4", at=NOW - 6)
    builder.stored("k4", size=0, deleted=True, at=NOW - 5)
    page = harness.open(ResultsPage)
    rows = {row["key"]: row for row in exported(page, tmp_path)}
    assert rows["k1"] == {
        "key": "k1",
        "task_name": "m:f",
        "outcome": "succeeded",
        "format": "json",
        "bytes": 725,
        "stored_at": format_timestamp(NOW - 9),
        "problem": None,
    }
    assert (rows["k2"]["outcome"], rows["k2"]["format"]) == (None, "unreadable")
    assert rows["k2"]["problem"] == "it asks for os.system"
    assert (rows["k3"]["outcome"], rows["k3"]["format"]) == (None, None)
    assert rows["k4"]["outcome"] == "deleted"
    headings, *cells = exported_cells(page, tmp_path)
    assert tuple(headings) == RESULT_CELLS
    assert ["k1", "m:f", "succeeded", "json", "725", format_timestamp(NOW - 9), ""] in cells


def test_groups_are_written_as_on_the_command_line(harness: PageHarness, tmp_path: Path) -> None:
    for number in range(4):
        harness.builder.task(f"{number:032x}", "m:f", at=NOW - 100)
        harness.builder.failed(f"{number:032x}", at=NOW - 90 + number)
    harness.builder.state.failure_groups.tick_all(NOW)
    page = harness.open(TasksPage)
    page.show_groups()
    groups = page.groups
    (row,) = exported(groups, tmp_path)
    assert (row["count"], row["count_since"], row["tasks"]) == (4, 4, ["m:f"])
    assert row["first_seen"] == format_timestamp(NOW - 90)
    assert row["last_seen"] == format_timestamp(NOW - 87)
    (group,) = harness.builder.state.failure_groups.groups()
    assert exported_cells(groups, tmp_path) == [list(GROUP_CELLS), group_to_cells(group, 4)]


def test_groups_count_the_failures_of_the_time_range(harness: PageHarness, tmp_path: Path) -> None:
    for number, age in enumerate((7_000, 90, 80)):
        harness.builder.task(f"{number:032x}", "m:f", at=NOW - age)
        harness.builder.failed(f"{number:032x}", at=NOW - age)
    page = harness.open(TasksPage)
    page.context.time.set_range(last(3_600.0))
    page.show_groups()
    harness.update(page)
    (row,) = exported(page.groups, tmp_path)
    assert (row["count"], row["count_since"]) == (3, 2)
