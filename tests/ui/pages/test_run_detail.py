"""The details of a run: overview, error, tabs, events and log."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import QItemSelectionModel, Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from pulse_desktop.state.event_search import MAX_EVENTS, SLICE
from pulse_desktop.state.related_runs import Relation
from pulse_desktop.state.run import TaskRun
from pulse_desktop.text.error_report import LineKind, ReportLine
from pulse_desktop.ui.lineage.section_table import SectionTable
from pulse_desktop.ui.navigation import FilterPage, ShowItem, ShowRun
from pulse_desktop.ui.pages.tasks.detail import ARGUMENTS, ERROR, EVENTS, LOG, OVERVIEW, RunDetail
from pulse_desktop.ui.pages.tasks.page import TasksPage
from pulse_desktop.ui.pages.tasks.report_text import ReportText
from pulse_desktop.ui.pages.tasks.runs_page import RunsPage
from pulse_desktop.ui.table.live_table import LiveTable
from tests.kit.labelled_tasks import task
from tests.kit.state_builder import NOW, WORKER, StateBuilder
from tests.ui.page_harness import PageHarness
from tests.ui.window_builder import draw_frame, make_window

RUN = "f" * 32
MESSAGE = "2147719036.5"


@pytest.fixture
def builder(harness: PageHarness) -> StateBuilder:
    builder = harness.builder
    builder.runs(3)
    builder.task("parent")
    labelled(builder, RUN, "extract_knowledge", [[MESSAGE]], parent_task_id="parent")
    for attempt, retried in ((1, True), (2, False)):
        builder.started(RUN, NOW + attempt, attempt)
        builder.failed(
            RUN, at=NOW + attempt + 0.5, attempt=attempt, will_retry=retried, worker=WORKER
        )
    labelled(builder, "again", "extract_knowledge", [[MESSAGE]], rerun_of=RUN)
    return builder


def labelled(
    builder: StateBuilder, task_id: str, name: str, args: list[object], **labels: object
) -> None:
    builder.state.fold([task(task_id, name, args, builder.at, **labels)])


@pytest.fixture
def opened(
    harness: PageHarness, builder: StateBuilder
) -> Callable[[str, int], tuple[RunsPage, RunDetail]]:
    page = harness.open(TasksPage).runs

    def open_run(task_id: str, tab: int) -> tuple[RunsPage, RunDetail]:
        harness.update(page, builder.at)
        page.navigate(ShowRun(task_id))
        page.detail.tabs.setCurrentIndex(tab)
        harness.update(page, builder.at)
        return page, page.detail

    return open_run


Opened = Callable[[str, int], tuple[RunsPage, RunDetail]]


def cells(table: SectionTable[Any], key: str) -> list[str]:
    model = table.rows_model
    number = next(n for n, column in enumerate(model.columns) if column.key == key)
    return [str(model.index(row, number).data()) for row in range(model.shown_count)]


def test_the_overview_shows_attempts_and_related_runs(opened: Opened) -> None:
    _page, detail = opened(RUN, OVERVIEW)
    overview = detail.overview
    assert cells(overview.attempts, "outcome") == ["↻ failed, retried", "✖ failed"]
    assert cells(overview.attempts, "error") == ["ProviderTimeout: no answer"] * 2
    assert cells(overview.related, "relation") == ["parent", "re-run"]
    assert cells(overview.related, "state")[1] == "◌ queued"
    assert overview.note("history").startswith("This run: 1.00 s") or (
        overview.note("history") == "No other run of this task has ended yet."
    )


def test_rows_of_the_overview_lead_to_runs_workers_and_messages(
    opened: Opened, harness: PageHarness
) -> None:
    _page, detail = opened(RUN, OVERVIEW)
    overview = detail.overview
    for table in (overview.related, overview.attempts, overview.items):
        index = table.rows_model.index(0, 0)
        table.setCurrentIndex(index)
        table.row_activated.emit(table.current_row())
    assert harness.targets == [
        ShowRun("parent"),
        ShowItem("monitoring", WORKER),
        ShowItem("messages", MESSAGE),
    ]
    detail.header.worker_button.click()
    assert harness.targets[-1] == ShowItem("monitoring", WORKER)


def test_a_finding_of_a_run_leads_to_the_page_of_knowledge(
    opened: Opened, harness: PageHarness, builder: StateBuilder
) -> None:
    atom = {"atom_id": "atom-7", "atom_title": "Friday", "atom_type": "decision", "task_id": RUN}
    builder.event("knowledge", "knowledge.atom_created", atom)
    _page, detail = opened(RUN, OVERVIEW)
    items = detail.overview.items
    assert cells(items, "text") == [f"message {MESSAGE}: its text is unknown", "Friday"]
    items.row_chosen.emit(items.rows()[1])
    assert harness.targets == [FilterPage("knowledge", "atom-7")]


def test_children_that_arrive_later_are_shown(
    opened: Opened, harness: PageHarness, builder: StateBuilder
) -> None:
    page, detail = opened("parent", OVERVIEW)
    assert cells(detail.overview.related, "relation") == ["child"]
    labelled(builder, "late", "m:f", [], parent_task_id="parent")
    builder.at += 5
    harness.update(page, builder.at)
    assert cells(detail.overview.related, "relation") == ["child", "child"]


def test_children_that_are_not_listed_are_a_click_away(
    opened: Opened, harness: PageHarness, builder: StateBuilder
) -> None:
    for number in range(70):
        labelled(builder, f"child-{number}", "m:f", [], parent_task_id=RUN)
    page, detail = opened(RUN, OVERVIEW)
    overview = detail.overview
    assert overview.note("related") == "20 more children not listed"
    link = overview.all_links[Relation.CHILD]
    assert link.full_text == "Show all 70 children"
    assert not overview.all_links[Relation.RERUN].isVisibleTo(overview)
    link.click()
    (target,) = harness.targets
    page.navigate(target)
    shown = {run.task_id for run in page.table.rows_model.row_objects()}
    assert shown == {f"child-{number}" for number in range(70)}


def test_a_link_to_a_run_keeps_the_filter_or_offers_it_again(opened: Opened) -> None:
    page, detail = opened(RUN, OVERVIEW)

    def offers_former() -> bool:
        return not page.filter_bar.notice.back_button.isHidden()

    page.filter_bar.set_filter((), "task:*")
    page.navigate(ShowRun("parent"))
    assert page.filter_bar.text == "task:*"
    assert not offers_former()
    page.filter_bar.set_filter(("failed",), "task=extract_knowledge")
    page.navigate(ShowRun("parent"))
    assert detail.run is not None
    assert detail.run.task_id == "parent"
    assert [run.task_id for run in page.table.selected_rows()] == ["parent"]
    assert offers_former()
    page.filter_bar.notice.back_button.click()
    assert page.filter_bar.text == "task=extract_knowledge"
    assert page.filter_bar.checked_facets == {"failed"}


def test_the_way_of_a_message_is_shown_for_a_run_about_one(qtbot: QtBot, opened: Opened) -> None:
    _page, detail = opened(RUN, OVERVIEW)
    path = detail.overview.path
    qtbot.waitUntil(lambda: path.path.is_complete)
    assert [step.task_id for step in path.path.steps] == ["", RUN, "again", "", ""]
    assert path.summary.text() == "ingest · → extract ✖ → extract ◌ → score · → embed ·"


def test_the_tab_of_errors_is_for_runs_with_an_error_only(opened: Opened) -> None:
    page, detail = opened(RUN, ERROR)
    assert detail.tabs.isTabVisible(ERROR)
    page.navigate(ShowRun("parent"))
    assert not detail.tabs.isTabVisible(ERROR)
    assert detail.tabs.currentIndex() == ARGUMENTS


def test_the_kind_of_tab_is_remembered(opened: Opened) -> None:
    page, detail = opened("parent", LOG)
    detail.tabs.tabBarClicked.emit(LOG)
    page.navigate(ShowRun(RUN))
    assert detail.tabs.currentIndex() == ERROR
    page.navigate(ShowRun(f"{1:032x}"))
    assert detail.tabs.currentIndex() == LOG
    assert not detail.tabs.isTabVisible(ERROR)


def test_an_error_is_searched_unfolded_and_copied_whole(
    qtbot: QtBot, opened: Opened, builder: StateBuilder
) -> None:
    frames = "".join(
        f'  File "/usr/lib/python3.11/{name}.py", line 4, in call\n    step()\n'
        for name in ("alpha", "beta")
    )
    own = '  File "/srv/shop/tasks.py", line 9, in pay\n    call()\n'
    traceback = f"Traceback (most recent call last):\n{own}{frames}ValueError: no money"
    builder.task("e" * 32, "shop.tasks:pay")
    builder.failed(
        "e" * 32, error={"type": "ValueError", "message": "no money", "traceback": traceback}
    )
    _page, detail = opened("e" * 32, ERROR)
    error = detail.error
    assert "alpha:call" not in error.traceback.toPlainText()
    error.library_frames.click()
    assert "alpha:call  line 4" in error.traceback.toPlainText()
    error.find_button.click()
    qtbot.keyClicks(error.search.field, "CALL")
    qtbot.keyClick(error.search.field, Qt.Key.Key_Return)
    assert error.search.summary == "1 of 3"
    assert error.traceback.textCursor().selectedText() == "call"
    error.as_sent.click()
    assert error.traceback.toPlainText() == traceback
    error.copy_all.click()
    assert QApplication.clipboard().text() == traceback


def test_an_event_opens_below_the_table_and_closes_again(opened: Opened) -> None:
    _page, detail = opened(RUN, EVENTS)
    view = detail.events
    assert view.json.isHidden()
    view.table.setCurrentIndex(view.table.rows_model.index(0, 0))
    view.table.row_activated.emit(view.table.current_row())
    assert not view.json.isHidden()
    view.table.row_activated.emit(view.table.current_row())
    assert view.json.isHidden()


def select(table: LiveTable[Any], row: int) -> None:
    flags = QItemSelectionModel.SelectionFlag
    index = table.rows_model.index(row, 0)
    table.selectionModel().setCurrentIndex(index, flags.ClearAndSelect | flags.Rows)


@pytest.fixture
def running(builder: StateBuilder) -> str:
    """Return the id of a run that has published sixty events since it began."""
    task_id = "e" * 32
    builder.task(task_id)
    builder.started(task_id)
    for number in range(60):
        builder.progress(task_id, done=number)
    return task_id


def test_an_event_stays_selected_while_others_arrive(
    qtbot: QtBot, opened: Opened, harness: PageHarness, builder: StateBuilder, running: str
) -> None:
    page, detail = opened(running, EVENTS)
    table = detail.events.table
    qtbot.waitUntil(lambda: detail.tabs.tabText(EVENTS) == "Events 62")
    select(table, 3)
    event = table.current_row()
    assert event is not None
    place = table.visualRect(table.currentIndex()).top()
    builder.progress(running, done=60)
    harness.update(page, builder.at)
    qtbot.waitUntil(lambda: detail.tabs.tabText(EVENTS) == "Events 63")
    assert table.current_row() is event
    assert table.selected_rows() == [event]
    assert table.currentIndex().row() == 4
    assert table.visualRect(table.currentIndex()).top() == place


def test_the_tab_counts_also_the_events_that_are_not_listed(
    qtbot: QtBot, opened: Opened, builder: StateBuilder, running: str
) -> None:
    page, detail = opened(running, EVENTS)
    qtbot.waitUntil(lambda: detail.tabs.tabText(EVENTS) == "Events 62")
    assert detail.events.note.isHidden()
    page.navigate(ShowRun(RUN))
    for number in range(MAX_EVENTS):
        builder.progress(running, done=number)
    _page, detail = opened(running, EVENTS)
    qtbot.waitUntil(lambda: detail.tabs.tabText(EVENTS) == "Events 562")
    assert detail.events.table.rows_model.shown_count == MAX_EVENTS + 2
    assert not detail.events.note.isHidden()
    assert detail.events.note.text() == "The latest 500 of each type are listed."


def test_rows_of_the_overview_stay_selected_while_others_arrive(
    opened: Opened, harness: PageHarness, builder: StateBuilder
) -> None:
    page, detail = opened(RUN, OVERVIEW)
    overview = detail.overview
    select(overview.attempts, 1)
    select(overview.related, 1)
    select(overview.items, 0)
    labelled(builder, "a-child", "m:f", [], parent_task_id=RUN)
    builder.started(RUN, NOW + 9, 3)
    atom = {"atom_id": "atom-7", "atom_title": "Friday", "atom_type": "decision", "task_id": RUN}
    builder.event("knowledge", "knowledge.atom_created", atom)
    builder.at += 5
    harness.update(page, builder.at)
    assert len(overview.attempts.rows()) == 3
    assert [row.attempt.number for row in overview.attempts.selected_rows()] == [2]
    assert [row.task_id for row in overview.related.rows()] == ["parent", "a-child", "again"]
    assert [row.task_id for row in overview.related.selected_rows()] == ["again"]
    assert overview.related.currentIndex().row() == 2
    assert len(overview.items.rows()) == 2
    assert [row.id for row in overview.items.selected_rows()] == [MESSAGE]


def test_a_stage_of_a_message_stays_selected_while_others_are_found(
    qtbot: QtBot, opened: Opened, harness: PageHarness, builder: StateBuilder
) -> None:
    page, detail = opened(RUN, OVERVIEW)
    path = detail.overview.path
    qtbot.waitUntil(lambda: path.path.is_complete)
    select(path.table, 3)
    assert path.table.rows()[3].task_id == ""
    stages = path.table.rows()[3].stages
    labelled(builder, "third", "extract_knowledge", [[MESSAGE]], rerun_of=RUN)
    builder.at += 5
    harness.update(page, builder.at)
    qtbot.waitUntil(lambda: len(path.table.rows()) == 6)
    (step,) = path.table.selected_rows()
    assert step.stages == stages


def test_events_of_a_long_history_are_found_in_slices(
    qtbot: QtBot, opened: Opened, builder: StateBuilder
) -> None:
    for number in range(SLICE // 2 + 10):
        builder.progress("other", done=number)
        builder.progress("another", done=number)
    _page, detail = opened(RUN, EVENTS)
    qtbot.waitUntil(lambda: detail.tabs.tabText(EVENTS) == "Events 6")


def test_log_lines_are_colored_by_level_and_searched(
    qtbot: QtBot, opened: Opened, builder: StateBuilder
) -> None:
    lines = [{"level": "INFO", "logger": "m", "text": "begin"}]
    lines += [{"level": "ERROR", "logger": "m", "text": "gave up"}]
    builder.event("tasks", "task.log", {"task_id": RUN, "attempt": 1, "first": 1, "lines": lines})
    _page, detail = opened(RUN, LOG)
    assert "INFO  m: begin" in detail.log.text.toPlainText()
    block = detail.log.text.document().findBlockByNumber(1)
    assert block.layout().formats()
    qtbot.keyClicks(detail.log.search.field, "gave")
    qtbot.waitUntil(lambda: detail.log.search.summary == "1")


def test_the_run_of_the_panel_is_the_one_opened(opened: Opened) -> None:
    _page, detail = opened(RUN, OVERVIEW)
    assert isinstance(detail.run, TaskRun)
    assert detail.run.task_id == RUN


def test_wrapped_lines_of_a_report_leave_nothing_beside_it(qtbot: QtBot) -> None:
    report = ReportText()
    qtbot.addWidget(report)
    report.resize(240, 160)
    with qtbot.waitExposed(report):
        report.show()
    lines = ['  File "/srv/app/tasks.py", line 5', f"    call({'x' * 400})   "]
    report.show_lines([ReportLine(LineKind.RAW, line) for line in lines])
    bar = report.horizontalScrollBar()
    assert not bar.isVisible(), "lines are wrapped at first"
    report.set_wrap(wrap=False)
    qtbot.waitUntil(bar.isVisible)
    report.set_wrap(wrap=True)
    qtbot.waitUntil(lambda: not bar.isVisible())
    assert report.document().size().height() > len(lines)


@pytest.mark.parametrize("size", [(1024, 640), (1064, 660), (1440, 900)])
def test_nothing_covers_a_long_reason(
    harness: PageHarness, builder: StateBuilder, qtbot: QtBot, size: tuple[int, int]
) -> None:
    text = "the model refused the request; " * 60
    error = {"type": "ProviderRefusedError", "message": text, "traceback": ""}
    data = {"task_id": "long", "attempt": 1, "will_retry": False, "error": error}
    builder.task("long")
    builder.event("tasks", "task.failed", data, builder.at)
    window = make_window(qtbot, builder, (TasksPage,))
    window.resize(*size)
    window.navigate(ShowRun("long"))
    draw_frame(window, builder, 1.0)
    tasks = window.page("tasks")
    assert isinstance(tasks, TasksPage)
    view = tasks.runs.detail.error
    view.find_button.click()
    qtbot.waitUntil(view.search.isVisible)
    QApplication.sendPostedEvents()
    tools = view.copy_all.parentWidget()
    assert tools is not None
    parts = (view.headline, tools, view.search, view.traceback)
    for above, below in itertools.pairwise(part.geometry() for part in parts):
        assert above.bottom() < below.top()
    assert view.rect().contains(view.traceback.geometry())
    assert view.headline.height() > view.headline.fontMetrics().lineSpacing()


def test_the_overview_of_another_run_starts_at_its_top(
    opened: Opened, harness: PageHarness, builder: StateBuilder, qtbot: QtBot
) -> None:
    page, detail = opened(RUN, OVERVIEW)
    page.resize(1000, 330)
    bar = detail.overview.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() > 20)
    bar.setValue(20)
    harness.update(page, builder.at + 5)
    assert bar.value() == 20, "the same run, later"
    page.navigate(ShowRun("parent"))
    detail.tabs.setCurrentIndex(OVERVIEW)
    assert bar.value() == 0
