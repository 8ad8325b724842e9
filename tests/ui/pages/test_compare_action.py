"""Two runs side by side in a window of their own."""

from collections.abc import Coroutine, Iterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from pulse_desktop.protocol.task_result import DecodedResult
from pulse_desktop.state.run_comparison import Section
from pulse_desktop.ui.lineage.comparison_window import ComparisonWindow
from pulse_desktop.ui.navigation import ShowRun
from pulse_desktop.ui.pages.tasks.compare_action import CompareAction
from pulse_desktop.ui.pages.tasks.page import TasksPage
from pulse_desktop.ui.pages.tasks.runs_page import RunsPage
from tests.kit.labelled_tasks import task
from tests.kit.state_builder import NOW, StateBuilder
from tests.ui.fake_session import FakeSession, decoded
from tests.ui.page_harness import PageHarness
from tests.ui.tables import select_rows
from tests.ui.window_builder import draw_frame, make_window, run_at_once


@pytest.fixture
def builder(harness: PageHarness) -> StateBuilder:
    builder = harness.builder
    builder.state.fold(
        [
            task("good", "m:f", [["a", "b"]], NOW - 30, language="en"),
            task("bad", "m:f", [["a", "c"]], NOW - 20, language="pl"),
            task("only", "m:other", [], NOW - 10),
        ]
    )
    builder.succeeded("good", 2.0, NOW - 25)
    builder.failed("bad", "ProviderTimeout", "no answer", NOW - 15, run_s=8.0)
    return builder


@pytest.fixture
def page(harness: PageHarness, builder: StateBuilder) -> Iterator[RunsPage]:
    page = harness.open(TasksPage).runs
    harness.update(page, builder.at)
    yield page
    for each in page.compare_action.windows.copy():
        each.close()


def window(page: RunsPage) -> ComparisonWindow:
    (opened,) = page.compare_action.windows
    return opened


def rows(shown: ComparisonWindow) -> dict[str, tuple[str, str, str]]:
    model = shown.table.rows_model
    found = {}
    for number in range(model.shown_count):
        mark, value, first, second, _change = (
            str(model.index(number, column).data()) for column in range(5)
        )
        found[value] = (mark, first, second)
    return found


def test_one_key_compares_a_run_with_the_last_good_one(qtbot: QtBot, page: RunsPage) -> None:
    page.navigate(ShowRun("bad"))
    page.compare_selected()
    shown = window(page)
    assert shown.summary == "5 differences"
    found = rows(shown)
    assert found["argument [0][1]"] == ("≠ differs", '"c"', '"b"')
    assert found["label language"] == ("≠ differs", '"pl"', '"en"')
    assert found["error type"] == ("− only first", "ProviderTimeout", "")
    assert found["duration"][1:] == ("8.00 s", "2.00 s")
    assert "argument [0][0]" not in found
    shown.only_differences.click()
    assert rows(shown)["argument [0][0]"] == ("= same", '"a"', '"a"')
    qtbot.keyClick(shown, Qt.Key.Key_Escape)
    assert not page.compare_action.windows


def test_two_selected_runs_are_compared_the_later_one_first(
    qtbot: QtBot, page: RunsPage, harness: PageHarness
) -> None:
    select_rows(page, 1, 2)
    assert page.has_one_or_two()
    page.compare_selected()
    shown = window(page)
    first, second = shown.cards
    assert (first.id_button.full_text, second.id_button.full_text) == ("bad", "good")
    second.id_button.click()
    assert harness.targets == [ShowRun("good")]
    shown.copy_button.click()
    copied = QApplication.clipboard().text()
    assert '"mark": "only_first"' in copied


def test_the_whole_values_of_a_row_are_shown_below(page: RunsPage) -> None:
    page.navigate(ShowRun("bad"))
    page.compare_selected()
    shown = window(page)
    number = list(rows(shown)).index("error message")
    shown.table.setCurrentIndex(shown.table.rows_model.index(number, 0))
    assert [field.toPlainText() for field in shown.values] == ["no answer", ""]


def test_the_row_that_is_read_stays_when_more_is_known_and_when_others_are_hidden(
    page: RunsPage,
) -> None:
    page.navigate(ShowRun("bad"))
    page.compare_selected()
    shown = window(page)
    assert shown.comparison is not None
    number = list(rows(shown)).index("error message")
    shown.table.setCurrentIndex(shown.table.rows_model.index(number, 0))
    first = shown.comparison.rows[0]
    more = msgspec.structs.replace(first, path="result.new", section=Section.RESULT)
    known = msgspec.structs.replace(shown.comparison, rows=(more, *shown.comparison.rows))
    shown.show_comparison(known)
    for _twice in range(2):
        current = shown.table.current_row()
        assert current is not None
        assert (current.section, current.first) == (Section.ERROR, "no answer")
        assert [field.toPlainText() for field in shown.values] == ["no answer", ""]
        shown.only_differences.click()


def test_a_run_whose_task_never_succeeded_has_nothing_to_be_compared_with(
    page: RunsPage, harness: PageHarness
) -> None:
    page.navigate(ShowRun("only"))
    page.compare_selected()
    assert not page.compare_action.windows
    assert harness.notifications[-1].title == "Nothing to compare with"
    assert harness.notifications[-1].passes


def test_the_window_is_closed_with_the_connection(qtbot: QtBot, builder: StateBuilder) -> None:
    main = make_window(qtbot, builder, [TasksPage])
    main.navigate(ShowRun("bad"))
    draw_frame(main, builder)
    shown = main.current
    assert isinstance(shown, TasksPage)
    shown.runs.compare_selected()
    opened = window(shown.runs)
    assert opened.isVisible()
    main.set_session(FakeSession(), run_at_once)
    assert not opened.isVisible()


async def test_large_arguments_are_compared_in_a_thread(
    page: RunsPage, builder: StateBuilder
) -> None:
    for number, task_id in enumerate(("large", "larger")):
        values = [list(range(20_000)), number]
        builder.state.fold([task(task_id, "m:f", values, NOW - 9 + number)])
        builder.succeeded(task_id, 1.0, NOW - 5)
    started: list[Coroutine[Any, Any, None]] = []
    context = replace(page.context, run_in_background=lambda _name, work: started.append(work))
    action = CompareAction(context, page)
    runs = [builder.state.runs.get(task_id) for task_id in ("large", "larger")]
    action.compare([run for run in runs if run is not None])
    (opened,) = action.windows
    assert "comparing the arguments" in opened.summary
    (work,) = started
    await work
    assert "argument [1]" in rows(opened)
    opened.close()


def test_results_that_cannot_be_read_are_said(
    page: RunsPage, harness: PageHarness, builder: StateBuilder
) -> None:
    for task_id in ("good", "bad"):
        builder.stored(task_id, at=NOW - 5)
    harness.update(page, builder.at)
    page.navigate(ShowRun("bad"))
    page.compare_selected()
    assert "result not read" in window(page).summary


def test_a_run_whose_unread_result_tells_of_a_failure_is_no_good_run(
    page: RunsPage, harness: PageHarness, builder: StateBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its events say that the run succeeded; a large result is read only when it is asked for."""
    builder.state.fold([task("soft", "m:f", [["a", "b"]], NOW - 24, language="en")])
    builder.succeeded("soft", 2.0, NOW - 22)
    stored = {key: builder.stored(key, at=NOW - 21) for key in ("good", "soft")}
    for each in stored.values():
        builder.state.fold_unread_body(each)
    values = {"good": {"n": 1}, "soft": {"status": "error", "message": "no model"}}

    async def read(task_id: str) -> DecodedResult:
        builder.result(stored[task_id], values[task_id])
        return decoded(values[task_id])

    monkeypatch.setattr(harness.session, "read", read)
    harness.update(page, builder.at)
    page.navigate(ShowRun("bad"))
    page.compare_selected()
    shown = window(page)
    assert [card.id_button.full_text for card in shown.cards] == ["bad", "good"]
    assert "found" not in shown.summary


def test_it_says_if_all_runs_that_ended_well_have_failed_by_their_results(
    page: RunsPage, harness: PageHarness, builder: StateBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = builder.stored("good", at=NOW - 21)
    builder.state.fold_unread_body(stored)

    async def read(_task_id: str) -> DecodedResult:
        value = {"status": "error", "message": "no model"}
        builder.result(stored, value)
        return decoded(value)

    monkeypatch.setattr(harness.session, "read", read)
    harness.update(page, builder.at)
    page.navigate(ShowRun("bad"))
    page.compare_selected()
    assert "no run was found whose stored result is a success too" in window(page).summary
    assert rows(window(page))["state"][2].endswith("soft failure")
