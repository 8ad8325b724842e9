"""What the filter shows is exported, and nothing else, with exact values."""

import asyncio
import csv
import json
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QGuiApplication

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.state.serialize import RUN_CELLS, run_to_dict
from pulse_desktop.ui.page.export_action import ExportAction
from pulse_desktop.ui.page.export_button import ExportButton
from pulse_desktop.ui.pages.events import EventsPage
from pulse_desktop.ui.pages.messages.page import MessagesPage
from pulse_desktop.ui.pages.tasks.page import TasksPage
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.common_columns import ago_column, number_column, time_column
from pulse_desktop.ui.table.export import TableExport, column_format
from tests.ui.page_harness import PageHarness
from tests.ui.tables import AnyPage, select_rows


def export(page: AnyPage, path: Path) -> int:
    """Export the page; return the number of rows."""
    model = page.table.rows_model
    while model.filter_pending:
        model.filter_next_slice()
    writing = TableExport(model.snapshot(), model.shown_count, page.export_format(), path)
    asyncio.run(writing.run())
    return writing.written


def send_message(harness: PageHarness, text: str) -> None:
    data = {"id": "m1", "content": text, "author": "Ann"}
    harness.builder.event("messages", "message.new", data)


def objects(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.mark.parametrize(
    ("name", "start"),
    [("x.NDJSON", "{"), ("x.Ndjson", "{"), ("x.CSV", "task_id,"), ("x", "task_id,")],
)
def test_the_ending_chooses_the_format_in_any_case(
    harness: PageHarness, tmp_path: Path, name: str, start: str
) -> None:
    harness.builder.task("a" * 32, "work")
    export(harness.open(TasksPage).runs, tmp_path / name)
    assert (tmp_path / name).read_text("utf-8").startswith(start)


def test_filtered_runs_are_exported_with_exact_values(harness: PageHarness, tmp_path: Path) -> None:
    for number in range(30):
        task = "=cmd()" if number % 2 else "work"
        harness.builder.task(f"{number:032x}", task, text='a,"b"\nc', n=number)
    page = harness.open(TasksPage).runs
    page.filter_bar.set_filter(text="work")
    assert export(page, tmp_path / "runs.ndjson") == 15
    shown = [run_to_dict(run) for run in page.table.rows_model.row_objects()]
    assert objects(tmp_path / "runs.ndjson") == json.loads(json.dumps(shown))
    page.filter_bar.set_filter(text="cmd")
    assert export(page, tmp_path / "runs.csv") == 15
    with (tmp_path / "runs.csv").open(newline="") as file:
        headings, *rows = csv.reader(file)
    assert headings == list(RUN_CELLS)
    assert {row[1] for row in rows} == {"'=cmd()"}
    assert json.loads(rows[0][RUN_CELLS.index("kwargs")])["text"] == 'a,"b"\nc'


def test_rows_are_exported_in_the_order_of_the_table(harness: PageHarness, tmp_path: Path) -> None:
    for number in range(10):
        harness.builder.task(f"{number:032x}", f"work-{(number * 7) % 10}")
    page = harness.open(TasksPage).runs
    page.table.rows_model.set_sort("task")
    export(page, tmp_path / "runs.ndjson")
    names = [each["task_name"] for each in objects(tmp_path / "runs.ndjson")]
    assert names == sorted(str(name) for name in names)


def test_every_page_exports_its_columns(harness: PageHarness, tmp_path: Path) -> None:
    send_message(harness, "hello, world")
    page = harness.open(MessagesPage)
    assert export(page, tmp_path / "messages.csv") == 1
    assert "hello, world" in (tmp_path / "messages.csv").read_text("utf-8")


SOMETIMES: tuple[Column[float | None], ...] = (
    time_column(lambda row: row, "Time", "time"),
    ago_column(lambda row: row, "Age", "age"),
    number_column(lambda row: row, "Number", "number", 80),
    Column("Bars", "bars", lambda _row, _now: "at most 1 per bar", bars=lambda _row: [0, 1]),
    Column("Text", "text", lambda row, _now: "" if row is None else "=cmd()"),
)


def test_columns_are_exported_with_exact_values_and_without_bars(tmp_path: Path) -> None:
    format_ = column_format(SOMETIMES, now=1e9 + 300)
    for name in ("rows.ndjson", "rows.csv"):
        rows = iter([1e9 + 0.0625, None])
        asyncio.run(TableExport(rows, 2, format_, tmp_path / name).run())
    time = "2001-09-09T01:46:40.062500+00:00"
    assert objects(tmp_path / "rows.ndjson") == [
        {"time": time, "age": time, "number": 1e9 + 0.0625, "text": "=cmd()"},
        {"time": None, "age": None, "number": None, "text": ""},
    ]
    assert (tmp_path / "rows.csv").read_text("utf-8").splitlines() == [
        "time,age,number,text",
        f"{time},{time},1000000000.0625,'=cmd()",
        ",,,",
    ]


def test_events_are_exported_with_their_payload(harness: PageHarness, tmp_path: Path) -> None:
    send_message(harness, "hello")
    page = harness.open(EventsPage)
    export(page, tmp_path / "events.ndjson")
    assert objects(tmp_path / "events.ndjson")[0]["data"]


def test_a_folder_that_is_not_writable_is_told(harness: PageHarness, tmp_path: Path) -> None:
    harness.builder.task("a", "work")
    page = harness.open(TasksPage).runs
    with pytest.raises(UserFacingError, match="is not a folder"):
        export(page, tmp_path / "missing" / "runs.csv")


def test_a_cancelled_export_leaves_no_file(harness: PageHarness, tmp_path: Path) -> None:
    for number in range(2_000):
        harness.builder.task(f"{number:032x}", "work", text="x" * 500)
    page = harness.open(TasksPage).runs
    model = page.table.rows_model
    path = tmp_path / "runs.csv"

    async def cancel_after_a_chunk() -> None:
        writing = TableExport(model.snapshot(), 2_000, page.export_format(), path)

        def cancel() -> None:
            task.cancel()

        task = asyncio.ensure_future(writing.run(cancel))
        with pytest.raises(asyncio.CancelledError):
            await task
        assert 0 < writing.written < 2_000

    asyncio.run(cancel_after_a_chunk())
    assert list(tmp_path.iterdir()) == []


def test_rows_are_copied_with_the_titles_of_their_columns(harness: PageHarness) -> None:
    harness.builder.task("a", "work")
    page = harness.open(TasksPage).runs
    select_rows(page, 0)
    assert page.can_copy()
    page.copy_with_headings()
    first, second = QGuiApplication.clipboard().text().split("\n")
    assert first.startswith("State\tTask\t")
    assert "work" in second


def entries_of(page: AnyPage) -> dict[str, QAction]:
    menu = page.export_button.menu_of_formats()
    return {entry.text(): entry for entry in menu.actions() if not entry.isSeparator()}


def test_the_button_offers_files_and_copies_what_is_shown(harness: PageHarness) -> None:
    page = harness.open(TasksPage).runs
    assert not any(entry.isEnabled() for entry in entries_of(page).values())
    for number in range(3):
        harness.builder.task(f"{number:032x}", "work", n=number)
    harness.update(page)
    asked: list[str] = []
    button = ExportButton(page.table, asked.append)
    entries = {entry.text(): entry for entry in button.menu_of_formats().actions()}
    entries["CSV file…"].trigger()
    entries["NDJSON file…"].trigger()
    assert asked == [".csv", ".ndjson"]
    entries["Copy all 3 rows with headings"].trigger()
    headings, *rows = QGuiApplication.clipboard().text().split("\n")
    assert headings.startswith("State\tTask\t")
    assert [("n=2" in row, "n=1" in row, "n=0" in row).index(True) for row in rows] == [0, 1, 2]
    select_rows(page, 1)
    entries_of(page)["Copy the selected row with headings"].trigger()
    assert "n=1" in QGuiApplication.clipboard().text().split("\n")[1]


def test_the_button_is_reached_by_the_keyboard_and_leaves_room(harness: PageHarness) -> None:
    page = harness.open(TasksPage).runs
    button = page.export_button
    assert button.focusPolicy() & Qt.FocusPolicy.TabFocus
    assert button.text() == "Export"
    width = button.width()
    page.resize(700, 500)
    assert (button.text(), button.width() < width) == ("", True)
    assert button.accessibleName() == "Export what is shown"
    page.resize(1200, 760)
    assert (button.text(), button.width()) == ("Export", width)


def test_failure_groups_are_exported_while_they_are_shown(
    harness: PageHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.builder.task("a", "work")
    harness.builder.failed("a")
    page = harness.open(TasksPage)
    page.show_groups()
    asked: list[tuple[str, str]] = []
    monkeypatch.setattr(ExportAction, "choose_file", lambda _self, *about: asked.append(about))
    assert page.can_export()
    page.export()
    assert asked == [("groups", ".csv")]
