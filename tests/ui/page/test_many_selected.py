"""Many rows are selected: what is only offered looks at the first of them."""

import pytest
from PySide6.QtWidgets import QApplication

from pulse_desktop.ui.pages.tasks import actions, runs_page
from pulse_desktop.ui.pages.tasks.runs_page import RunsPage
from pulse_desktop.ui.table import view
from pulse_desktop.ui.table.model import LiveTableModel
from tests.ui.page_harness import PageHarness


@pytest.fixture
def page(harness: PageHarness) -> RunsPage:
    harness.builder.runs(200)
    return harness.open(RunsPage)


def test_actions_are_offered_by_the_first_selected_runs(
    page: RunsPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs_page, "_LOOKED_AT", 5)
    page.table.selectAll()
    row_object, looked_at = LiveTableModel.row_object, set[int]()

    def look(model: LiveTableModel[object], row: int) -> object:
        looked_at.add(row)
        return row_object(model, row)

    monkeypatch.setattr(LiveTableModel, "row_object", look)
    assert page.likely_actions()[0] is actions.RERUN
    assert page.has_cancellable(), "one of the others may not have ended"
    assert looked_at == set(range(5))
    page.table.clearSelection()
    page.table.selectRow(7)
    assert not page.has_cancellable()


def test_a_copy_of_many_selected_rows_takes_the_first_and_says_so(
    page: RunsPage, harness: PageHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "MAX_COPIED_ROWS", 20)
    page.table.selectAll()
    page.copy_selected()
    lines = QApplication.clipboard().text().splitlines()
    assert len(lines) == 20
    (told,) = harness.notifications
    assert told.title.endswith("of 200 selected rows were copied")
    page.table.clearSelection()
    for row in (3, 1, 2):
        page.table.selectionModel().select(
            page.table.rows_model.index(row, 0),
            page.table.selectionModel().SelectionFlag.Select
            | page.table.selectionModel().SelectionFlag.Rows,
        )
    assert page.table.selected_rows() == [page.table.rows_model.row_object(n) for n in (1, 2, 3)]
    page.copy_selected()
    assert len(harness.notifications) == 1
