"""An empty page says what the server refuses, until it can be read."""

from typing import Any

import pytest

from pulse_desktop.ui.page.table_page import TablePage
from pulse_desktop.ui.pages.events import EventsPage
from pulse_desktop.ui.pages.results.page import ResultsPage
from pulse_desktop.ui.pages.tasks.runs_page import RunsPage
from tests.kit.state_builder import NOW
from tests.ui.page_harness import PageHarness
from tests.ui.tables import note_text, note_title

REFUSED = "these credentials may not publish to $JS.API.CONSUMER.CREATE.S.>"


@pytest.mark.parametrize(
    ("kind", "source", "text"),
    [
        (ResultsPage, "results", f"Results: {REFUSED}."),
        (EventsPage, "events", f"Events: {REFUSED}."),
        (RunsPage, "tasks", f"Tasks: {REFUSED}."),
        (ResultsPage, "events", ""),
    ],
)
def test_an_empty_page_says_what_cannot_be_read(
    harness: PageHarness, kind: type[TablePage[Any, Any]], source: str, text: str
) -> None:
    harness.session.unreadable = {source: REFUSED}
    page = harness.open(kind)
    table = page.table
    assert (note_title(table) == "Not everything can be read") is bool(text)
    if text:
        assert note_text(table) == text
        harness.session.unreadable = {}
        harness.update(page, NOW + 5)
        assert note_title(table) == kind.empty_title
