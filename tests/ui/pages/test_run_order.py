"""Runs are shown by the time of their arrival, in whatever order history gives them."""

import msgspec
import pytest
from pytestqt.qtbot import QtBot

from pulse_desktop.protocol.inbound import InboundMessage, Source
from pulse_desktop.protocol.task_message import encode_task
from pulse_desktop.protocol.topics import TASK_SUBJECT
from pulse_desktop.ui.page.page import Page
from pulse_desktop.ui.pages.overview.page import OverviewPage
from pulse_desktop.ui.pages.tasks.page import TasksPage
from pulse_desktop.ui.shell.window import MainWindow
from tests.kit.state_builder import NOW, StateBuilder
from tests.ui.window_builder import draw_frame, make_window

PAGES = (TasksPage, OverviewPage)


def older_task(task_id: str, at: float) -> InboundMessage:
    payload, _headers = encode_task(task_id, "m:f", args=b"[]", kwargs=b"{}")
    message = InboundMessage(Source.TASK, TASK_SUBJECT, payload, at)
    return msgspec.structs.replace(message, older=True)


def read_history(builder: StateBuilder) -> None:
    """Fold results, the newest events, and older messages; an id is the age of its run."""
    for age in (9000, 60, 40, 20):
        builder.stored(str(age), at=NOW - age)
    for age in (50, 30):
        builder.task(str(age), at=NOW - age)
        builder.succeeded(str(age), at=NOW - age + 1)
    builder.succeeded("10", at=NOW - 5)
    builder.state.fold([older_task("10", NOW - 10), older_task("70", NOW - 70)])


def shown_ids(window: MainWindow) -> list[str]:
    assert window.current is not None
    table = window.current.tables()[0]
    return [run.task_id for run in table.rows_model.row_objects()]


@pytest.mark.parametrize("page", PAGES)
def test_runs_from_history_are_in_the_order_of_time_and_live_ones_on_top(
    qtbot: QtBot, page: type[Page]
) -> None:
    builder = StateBuilder()
    window = make_window(qtbot, builder, (page,))
    draw_frame(window, builder)
    read_history(builder)
    for _frame in range(3):
        draw_frame(window, builder, 2.0)
    past = ["10", "20", "30", "40", "50", "60", "70", "9000"]
    assert shown_ids(window) == past
    builder.task("live")
    builder.task("second", at=builder.at + 0.01)
    draw_frame(window, builder, 0.02)
    assert shown_ids(window) == ["second", "live", *past], "at once, without a wait for a sort"
    builder.succeeded("live", at=builder.at + 3)
    builder.stored("unknown", at=NOW - 35)
    builder.state.fold([older_task("99", NOW - 99)])
    draw_frame(window, builder, 3.0)
    past.insert(3, "unknown")
    past.insert(-1, "99")
    assert shown_ids(window) == ["second", "live", *past]


def test_the_order_is_the_same_after_another_sort_and_with_a_filter(qtbot: QtBot) -> None:
    builder = StateBuilder()
    read_history(builder)
    window = make_window(qtbot, builder, PAGES)
    draw_frame(window, builder)
    past = shown_ids(window)
    assert past == ["10", "20", "30", "40", "50", "60", "70", "9000"]
    assert isinstance(window.current, TasksPage)
    page = window.current.runs
    model = page.table.rows_model
    model.set_sort("task")
    model.set_sort("")
    assert shown_ids(window) == past
    assert model.sort_key == ""
    page.filter_bar.set_filter(("succeeded",))
    draw_frame(window, builder, 2.0)
    assert shown_ids(window) == ["10", "30", "50"]
    builder.task("live")
    builder.succeeded("live")
    draw_frame(window, builder, 0.1)
    assert shown_ids(window) == ["live", "10", "30", "50"]


def test_runs_known_first_from_their_results_are_in_the_order_in_which_they_were_enqueued(
    qtbot: QtBot,
) -> None:
    builder = StateBuilder()
    builder.stored("child", at=NOW + 0.3)  # it ended before its parent
    builder.stored("parent", at=NOW + 0.4)
    builder.task("parent", at=NOW)
    builder.task("child", at=NOW + 0.131)
    window = make_window(qtbot, builder, (TasksPage,))
    draw_frame(window, builder, 2.0)
    assert shown_ids(window) == ["child", "parent"]


def test_a_run_between_two_others_moves_to_its_place_within_a_second(qtbot: QtBot) -> None:
    builder = StateBuilder()
    builder.succeeded("late", at=NOW + 0.2)
    builder.task("early", at=NOW + 0.1)
    window = make_window(qtbot, builder, (TasksPage,))
    draw_frame(window, builder, 2.0)
    assert shown_ids(window) == ["late", "early"]
    assert not builder.state.runs.in_order


def test_what_arrives_live_is_in_order_whatever_its_own_time(qtbot: QtBot) -> None:
    builder = StateBuilder()
    window = make_window(qtbot, builder, (TasksPage,))
    builder.runs(3)
    for delay in (0.0, 3600.0, 2.0):
        data = {"task_id": f"late {delay}", "queued_at": NOW - delay}
        builder.event("tasks", "task.queued", data)
    draw_frame(window, builder, 2.0)
    assert shown_ids(window)[:3] == ["late 2.0", "late 3600.0", "late 0.0"]
    assert builder.state.runs.in_order
