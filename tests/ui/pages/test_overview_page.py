"""The overview answers whether everything is well, and what needs attention."""

import time
from collections.abc import Sequence

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from pulse_desktop.model.group_marks import GroupMarks, Mark
from pulse_desktop.model.queue_status import QueueStatus
from pulse_desktop.model.time_range import fixed, last, since
from pulse_desktop.state.attention import attention_items
from pulse_desktop.state.failure_groups import FailureGroups
from pulse_desktop.state.system import SystemState
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui import throttle
from pulse_desktop.ui.charts import run_series
from pulse_desktop.ui.charts.counted_times import CountedTimes
from pulse_desktop.ui.charts.legend import LegendKey
from pulse_desktop.ui.charts.resampling import FloatArray
from pulse_desktop.ui.pages.metrics import MetricsPage
from pulse_desktop.ui.pages.overview import page as overview_page
from pulse_desktop.ui.pages.overview import stats
from pulse_desktop.ui.pages.overview.page import OverviewPage
from pulse_desktop.ui.pages.overview.run_charts import RunCharts
from pulse_desktop.ui.pages.tasks.page import TasksPage
from pulse_desktop.ui.pages.tasks.runs_page import RunsPage
from pulse_desktop.ui.pages.workers.page import MonitoringPage
from pulse_desktop.ui.shell.attention_monitor import badges
from pulse_desktop.ui.shell.window import MainWindow
from tests.kit.state_builder import NOW, StateBuilder
from tests.ui.tables import cell, column, pill_text
from tests.ui.window_builder import draw_frame, make_window

MUTED = GroupMarks(muted=Mark(NOW, "bob@host"))
RESOLVED = GroupMarks(resolved=Mark(NOW, "bob@host"))


@pytest.fixture
def builder() -> StateBuilder:
    return StateBuilder()


def overview(window: MainWindow) -> OverviewPage:
    assert isinstance(window.current, OverviewPage)
    return window.current


def tasks(window: MainWindow) -> RunsPage:
    assert isinstance(window.current, TasksPage)
    return window.current.runs


def test_an_unknown_statistic_is_blank_and_explained() -> None:
    state = SystemState()
    for stat in (
        stats.success_rate(state, NOW),
        stats.failures(state, NOW, ()),
        stats.queue_depth(state, NOW),
        stats.run_times(state, NOW),
        stats.workers(state, NOW),
        stats.noise(state),
    ):
        assert stat.value == ""
        assert stat.detail


def test_the_success_rate_counts_runs_that_ended_within_the_hour(builder: StateBuilder) -> None:
    builder.runs(8)
    builder.at = NOW + 1
    builder.task("f" * 32)
    builder.failed("f" * 32)
    rate = stats.success_rate(builder.state, NOW + 2)
    assert (rate.value, rate.detail, rate.color) == ("88.9 %", "8 of 9 runs", SemanticColor.WARNING)
    assert stats.success_rate(builder.state, NOW + 7200).value == ""


@pytest.mark.parametrize(
    ("kinds", "detail"),
    [
        ("AAA", "all A"),
        ("AAAB", "mostly A"),
        ("AABC", "A and 2 others"),
        ("AB", "A and 1 other"),
        ("AAAABBBCCDD", "A and 3 others"),
    ],
)
def test_most_failures_have_the_cause_that_is_named_so(
    builder: StateBuilder, kinds: str, detail: str
) -> None:
    for number, kind in enumerate(kinds):
        builder.task(f"{number:032x}")
        builder.failed(f"{number:032x}", kind)
    stat = stats.failures(builder.state, NOW, attention_items(builder.state, NOW))
    assert (stat.value, stat.detail, stat.color) == (str(len(kinds)), detail, SemanticColor.BAD)


def test_failures_of_more_kinds_than_are_listed_are_all_counted(
    qtbot: QtBot, builder: StateBuilder
) -> None:
    runs = builder.state.runs
    builder.state.failure_groups = groups = FailureGroups(runs.rows, capacity=600)
    runs.failure_groups = groups
    for number in range(700):
        builder.task(f"{number:032x}")
        builder.failed(f"{number:032x}", f"E{number}")
    window = make_window(qtbot, builder, (OverviewPage,))
    draw_frame(window, builder)
    items = attention_items(builder.state, NOW)
    assert badges(builder.state, items)["tasks"].count == "700"
    assert window.top_bar.alerts.count == "600+"
    assert overview(window).cards["failed"].detail == f"{items[0].cause} and others"


def _mute(builder: StateBuilder, kind: str, marks: GroupMarks) -> None:
    groups = builder.state.failure_groups
    wanted = {each.id: marks for each in groups.groups() if each.cause == kind}
    assert len(wanted) == 1
    groups.set_marks(wanted)


@pytest.mark.parametrize(
    ("kinds", "marks", "detail", "color", "badge"),
    [
        ("AAAB", MUTED, "3 muted · all B", SemanticColor.BAD, "1"),
        ("AAA", MUTED, "all muted", SemanticColor.TEXT, ""),
        ("AAAB", RESOLVED, "3 resolved · all B", SemanticColor.BAD, "1"),
        ("AAA", RESOLVED, "all resolved", SemanticColor.TEXT, ""),
    ],
)
def test_failures_that_need_no_attention_are_counted_and_named(
    builder: StateBuilder,
    kinds: str,
    marks: GroupMarks,
    detail: str,
    color: SemanticColor,
    badge: str,
) -> None:
    for number, kind in enumerate(kinds):
        builder.task(f"{number:032x}")
        builder.failed(f"{number:032x}", kind)
    _mute(builder, "A", marks)
    items = attention_items(builder.state, NOW)
    stat = stats.failures(builder.state, NOW, items)
    assert (stat.value, stat.detail, stat.color) == (str(len(kinds)), detail, color)
    assert badges(builder.state, items)["tasks"].count == badge


def test_muting_a_group_updates_the_card(qtbot: QtBot, builder: StateBuilder) -> None:
    builder.task("a" * 32)
    builder.failed("a" * 32, "A")
    window = make_window(qtbot, builder, (OverviewPage,))
    draw_frame(window, builder)
    card = overview(window).cards["failed"]
    assert card.detail == "all A"
    _mute(builder, "A", MUTED)

    def is_said() -> bool:
        draw_frame(window, builder, 1.0)
        return card.detail == "all muted"

    qtbot.waitUntil(is_said)


def test_the_queue_depth_shows_the_age_of_the_oldest_task(builder: StateBuilder) -> None:
    builder.task("a" * 32, at=NOW - 30)
    builder.task("b" * 32, at=NOW - 3)
    stat = stats.queue_depth(builder.state, NOW)
    assert (stat.value, stat.detail) == ("2", "oldest 30 s")


def test_the_polled_queue_takes_precedence_over_the_runs(builder: StateBuilder) -> None:
    builder.task("a" * 32)
    polled = QueueStatus("jetstream", True, "s", pending=38, ack_pending=4, oldest_at=NOW - 12)
    stat = stats.queue_depth(builder.state, NOW, polled)
    assert (stat.value, stat.detail) == ("38", "oldest 12 s · 4 in progress")
    unattended = QueueStatus("jetstream", True, "s", pending=3, consumers=0)
    stat = stats.queue_depth(builder.state, NOW, unattended)
    assert (stat.value, stat.detail, stat.color) == (
        "3",
        "no consumers",
        SemanticColor.BAD,
    )


def test_each_run_time_has_its_unit(builder: StateBuilder) -> None:
    for number, seconds in enumerate([1.3] * 9 + [4.1]):
        builder.task(f"{number:032x}")
        builder.succeeded(f"{number:032x}", seconds)
    stat = stats.run_times(builder.state, NOW)
    assert (stat.value, stat.detail) == ("1.3 s / 4.1 s", "slowest: score_message_task")


def test_offline_workers_are_counted(builder: StateBuilder) -> None:
    beat = {"host": "h", "slots": 10, "busy": 3, "tasks": []}
    builder.event("monitoring", "worker.heartbeat", beat | {"worker": "a"}, NOW)
    builder.event("monitoring", "worker.heartbeat", beat | {"worker": "b"}, NOW - 60)
    stat = stats.workers(builder.state, NOW)
    assert (stat.value, stat.detail, stat.color) == (
        "1 online",
        "1 offline · 3 of 10 slots busy",
        SemanticColor.WARNING,
    )


def test_the_noise_ratio_shows_its_sample_size(builder: StateBuilder) -> None:
    builder.event(
        "metrics", "metrics:update", {"noiseRatio": 0.185, "sampleSizes": {"noiseRatio": 9}}
    )
    stat = stats.noise(builder.state)
    assert (stat.value, stat.detail) == ("18.5 %", "of 9 scored messages")


def test_the_latest_runs_update_with_every_frame_and_open_in_tasks(
    qtbot: QtBot, builder: StateBuilder
) -> None:
    window = make_window(qtbot, builder, (OverviewPage, TasksPage))
    page = overview(window)
    assert page.latest.rows_model.shown_count == 0
    builder.runs(4)
    draw_frame(window, builder, 0.03)
    assert page.latest.rows_model.shown_count == 4
    page.latest.row_activated.emit(page.latest.rows_model.row_object(1))
    shown = tasks(window).detail.run
    assert shown is not None
    assert shown.task_id == f"{2:032x}"


def test_the_latest_runs_are_followed_again_after_one_was_opened(
    qtbot: QtBot, builder: StateBuilder
) -> None:
    window = make_window(qtbot, builder, (OverviewPage, TasksPage))
    builder.runs(40)
    draw_frame(window, builder, 0.03)
    latest = overview(window).latest
    center = latest.visualRect(latest.rows_model.index(2, 0)).center()
    qtbot.mouseClick(latest.viewport(), Qt.MouseButton.LeftButton, pos=center)
    assert window.current is window.page("tasks")
    builder.task("b" * 32, "work")
    window.show_page("overview")
    newest = latest.rows_model.row_object(latest.rowAt(0))
    assert newest is not None
    assert newest.task_id == "b" * 32
    assert (latest.holds, pill_text(latest)) == (False, "")


def test_the_latest_runs_leave_a_time_range_that_moves_on(
    qtbot: QtBot, builder: StateBuilder
) -> None:
    window = make_window(qtbot, builder, (OverviewPage,))
    builder.task("a" * 32, "work")
    builder.succeeded("a" * 32)
    window.time.set_range(last(300.0))
    draw_frame(window, builder, 0.1)
    latest = overview(window).latest
    assert latest.rows_model.shown_count == 1
    draw_frame(window, builder, 400.0)
    assert latest.rows_model.shown_count == 0


def test_a_range_that_moves_on_does_not_look_at_the_rows_in_every_frame(
    qtbot: QtBot, builder: StateBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = make_window(qtbot, builder, (OverviewPage,))
    window.time.set_range(last(3600.0))
    draw_frame(window, builder, 0.1)
    model, looked = overview(window).latest.rows_model, 0
    oldest_not_accepted = model.oldest_not_accepted

    def look() -> set[int]:
        nonlocal looked
        looked += 1
        return oldest_not_accepted()

    monkeypatch.setattr(model, "oldest_not_accepted", look)
    for _frame in range(50):
        draw_frame(window, builder, 0.5)
    assert looked == 2


def test_an_attention_item_opens_its_runs(qtbot: QtBot, builder: StateBuilder) -> None:
    builder.runs(4)
    builder.task("f" * 32)
    builder.failed("f" * 32)
    window = make_window(qtbot, builder, (OverviewPage, TasksPage))
    rows = [row for row in overview(window).attention.rows if not row.isHidden()]
    assert [row.title for row in rows] == ["1 × ProviderTimeout"]
    rows[0].click()
    assert [run.task_id for run in tasks(window).table.rows_model.row_objects()] == ["f" * 32]


def _fail_in_many_ways(builder: StateBuilder, count: int) -> None:
    for number in range(count):
        builder.task(
            f"{number:032x}",
            f"pulse_workers.chat.tasks.a_task_with_a_name_{number}:score_message_task",
        )
        builder.failed(f"{number:032x}", f"AttachmentUnreadable{chr(65 + number)}Error")


@pytest.mark.parametrize(("count", "shown", "more"), [(3, 3, ""), (9, 3, "and 6 more")])
def test_a_low_page_gives_its_height_to_the_attention_list(
    qtbot: QtBot, builder: StateBuilder, count: int, shown: int, more: str
) -> None:
    _fail_in_many_ways(builder, count)
    window = make_window(qtbot, builder, (OverviewPage,))
    window.resize(1024, 640)
    draw_frame(window, builder)
    QApplication.processEvents()
    attention = overview(window).attention
    rows = [row for row in attention.rows if row.isVisible()]
    assert (len(rows), attention.more_text) == (shown, more)
    for row in rows:
        room = row.width() - 36 - row.fontMetrics().horizontalAdvance(row.age) - 12
        assert row.tall
        assert row.fontMetrics().horizontalAdvance(row.title) <= room
        assert attention.rect().contains(row.geometry())
    free = attention.height() - rows[-1].geometry().bottom()
    assert count == shown or free < rows[0].height() + 26, "no further row fits"
    assert overview(window).run_times.isHidden()


@pytest.mark.parametrize(("count", "with_chart"), [(4, True), (9, False)])
def test_a_high_page_shows_the_run_times_unless_the_items_need_the_room(
    qtbot: QtBot, builder: StateBuilder, count: int, *, with_chart: bool
) -> None:
    _fail_in_many_ways(builder, count)
    window = make_window(qtbot, builder, (OverviewPage,))
    for size in ((1024, 640), (1440, 900)):
        window.resize(*size)
        draw_frame(window, builder)
        QApplication.processEvents()
    attention = overview(window).attention
    rows = [row for row in attention.rows if row.isVisible()]
    assert len(rows) == count
    assert not any(row.tall for row in rows)
    assert attention.more_text == ""
    assert overview(window).run_times.isVisible() is with_chart


def test_a_topic_shows_the_age_of_its_last_event(qtbot: QtBot, builder: StateBuilder) -> None:
    builder.runs(2)
    window = make_window(qtbot, builder, (OverviewPage,))
    builder.at += 5
    draw_frame(window, builder)
    topics = overview(window).topics.rows
    assert topics["tasks"].ago == "5 s ago"
    assert topics["agents"].silent
    assert topics["agents"].accessibleName() == "agents: no events yet"


def test_the_rate_of_a_topic_is_averaged_over_a_minute(qtbot: QtBot, builder: StateBuilder) -> None:
    for age in (100, 70, 40, 12):
        builder.event("providers", "provider.checked", {"provider": "p"}, at=NOW - age)
    for age in range(50):
        builder.event("knowledge", "knowledge.atom_created", {"atom_id": str(age)}, at=NOW - 30)
    window = make_window(qtbot, builder, (OverviewPage,))
    draw_frame(window, builder)
    topics = overview(window).topics.rows
    assert (topics["providers"].rate, topics["providers"].ago) == ("< 0.1/s", "12 s ago")
    assert topics["knowledge"].rate == "0.8/s"
    draw_frame(window, builder, 60.0)
    assert topics["knowledge"].rate == "0/s"


def test_the_rate_is_averaged_over_the_known_time_only(qtbot: QtBot, builder: StateBuilder) -> None:
    for number in range(10):
        builder.event("messages", "message.new", {"id": str(number)}, at=NOW - 10 + number)
    window = make_window(qtbot, builder, (OverviewPage,))
    draw_frame(window, builder)
    assert overview(window).topics.rows["messages"].rate == "1.0/s"


def test_the_throughput_is_drawn_from_the_first_run(qtbot: QtBot, builder: StateBuilder) -> None:
    window = make_window(qtbot, builder, (OverviewPage,))
    assert overview(window).run_charts.throughput.empty
    builder.runs(20)
    draw_frame(window, builder, 150.0)
    qtbot.waitUntil(lambda: not overview(window).run_charts.throughput.empty)


def test_the_throughput_shows_results_that_are_read_after_later_runs(
    qtbot: QtBot, builder: StateBuilder
) -> None:
    window = make_window(qtbot, builder, (OverviewPage,))
    builder.runs(3)
    builder.result(builder.stored("f" * 32, at=NOW - 300), 1)
    draw_frame(window, builder, 10.0)
    qtbot.waitUntil(lambda: not overview(window).run_charts.throughput.empty)
    first, _last = overview(window).run_charts.throughput.visible_time_range
    assert first <= NOW - 300


def test_an_offline_worker_is_called_by_its_name(qtbot: QtBot, builder: StateBuilder) -> None:
    builder.heartbeat("w-1@vm:24404", at=NOW - 600)
    window = make_window(qtbot, builder, (OverviewPage,))
    draw_frame(window, builder)
    (row,) = [row for row in overview(window).attention.rows if not row.isHidden()]
    assert (row.title, row.target) == ("worker offline", "w-1")
    assert "w-1," in row.accessibleName()


def test_tasks_of_the_same_name_are_told_apart_everywhere(
    qtbot: QtBot, builder: StateBuilder
) -> None:
    names = ("shop.mail:send", "shop.sms:send", "with spaces/and:colons")
    for number, name in enumerate(names):
        builder.task(f"{number:032x}", name)
        builder.failed(f"{number:032x}")
    window = make_window(qtbot, builder, (OverviewPage, TasksPage))
    draw_frame(window, builder)
    page = overview(window)
    expected = {"mail:send", "sms:send", "with spaces/and:colons"}
    assert {row.target for row in page.attention.rows if not row.isHidden()} == expected
    assert {key.text() for key in page.run_times.findChildren(LegendKey)} == expected
    window.show_page("tasks")
    assert set(column(tasks(window), "task")) == expected
    assert cell(tasks(window), "attempt") == ""


@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Space, None])
def test_the_card_of_failures_opens_the_failures_of_the_hour(
    qtbot: QtBot, builder: StateBuilder, key: Qt.Key | None
) -> None:
    builder.runs(4)
    for number, at in ((100, NOW), (101, NOW - 2 * 3600)):
        builder.task(f"{number:032x}", at=at)
        builder.failed(f"{number:032x}", at=at)
    window = make_window(qtbot, builder, (OverviewPage, TasksPage))
    draw_frame(window, builder)
    card = overview(window).cards["failed"]
    assert card.value == "1"
    if key is None:
        qtbot.mouseClick(card, Qt.MouseButton.LeftButton)
    else:
        card.setFocus(Qt.FocusReason.TabFocusReason)
        qtbot.keyClick(card, key)
    page = tasks(window)
    assert page.filter_bar.checked_facets == {"failed"}
    assert [run.task_id for run in page.table.rows_model.row_objects()] == [f"{100:032x}"]


@pytest.mark.parametrize(
    ("card", "page"), [("queue", "tasks"), ("workers", "monitoring"), ("noise", "metrics")]
)
def test_every_card_leads_to_what_it_counts(
    qtbot: QtBot, builder: StateBuilder, card: str, page: str
) -> None:
    pages = (OverviewPage, TasksPage, MonitoringPage, MetricsPage)
    window = make_window(qtbot, builder, pages)
    qtbot.mouseClick(overview(window).cards[card], Qt.MouseButton.LeftButton)
    assert window.current is not None
    assert window.current.key == page


def _waits(builder: StateBuilder, count: int, task: str, wait_s: float, until: float) -> None:
    for number in range(count):
        task_id, at = f"{task}-{until}-{number}", until - number
        builder.task(task_id, task, at=at - wait_s - 0.5)
        builder.started(task_id, at=at - 0.5)
        builder.succeeded(task_id, 0.5, at=at)


def test_the_chart_of_waits_shows_since_when_tasks_wait_longer(
    qtbot: QtBot, builder: StateBuilder
) -> None:
    _waits(builder, 900, "slow_task", 1.0, NOW - 900)
    _waits(builder, 900, "slow_task", 8.0, NOW)
    _waits(builder, 60, "other_task", 0.1, NOW)
    window = make_window(qtbot, builder, (OverviewPage,))
    window.resize(1440, 900)
    draw_frame(window, builder)
    charts = overview(window).run_charts
    assert charts.waits.isVisible()
    assert charts.throughput.isVisible()
    assert not charts.tabs.isVisible()
    qtbot.waitUntil(lambda: not charts.waits.empty)

    def p50() -> tuple[float, float]:
        times, values = charts.waits.curve("p50").line.getData()
        known = np.isfinite(values)
        before = known & (times < NOW - 960)
        after = known & (times > NOW - 840)
        return float(np.median(values[before])), float(np.median(values[after]))

    qtbot.waitUntil(lambda: p50() == pytest.approx((1.0, 8.0), rel=0.01))
    charts.tasks.setCurrentIndex(charts.tasks.findData("other_task"))
    qtbot.waitUntil(
        lambda: np.nanmax(charts.waits.curve("p50").line.getData()[1]) == pytest.approx(0.1)
    )


def test_a_short_page_shows_one_row_of_charts_at_a_time(
    qtbot: QtBot, builder: StateBuilder
) -> None:
    builder.runs(30)
    window = make_window(qtbot, builder, (OverviewPage,))
    window.resize(1024, 640)
    draw_frame(window, builder)
    charts = overview(window).run_charts
    assert charts.tabs.isVisible()
    assert charts.throughput.isVisible()
    assert not charts.durations.isVisible()
    charts.tabs.setCurrentIndex(1)
    assert charts.durations.isVisible()
    assert not charts.throughput.isVisible()
    qtbot.waitUntil(lambda: not charts.durations.empty)


def test_a_click_on_an_outcome_filters_by_the_task_of_the_charts(
    qtbot: QtBot, builder: StateBuilder
) -> None:
    _waits(builder, 5, "slow_task", 1.0, NOW)
    _waits(builder, 5, "other_task", 1.0, NOW)
    window = make_window(qtbot, builder, (OverviewPage, TasksPage))
    draw_frame(window, builder)
    charts = overview(window).run_charts
    charts.tasks.setCurrentIndex(charts.tasks.findData("other_task"))
    charts.throughput.series_chosen.emit("succeeded")
    assert tasks(window).filter_bar.text == "task=other_task"
    assert tasks(window).filter_bar.checked_facets == {"succeeded"}


def test_the_charts_are_drawn_at_once_when_the_page_is_shown_again(
    qtbot: QtBot, builder: StateBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "_FREE_S", -1.0)
    # Drawn once, it is not due again for hours.
    monkeypatch.setattr(overview_page, "CHART_SHARE", 1e-9)
    builder.runs(8)
    window = make_window(qtbot, builder, (OverviewPage, TasksPage))
    draw_frame(window, builder)
    page = overview(window)
    before = page.run_charts.throughput.visible_time_range[1]
    window.show_page("tasks")
    builder.at += 660
    draw_frame(window, builder)
    window.show_page("overview")
    for chart in (page.run_charts.throughput, page.run_charts.durations):
        qtbot.waitUntil(lambda chart=chart: not chart.redraw_pending)  # type: ignore[misc]
        assert chart.visible_time_range[1] >= before + 660


def test_the_charts_of_runs_sort_and_compute_only_what_they_draw(
    builder: StateBuilder, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    sorted_times: list[CountedTimes] = []
    quantiles: set[float] = set()
    quantiles_of = run_series.quantiles_of

    def sort(times: FloatArray) -> CountedTimes:
        sorted_times.append(CountedTimes(times))
        return sorted_times[-1]

    def compute(sample: FloatArray, asked: Sequence[float]) -> list[float]:
        quantiles.update(asked)
        return quantiles_of(sample, asked)

    def task_times(*_range: object) -> None:
        pytest.fail("computes percentiles of every task")

    _waits(builder, 400, "slow_task", 1.0, NOW)
    window = make_window(qtbot, builder, (OverviewPage,))
    monkeypatch.setattr(run_series, "CountedTimes", sort)
    monkeypatch.setattr(run_series, "quantiles_of", compute)
    monkeypatch.setattr(run_series.RunColumns, "task_times", task_times)
    monkeypatch.setattr(run_series, "_MIN_FOR_QUANTILE", dict.fromkeys(run_series.QUANTILES, 1))
    window.resize(1440, 900)
    charts = overview(window).run_charts
    charts.outdated.emit()
    draw_frame(window, builder)
    sorted_times.clear()
    quantiles.clear()
    charts.outdated.emit()
    assert len(sorted_times) == 2  # of those that succeeded, and those that failed
    assert quantiles == {0.5, 0.95}


def test_throughput_does_not_wait_for_the_charts_of_times(
    builder: StateBuilder, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []

    def draw_times(*_range: object) -> None:
        drawn.append("times")
        began = time.perf_counter()
        while time.perf_counter() - began < 0.2:
            pass

    monkeypatch.setattr(RunCharts, "update_throughput", lambda *_: drawn.append("throughput"))
    monkeypatch.setattr(RunCharts, "update_times", draw_times)
    monkeypatch.setattr(throttle, "_FREE_S", 0.1)
    builder.runs(8)
    window = make_window(qtbot, builder, (OverviewPage,))
    draw_frame(window, builder)
    drawn.clear()
    for number in range(5):
        _waits(builder, 1, f"task {number}", 1.0, builder.at + 2)
        draw_frame(window, builder, 2.0)
    assert drawn == ["throughput"] * 5


def test_the_plots_of_wait_and_run_time_are_equally_high_at_every_width(qtbot: QtBot) -> None:
    charts = RunCharts(SystemState().runs)
    qtbot.addWidget(charts)
    charts.resize(400, 420)
    charts.show()
    headers = set()
    for width in (*range(300, 900, 23), *range(900, 300, -23)):
        charts.resize(width, 420)
        QApplication.processEvents()
        waits, durations = charts.waits.plot, charts.durations.plot
        assert waits.height() == durations.height(), width
        headers.add(waits.y())
    assert len(headers) == 2, "legends beside the title, and below it"


def test_cards_of_a_live_range_count_whole_seconds(qtbot: QtBot, builder: StateBuilder) -> None:
    builder.runs(2)
    window = make_window(qtbot, builder, (OverviewPage,))
    window.time.set_range(since(NOW - 149.613))
    draw_frame(window, builder, 0.0)
    assert overview(window).cards["success"].title == "Success rate, 2 min 30 s"


def test_in_the_past_the_topics_say_that_they_are_as_of_now(
    qtbot: QtBot, builder: StateBuilder
) -> None:
    builder.runs(2)
    window = make_window(qtbot, builder, (OverviewPage,))
    window.resize(1024, 640)
    for time_range, note in ((fixed(NOW - 900, NOW - 600), "as of now"), (last(900), "events")):
        window.time.set_range(time_range)
        draw_frame(window, builder, 2.0)
        shown = [each.text() for each in window.findChildren(QLabel) if each.isVisible()]
        at = shown.index("Event topics")
        assert any(each.startswith(note) for each in shown[at : at + 2])
