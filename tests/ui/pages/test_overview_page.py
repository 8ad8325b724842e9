"""The overview answers: is everything well, and if not, what needs somebody?"""

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from pulse_desktop.model.queue_status import QueueStatus
from pulse_desktop.state.system import SystemState
from pulse_desktop.text.attention_text import attention_title
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.pages.overview import stats as figures
from pulse_desktop.ui.pages.overview.page import OverviewPage
from pulse_desktop.ui.pages.tasks.page import TasksPage
from pulse_desktop.ui.theme.theme import ThemeChoice, theme
from tests.ui.window_builder import NOW, Told, frame, make_window


@pytest.fixture(autouse=True)
def dark(qapp: QApplication) -> None:
    theme().install(ThemeChoice.DARK)


@pytest.fixture
def told():
    return Told()


def test_what_is_not_known_is_blank_and_says_why() -> None:
    state = SystemState()
    for figure in (
        figures.success_rate(state, NOW),
        figures.failures(state, NOW, ()),
        figures.queue_depth(state, NOW),
        figures.run_times(state, NOW),
        figures.workers(state, NOW),
        figures.noise(state),
    ):
        assert figure.value == ""
        assert figure.detail


def test_the_success_rate_counts_what_ended_within_the_hour(told) -> None:
    told.runs(8)
    told.at = NOW + 1
    told.task("f" * 32)
    told.failed("f" * 32)
    rate = figures.success_rate(told.state, NOW + 2)
    assert (rate.value, rate.detail, rate.color) == ("88.9 %", "8 of 9 runs", SemanticColor.WARNING)
    assert figures.success_rate(told.state, NOW + 7200).value == ""


def test_failures_say_whether_they_are_one_problem_or_many(qtbot: QtBot, told) -> None:
    from pulse_desktop.state.attention import attention_items

    for number, kind in enumerate(["ProviderTimeout"] * 3 + ["ValueError"]):
        told.task(f"{number:032x}")
        told.failed(f"{number:032x}", kind)
    figure = figures.failures(told.state, NOW, attention_items(told.state, NOW))
    assert (figure.value, figure.detail, figure.color) == (
        "4",
        "mostly ProviderTimeout",
        SemanticColor.BAD,
    )


def test_the_queue_tells_the_age_of_its_oldest(told) -> None:
    told.task("a" * 32, at=NOW - 30)
    told.task("b" * 32, at=NOW - 3)
    figure = figures.queue_depth(told.state, NOW)
    assert (figure.value, figure.detail) == ("2", "oldest 30 s")


def test_a_queue_that_can_be_looked_into_is_believed_before_the_runs(told) -> None:
    told.task("a" * 32)
    looked = QueueStatus("jetstream", True, "s", pending=38, ack_pending=4, oldest_at=NOW - 12)
    figure = figures.queue_depth(told.state, NOW, looked)
    assert (figure.value, figure.detail) == ("38", "oldest 12 s · 4 in progress")
    deserted = QueueStatus("jetstream", True, "s", pending=3, consumers=0)
    figure = figures.queue_depth(told.state, NOW, deserted)
    assert (figure.value, figure.detail, figure.color) == (
        "3",
        "no consumers",
        SemanticColor.BAD,
    )


def test_run_times_share_one_unit(told) -> None:
    for number, seconds in enumerate([1.3] * 9 + [4.1]):
        told.task(f"{number:032x}")
        told.succeeded(f"{number:032x}", seconds)
    figure = figures.run_times(told.state, NOW)
    assert (figure.value, figure.detail) == ("1.3 / 4.1 s", "slowest: score_message_task")


def test_workers_that_fell_silent_are_counted(told) -> None:
    beat = {"host": "h", "slots": 10, "busy": 3, "tasks": []}
    told.event("monitoring", "worker.heartbeat", beat | {"worker": "a"}, NOW)
    told.event("monitoring", "worker.heartbeat", beat | {"worker": "b"}, NOW - 60)
    figure = figures.workers(told.state, NOW)
    assert (figure.value, figure.detail, figure.color) == (
        "1 online",
        "1 offline · 3 of 10 slots busy",
        SemanticColor.WARNING,
    )


def test_noise_carries_its_sample(told) -> None:
    told.event("metrics", "metrics:update", {"noiseRatio": 0.185, "sampleSizes": {"noiseRatio": 9}})
    figure = figures.noise(told.state)
    assert (figure.value, figure.detail) == ("18.5 %", "of 9 scored messages")


def test_the_page_shows_runs_at_once_and_opens_one_in_tasks(qtbot: QtBot, told) -> None:
    window = make_window(qtbot, told, (OverviewPage, TasksPage))
    page = window.current
    assert page.latest.rows_model.shown_count == 0
    told.runs(4)
    frame(window, told, 0.03)
    assert page.latest.rows_model.shown_count == 4
    page.latest.row_activated.emit(page.latest.rows_model.row_object(1))
    assert window.current.key == "tasks"
    assert window.current.detail.run.task_id == f"{2:032x}"


def test_a_concern_leads_to_its_runs(qtbot: QtBot, told) -> None:
    told.runs(4)
    told.task("f" * 32)
    told.failed("f" * 32)
    window = make_window(qtbot, told, (OverviewPage, TasksPage))
    rows = [row for row in window.current.attention.rows if not row.isHidden()]
    assert [attention_title(row.item) for row in rows] == ["1 × ProviderTimeout"]
    rows[0].click()
    assert window.current.key == "tasks"
    assert [run.task_id for run in window.current.table.rows_model.row_objects()] == ["f" * 32]


def _fail_in_many_ways(told, count) -> None:
    for number in range(count):
        told.task(
            f"{number:032x}",
            f"pulse_workers.chat.tasks.a_task_with_a_name_{number}:score_message_task",
        )
        told.failed(f"{number:032x}", f"AttachmentUnreadable{chr(65 + number)}Error")


@pytest.mark.parametrize(("count", "shown", "more"), [(3, 3, ""), (9, 3, "and 6 more")])
def test_a_low_page_gives_its_room_to_what_needs_attention(
    qtbot: QtBot, told, count, shown, more
) -> None:
    _fail_in_many_ways(told, count)
    window = make_window(qtbot, told, (OverviewPage,))
    window.resize(1024, 640)
    frame(window, told)
    QApplication.processEvents()
    attention_items = window.current.attention
    rows = [row for row in attention_items.rows if row.isVisible()]
    assert (len(rows), attention_items.more_text) == (shown, more)
    for row in rows:
        room = row.width() - 36 - row.fontMetrics().horizontalAdvance(row.age) - 12
        assert row.tall
        assert row.fontMetrics().horizontalAdvance(attention_title(row.item)) <= room
        assert attention_items.rect().contains(row.geometry())
    free = attention_items.height() - rows[-1].geometry().bottom()
    assert count == shown or free < rows[0].height() + 26, "no line more would fit"
    assert window.current.run_times.isHidden()


def test_a_page_that_is_high_shows_a_few_lines_and_the_run_times(qtbot: QtBot, told) -> None:
    _fail_in_many_ways(told, 9)
    window = make_window(qtbot, told, (OverviewPage,))
    for size in ((1024, 640), (1440, 900)):
        window.resize(*size)
        frame(window, told)
        QApplication.processEvents()
    attention_items = window.current.attention
    rows = [row for row in attention_items.rows if row.isVisible()]
    assert len(rows) == 4
    assert not any(row.tall for row in rows)
    assert attention_items.more_text == "and 5 more"
    assert window.current.run_times.isVisible()


def test_a_topic_says_when_it_last_spoke_or_that_it_never_did(qtbot: QtBot, told) -> None:
    told.runs(2)
    window = make_window(qtbot, told, (OverviewPage,))
    told.at += 5
    frame(window, told)
    topics = window.current.topics.rows
    assert topics["tasks"].ago == "5 s ago"
    assert topics["agents"].silent
    assert topics["agents"].accessibleName() == "agents: no events yet"


def test_what_comes_in_bursts_has_a_rate_for_a_minute(qtbot: QtBot, told) -> None:
    for age in (100, 70, 40, 12):
        told.event("providers", "provider.checked", {"provider": "p"}, at=NOW - age)
    for age in range(50):
        told.event("knowledge", "knowledge.atom_created", {"atom_id": str(age)}, at=NOW - 30)
    window = make_window(qtbot, told, (OverviewPage,))
    frame(window, told)
    topics = window.current.topics.rows
    assert (topics["providers"].rate, topics["providers"].ago) == ("< 0.1/s", "12 s ago")
    assert topics["knowledge"].rate == "0.8/s"
    frame(window, told, 60.0)
    assert topics["knowledge"].rate == "0/s"


def test_a_rate_is_of_the_time_that_is_known(qtbot: QtBot, told) -> None:
    for number in range(10):
        told.event("messages", "message.new", {"id": str(number)}, at=NOW - 10 + number)
    window = make_window(qtbot, told, (OverviewPage,))
    frame(window, told)
    assert window.current.topics.rows["messages"].rate == "1.0/s"


def test_the_throughput_is_drawn_from_the_first_run_on(qtbot: QtBot, told) -> None:
    window = make_window(qtbot, told, (OverviewPage,))
    assert window.current.throughput.empty
    told.runs(20)
    frame(window, told, 150.0)
    qtbot.waitUntil(lambda: not window.current.throughput.empty)
