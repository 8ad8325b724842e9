"""Workers by their heartbeats, and the queue by what the server says."""

from pulse_desktop.model.queue_status import QueueStatus
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.pages.workers.page import MonitoringPage, by_short_name
from tests.ui.state_builder import NOW


def column(page, key, row):
    model = page.table.rows_model
    number = next(i for i, each in enumerate(model.columns) if each.key == key)
    return model.index(row, number).data()


def row_of(page, name):
    shown = range(page.table.rows_model.shown_count)
    return next(row for row in shown if column(page, "worker", row) == name)


def test_a_late_heartbeat_is_a_warning_and_a_missing_one_is_bad(open_page, here) -> None:
    here.told.heartbeat("worker-1", at=NOW - 1)
    here.told.heartbeat("worker-2", at=NOW - 20)
    here.told.heartbeat("worker-3", at=NOW - 120)
    here.told.heartbeat("worker-4", at=NOW - 120, type_="stopped")
    page = open_page(MonitoringPage)
    health = {
        name: column(page, "health", row_of(page, name))
        for name in ("worker-1", "worker-2", "worker-3", "worker-4")
    }
    assert health == {
        "worker-1": "✔ online",
        "worker-2": "! late",
        "worker-3": "✖ offline",
        "worker-4": "⊘ stopped",
    }
    counts = {key: button.count for key, button in page.filter_bar.chips.items()}
    assert counts == {"alive": "1", "late": "1", "gone": "1", "stopped": "1"}


def test_health_changes_though_nothing_arrives(open_page, here, update) -> None:
    here.told.heartbeat("worker-1", at=NOW - 1)
    page = open_page(MonitoringPage)
    assert column(page, "health", 0) == "✔ online"
    update(page, NOW + 60)
    assert column(page, "health", 0) == "✖ offline"


def test_busy_slots_and_running_tasks_are_told(open_page, here) -> None:
    tasks = [{"task_id": "1", "task_name": "m:embed"}, {"task_id": "2", "task_name": "m:embed"}]
    here.told.heartbeat(busy=2, slots=10, tasks=[*tasks, {"task_id": "3", "task_name": "m:score"}])
    page = open_page(MonitoringPage)
    assert column(page, "slots", 0) == "2 / 10"
    assert column(page, "tasks", 0) == "2 × embed, score"
    assert column(page, "cpu", 0) == "12 %"
    assert column(page, "memory", 0) == "84 MB"


def test_queue_figures_that_nobody_knows_are_blank(open_page, here) -> None:
    page = open_page(MonitoringPage)
    assert page.queue_stats.cards["pending"].value == ""
    assert page.queue_stats.cards["pending"].detail == "not polled yet"


def test_a_queue_that_nobody_listens_to_is_bad(open_page, here) -> None:
    here.session.queue_status = QueueStatus("core", consumers=0)
    page = open_page(MonitoringPage)
    listening = page.queue_stats.cards["consumers"]
    assert (listening.value, listening.color) == ("0", SemanticColor.BAD)
    assert listening.detail == "tasks sent now are lost"
    assert page.queue_stats.cards["pending"].value == "", "a core subject has no depth"


def test_who_listens_to_a_core_subject_may_be_unknown_and_says_so(open_page, here) -> None:
    here.session.queue_status = QueueStatus("core")
    page = open_page(MonitoringPage)
    listening = page.queue_stats.cards["consumers"]
    assert (listening.value, listening.detail) == ("", "unknown")


def test_the_depth_and_age_of_a_stream_are_shown(open_page, here) -> None:
    here.session.queue_status = QueueStatus(
        "jetstream", True, "s", "c", pending=38, ack_pending=13, oldest_at=NOW - 12, consumers=4
    )
    page = open_page(MonitoringPage)
    assert page.queue_stats.cards["pending"].value == "38"
    assert page.queue_stats.cards["oldest"].value == "12 s"
    assert page.queue_stats.cards["redelivered"].value == ""


def test_two_workers_of_one_name_keep_their_hosts_in_the_chart() -> None:
    series = dict.fromkeys(["w@a:1", "w@b:1", "x@a:2"])
    assert set(by_short_name(series)) == {"w@a:1", "w@b:1", "x"}
