"""An empty table says which part of the filter matches nothing."""

from functools import partial

from pytestqt.qtbot import QtBot

from pulse_desktop.model.history_extent import HistoryExtent
from pulse_desktop.model.time_range import fixed
from pulse_desktop.ui.pages.overview.page import OverviewPage
from pulse_desktop.ui.pages.tasks.groups_page import GroupsPage
from pulse_desktop.ui.pages.tasks.runs_page import RunsPage
from pulse_desktop.ui.widgets.empty_state import EmptyState
from tests.kit.state_builder import NOW
from tests.ui.page_harness import PageHarness
from tests.ui.query.test_query_field import ids
from tests.ui.tables import note_text, note_title
from tests.unit.state.state_builders import run_update, task_message


def test_the_reason_is_said(qtbot: QtBot, page: RunsPage) -> None:
    table = page.table

    def is_said(reason: str) -> bool:
        return reason in note_text(table)

    cases: tuple[tuple[str, tuple[str, ...], str], ...] = (
        ("langauge=pl", (), "Nothing has “langauge”. Did you mean “language”?"),
        ("LANGUAGE=pl", (), "Nothing has “LANGUAGE”. Did you mean “language”?"),
        ("language=pll", (), "Nothing matches language=pll. There is “pl”."),
        ("state:failed LANGUAGE=pl", (), "Nothing has “LANGUAGE”. Did you mean “language”?"),
        ("nowhere", (), "Nothing contains “nowhere”."),
        ("state:failed ran>1h", (), "Without ran>1h there are 4 rows."),
        ("ran>2s", ("failed",), "Without state:failed there are 3 rows."),
    )
    for query, facets, reason in cases:
        page.filter_bar.set_filter(facets, query)
        assert ids(page) == []
        qtbot.waitUntil(partial(is_said, reason))
        assert note_title(table) == "Nothing matches"
        assert note_text(table).startswith("None of 12 rows matches the filter.")


def test_a_time_range_that_hides_rows_is_named(qtbot: QtBot, page: RunsPage) -> None:
    page.filter_bar.set_filter((), "language=uk")
    page.context.time.set_range(fixed(NOW - 7200, NOW - 3600))
    page.on_time_range(page.now)
    table = page.table
    qtbot.waitUntil(lambda: "Without the time range there are 4 rows." in note_text(table))


def test_rows_that_are_read_from_history_meanwhile_are_looked_at(
    qtbot: QtBot, page: RunsPage, harness: PageHarness
) -> None:
    table, session = page.table, harness.session
    session.history_extent = HistoryExtent(17_700, 45_947, NOW - 60, is_reading=True)
    page.filter_bar.set_filter((), "language=pl task:prune")
    qtbot.waitUntil(lambda: "Nothing matches task:prune." in note_text(table))
    assert "Looked at" not in note_text(table)
    assert "Reading history: 17,700 of 45,947 messages, back to" in note_text(table)
    run = run_update(task_message(NOW - 900, "f" * 32, "prune"))
    harness.builder.state.runs.put(run, older=True)
    harness.update(page)
    qtbot.waitUntil(lambda: "Without language=pl there is 1 row." in note_text(table))
    session.history_extent = HistoryExtent(45_947, 45_947, NOW - 900)
    qtbot.waitUntil(lambda: "Reading" not in note_text(table))


def test_the_reason_goes_with_the_filter(qtbot: QtBot, page: RunsPage) -> None:
    table = page.table
    page.filter_bar.set_filter((), "nowhere")
    qtbot.waitUntil(lambda: "nowhere" in note_text(table))
    page.filter_bar.set_filter((), "elsewhere")
    qtbot.waitUntil(lambda: "elsewhere" in note_text(table))
    assert "nowhere" not in note_text(table)
    page.filter_bar.clear()
    assert note_text(table) == ""
    assert len(ids(page)) == 12


def test_a_time_range_alone_is_named_and_left_with_the_button(qtbot: QtBot, page: RunsPage) -> None:
    table, time = page.table, page.context.time
    time.set_range(fixed(NOW - 7200, NOW - 3600))
    page.on_time_range(page.now)
    assert (ids(page), note_title(table)) == ([], "Nothing in the time range")
    assert note_text(table).startswith("Time range: ")
    assert note_text(table).endswith(". Retained in all: 12 runs.")
    button = table.viewport().findChildren(EmptyState)[0].button
    assert button.text() == "Show all retained"
    button.click()
    assert not time.range.limits_rows
    page.on_time_range(page.now)
    assert len(ids(page)) == 12
    page.filter_bar.set_filter((), "nowhere")
    qtbot.waitUntil(lambda: "nowhere" in note_text(table))
    assert (note_title(table), button.text()) == ("Nothing matches", "Clear filter")
    button.click()
    assert len(ids(page)) == 12


def test_groups_without_a_failure_in_the_time_range_are_counted(harness: PageHarness) -> None:
    builder = harness.builder
    page = harness.open(GroupsPage)
    harness.update(page)
    assert note_title(page.table) == "No failures"
    for number in range(3):
        builder.task(f"{number:032x}", "prune", at=NOW - 60)
        builder.failed(f"{number:032x}", "ValueError", "no", NOW - 50)
    page.context.time.set_range(fixed(NOW - 7200, NOW - 3600))
    page.on_time_range(NOW)
    harness.update(page)
    assert note_title(page.table) == "Nothing in the time range"
    assert note_text(page.table).endswith(". Retained in all: 1 group.")


def test_the_latest_runs_name_the_time_range(harness: PageHarness) -> None:
    harness.builder.runs(3)
    page = harness.open(OverviewPage)
    page.context.time.set_range(fixed(NOW - 7200, NOW - 3600))
    page.on_time_range(NOW)
    assert note_title(page.latest) == "Nothing in the time range"
    page.latest.viewport().findChildren(EmptyState)[0].button.click()
    page.on_time_range(NOW)
    assert page.latest.rows_model.shown_count == 3
