"""Workers by their heartbeats, and the queue as the server reports it."""

import dataclasses

from pulse_desktop.model.queue_status import QueueStatus
from pulse_desktop.state.series import ReservoirByName
from pulse_desktop.state.short_names import WorkerNames
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.pages.workers.page import MonitoringPage, by_label
from tests.kit.state_builder import NOW
from tests.ui.page_harness import PageHarness
from tests.ui.tables import cell, column


def test_a_late_heartbeat_is_a_warning_and_a_missing_one_is_bad(harness: PageHarness) -> None:
    harness.builder.heartbeat("worker-1@host", NOW - 1)
    harness.builder.heartbeat("worker-2@host", NOW - 20)
    harness.builder.heartbeat("worker-3@host", NOW - 120)
    harness.builder.heartbeat("worker-4@host", NOW - 120, type_="stopped")
    page = harness.open(MonitoringPage)
    health = dict(zip(column(page, "worker"), column(page, "health"), strict=True))
    assert health == {
        "worker-1": "✔ online",
        "worker-2": "! late",
        "worker-3": "✖ offline",
        "worker-4": "⊘ stopped",
    }
    counts = {key: chip.count for key, chip in page.filter_bar.chips.items()}
    assert set(counts.values()) == {"1"}
    assert len(counts) == 4


def test_health_changes_without_new_events(harness: PageHarness) -> None:
    harness.builder.heartbeat()
    page = harness.open(MonitoringPage)
    assert cell(page, "health") == "✔ online"
    harness.update(page, NOW + 60)
    assert cell(page, "health") == "✖ offline"


def test_busy_slots_and_running_tasks_are_shown(harness: PageHarness) -> None:
    names = ("m:embed", "m:embed", "m:score")
    tasks = [{"task_id": str(n), "task_name": name} for n, name in enumerate(names)]
    harness.builder.heartbeat(slots=10, busy=2, tasks=tasks, cpu_percent=12.5, rss_bytes=84_000_000)
    page = harness.open(MonitoringPage)
    assert cell(page, "slots") == "2 / 10"
    assert cell(page, "tasks") == "2 × embed, score"
    assert cell(page, "cpu") == "12 %"
    assert cell(page, "memory") == "84 MB"


def test_an_offline_worker_has_no_current_load(harness: PageHarness) -> None:
    harness.builder.heartbeat(slots=10, busy=2, cpu_percent=12.5, rss_bytes=84_000_000)
    page = harness.open(MonitoringPage)
    assert cell(page, "slots") == "2 / 10"
    harness.update(page, NOW + 60)
    assert [cell(page, key) for key in ("slots", "cpu", "memory")] == ["", "", ""]


def test_an_offline_worker_runs_nothing_and_its_details_say_what_it_was_running(
    harness: PageHarness,
) -> None:
    harness.builder.heartbeat(busy=1, tasks=[{"task_id": "1", "task_name": "m:embed"}])
    page = harness.open(MonitoringPage)
    assert cell(page, "tasks") == "embed"
    harness.update(page, NOW + 60)
    assert cell(page, "tasks") == ""
    page.table.select_position(0)
    page.show_row(page.context.state.workers.rows[0])
    shown = page.detail.properties.values
    assert (shown.get("Running"), shown.get("Was running")) == (None, "embed")


def test_unknown_statistics_of_the_queue_are_blank(harness: PageHarness) -> None:
    page = harness.open(MonitoringPage)
    pending = page.queue_stats.cards["pending"]
    assert (pending.value, pending.detail) == ("", "not polled yet")


def test_statistics_of_the_queue_are_not_in_a_recording(harness: PageHarness) -> None:
    status = dataclasses.replace(harness.session.connection_status, recording="shop")
    harness.session.connection_status = status
    page = harness.open(MonitoringPage)
    cards = [card for key, card in page.queue_stats.cards.items() if key != "slots"]
    assert {(card.value, card.detail) for card in cards} == {("", "not in the recording")}


def test_a_queue_without_consumers_is_bad(harness: PageHarness) -> None:
    harness.session.queue_status = QueueStatus("core", consumers=0)
    page = harness.open(MonitoringPage)
    consumers = page.queue_stats.cards["consumers"]
    assert (consumers.value, consumers.color) == ("0", SemanticColor.BAD)
    assert consumers.detail == "tasks sent now are lost"
    assert page.queue_stats.cards["pending"].value == "", "a core subject has no depth"


def test_the_consumers_of_a_core_subject_may_be_unknown(harness: PageHarness) -> None:
    harness.session.queue_status = QueueStatus("core")
    page = harness.open(MonitoringPage)
    consumers = page.queue_stats.cards["consumers"]
    assert (consumers.value, consumers.detail) == ("", "unknown")


def test_the_depth_and_age_of_a_stream_are_shown(harness: PageHarness) -> None:
    harness.session.queue_status = QueueStatus(
        "jetstream", durable=True, pending=38, ack_pending=13, oldest_at=NOW - 12, consumers=4
    )
    page = harness.open(MonitoringPage)
    cards = page.queue_stats.cards
    assert cards["pending"].value == "38"
    assert cards["in_progress"].value == "13"
    assert cards["oldest"].value == "12 s"
    assert cards["redelivered"].value == ""


def test_workers_with_the_same_short_name_are_told_apart_in_the_chart() -> None:
    names, series = WorkerNames(), ReservoirByName()
    times = {
        "w@a:1": (1, 5),
        "w@b:1": (1, 7),
        "w@b:2": (3, 8),  # at the same time
        "x@a:2": (1, 5),
        "x@a:3": (8, 9),  # after a restart
    }
    for worker, samples in times.items():
        names.add(worker)
        for at in samples:
            series[worker].add(at, 1.0)
    labeled = by_label(series, names.label)
    assert {name: len(each.samples) for name, each in labeled.items()} == {
        "w@a": 2,
        "w@b:1": 2,
        "w@b:2": 2,
        "x": 4,
    }


def test_an_empty_queue_has_no_oldest_task(harness: PageHarness) -> None:
    harness.session.queue_status = QueueStatus("jetstream", pending=0, ack_pending=0)
    page = harness.open(MonitoringPage)
    oldest = page.queue_stats.cards["oldest"]
    assert (oldest.value, oldest.detail) == ("none", "no task waits")
