"""Every column of the tasks table can show and sort any run."""

from pytestqt.qtbot import QtBot

from pulse_desktop.state.run import Attempt, AttemptResult, Request, RunError, TaskRun
from pulse_desktop.state.run_merge import derive_state
from pulse_desktop.state.short_names import short_name
from pulse_desktop.state.task_schemas import TaskSchemas
from pulse_desktop.text.formats import without_isolates
from pulse_desktop.text.worker_text import worker_name
from pulse_desktop.ui.pages.tasks.columns import latest_columns, run_columns
from pulse_desktop.ui.pages.tasks.runs_page import RunsPage
from pulse_desktop.ui.pages.tasks.task_times import TaskTimesTable
from tests.ui.page_harness import PageHarness

NOW = 1_763_894_400.0


def test_every_column_can_show_and_sort_any_run() -> None:
    result = AttemptResult(NOW + 2, "failed", error=RunError("ValueError", "no such file"))
    known = TaskRun("b" * 32, "app:embed", attempts=(Attempt(1, NOW, "w", result),))
    for run in (derive_state(TaskRun("a" * 32)), derive_state(known)):
        for column in run_columns(short_name, worker_name, TaskSchemas()):
            assert isinstance(column.text(run, NOW), str)
            if column.sort is not None:
                column.sort(run)
            if column.tooltip is not None:
                assert isinstance(column.tooltip(run, NOW), str)


def test_positional_arguments_have_the_names_that_workers_announce() -> None:
    schemas = TaskSchemas()
    properties = {"path": {"type": "string"}, "offset": {"type": "integer"}}
    schemas.apply({"app:ingest": {"args": {"type": "object", "properties": properties}}})
    request = Request(2, 0, "app:ingest", b'["",21,3]', b'{"k":1}', b"{}")
    run = TaskRun("a" * 32, "app:ingest", request=request)
    columns = latest_columns(short_name, schemas)
    arguments = next(each for each in columns if each.key == "arguments")
    assert without_isolates(arguments.text(run, NOW)) == 'path="", offset=21, 3, k=1'
    other = TaskRun("b" * 32, "app:other", request=run.request)
    assert without_isolates(arguments.text(other, NOW)) == '"", 21, 3, k=1'


def test_the_error_stays_in_a_narrow_table_of_failures(harness: PageHarness) -> None:
    harness.builder.task("bad")
    harness.builder.failed("bad")
    page = harness.open(RunsPage)
    layout = page.table.column_layout
    page.table.setFixedWidth(640)
    page.filter_bar.set_filter(text="state:failed")
    layout.fit()
    assert layout.visible_keys == ["state", "task", "arguments", "error"]
    page.filter_bar.set_filter()
    layout.fit()
    assert layout.visible_keys == ["state", "task", "arguments", "queued", "ran"]
    page.filter_bar.set_filter(text="state:failed")
    for width, gone in ((980, set()), (930, {"waited"}), (830, {"waited", "ran"})):
        page.table.setFixedWidth(width)
        layout.fit()
        shown = {"error", "queued", "ran", "waited"} & set(layout.visible_keys)
        assert shown == {"error", "queued", "ran", "waited"} - gone


def test_a_query_is_about_failures_by_what_it_compares(harness: PageHarness) -> None:
    page = harness.open(RunsPage)
    layout = page.table.column_layout
    page.table.setFixedWidth(640)
    for query, is_about in (
        ("state:failed", True),
        ("not state:failed", False),
        ('state:"soft failure"', True),
        ("state!=failed", False),
        ("task:x (state:queued,failed)", True),
        ("-error:timeout", False),
        ("not state!=failed", True),
        ("error_count:3", False),
        ("error:timeout", True),
        ("terror", False),
        ('"state:failed"', False),
    ):
        page.filter_bar.set_filter(text=query)
        assert page.filter_bar.is_valid, query
        layout.fit()
        assert ("error" in layout.visible_keys) is is_about, query


def test_the_name_of_a_task_has_room_beside_its_times(qtbot: QtBot) -> None:
    table = TaskTimesTable(short_name)
    qtbot.addWidget(table)
    for width in (450, 530, 560, 660):
        table.resize(width, 200)
        table.show()
        assert table.view.columnWidth(0) >= 170
