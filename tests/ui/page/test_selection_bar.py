"""The bar above a table: the sort order, and the buttons for the selected rows."""

import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from pulse_desktop.ui.page.selection_bar import SelectionBar, SelectionButton
from pulse_desktop.ui.pages.tasks.runs_page import RunsPage
from tests.kit.state_builder import NOW
from tests.ui.page_harness import PageHarness


@pytest.mark.parametrize(
    ("width", "all_visible", "none_visible"),
    [(900, True, True), (460, True, False), (360, False, False)],
)
def test_buttons_keep_their_width_where_the_bar_is_narrow(
    qtbot: QtBot, width: int, *, all_visible: bool, none_visible: bool
) -> None:
    bar = SelectionBar(
        "R re-runs",
        (
            SelectionButton("Re-run {}".format, "retry", list, primary=True),
            SelectionButton(lambda _count: "Cancel…", "cancelled", list),
        ),
    )
    parent = QWidget()  # a window does not become narrower than its layout
    qtbot.addWidget(parent)
    bar.setParent(parent)
    bar.setGeometry(0, 0, width, bar.height())
    bar.show_selection(4, 15, "")
    parent.show()
    qtbot.waitExposed(parent)
    assert bar.select_all.isVisible() is all_visible
    assert bar.select_none.isVisible() is none_visible
    for button in (*bar.buttons, bar.select_all, bar.select_none):
        assert not button.isVisible() or button.width() >= button.sizeHint().width()


def test_all_rows_can_only_be_selected_while_some_are_not(qtbot: QtBot) -> None:
    bar = SelectionBar("", ())
    qtbot.addWidget(bar)
    bar.resize(900, bar.height())
    bar.show()
    bar.show_selection(15, 15, "")
    assert not bar.select_all.isVisible()
    assert bar.select_none.isVisible()
    bar.show_selection(1, 15, "Last received on top")
    assert not bar.select_none.isVisible()
    assert bar.label.text() == "Last received on top"


@pytest.mark.parametrize(
    ("key", "up", "down"),
    [
        ("error", "Sorted by Error, A–Z", "Sorted by Error, Z–A"),
        ("task", "Sorted by Task, A–Z", "Sorted by Task, Z–A"),
        ("queued", "Sorted by Queued, oldest first", "Sorted by Queued, newest first"),
        ("ran", "Sorted by Duration, smallest first", "Sorted by Duration, largest first"),
        ("state", "Sorted by State", "Sorted by State, reversed"),
    ],
)
def test_the_sort_order_is_told_in_words_of_the_column(
    harness: PageHarness, key: str, up: str, down: str
) -> None:
    harness.builder.task("bad", at=NOW - 2)
    harness.builder.failed("bad", at=NOW - 1)
    page = harness.open(RunsPage)
    harness.update(page)
    assert page.selection_bar is not None
    for descending, text in ((False, up), (True, down)):
        page.table.rows_model.set_sort(key, descending=descending)
        assert page.selection_bar.label.text() == text
