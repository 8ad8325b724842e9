"""An empty table says which part of the filter matches nothing."""

import pytest
from pytestqt.qtbot import QtBot

from pulse_desktop.model.time_range import fixed
from pulse_desktop.ui.pages.tasks.runs_page import RunsPage
from tests.kit.state_builder import NOW
from tests.ui.query.test_query_field import ids


@pytest.mark.parametrize(
    ("query", "facets", "reason"),
    [
        ("langauge=pl", (), "Nothing has “langauge”. Did you mean “language”?"),
        ("language=pll", (), "Nothing matches language=pll. There is “pl”."),
        ("nowhere", (), "Nothing contains “nowhere”."),
        ("state:failed ran>1h", (), "Without ran>1h there are 4 rows."),
        ("ran>2s", ("failed",), "Without state:failed there are 3 rows."),
    ],
)
def test_the_reason_is_said(
    qtbot: QtBot, page: RunsPage, query: str, facets: tuple[str, ...], reason: str
) -> None:
    overlay = page.table.overlay
    page.filter_bar.set_filter(facets, query)
    assert ids(page) == []
    qtbot.waitUntil(lambda: reason in overlay.note_text)
    assert overlay.note_title == "Nothing matches"
    assert overlay.note_text.startswith("None of 12 rows matches the filter.")


def test_a_time_range_that_hides_rows_is_named(qtbot: QtBot, page: RunsPage) -> None:
    page.filter_bar.set_filter((), "language=uk")
    page.context.time.set_range(fixed(NOW - 7200, NOW - 3600))
    page.on_time_range(page.now)
    overlay = page.table.overlay
    qtbot.waitUntil(lambda: "Without the time range there are 4 rows." in overlay.note_text)


def test_the_reason_goes_with_the_filter(qtbot: QtBot, page: RunsPage) -> None:
    overlay = page.table.overlay
    page.filter_bar.set_filter((), "nowhere")
    qtbot.waitUntil(lambda: "nowhere" in overlay.note_text)
    page.filter_bar.set_filter((), "elsewhere")
    qtbot.waitUntil(lambda: "elsewhere" in overlay.note_text)
    assert "nowhere" not in overlay.note_text
    page.filter_bar.clear()
    assert overlay.note_text == ""
    assert len(ids(page)) == 12
