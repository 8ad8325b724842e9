"""A Tasks page with runs that differ in state, task and arguments."""

import pytest

from pulse_desktop.ui.pages.tasks.page import TasksPage
from pulse_desktop.ui.pages.tasks.runs_page import RunsPage
from tests.kit.state_builder import NOW
from tests.ui.page_harness import PageHarness

EXTRACT = "app.knowledge:extract_knowledge"
SCORE = "app.scoring:score_message"


@pytest.fixture
def page(harness: PageHarness) -> RunsPage:
    """Return the page with twelve runs: six of each task, four of them failed, the rest done."""
    builder = harness.builder
    for number in range(12):
        at = NOW - 60 + number
        task_id = f"{number:032x}"
        name = EXTRACT if number % 2 else SCORE
        builder.task(task_id, name, [number], at, language="pl" if number % 3 else "uk")
        builder.started(task_id, at + 0.1)
        if number < 4:
            builder.failed(task_id, "ValueError", f"bad language in run {number}", at + 1)
        else:
            builder.succeeded(task_id, run_s=0.25 * number, at=at + 1)
    page = harness.open(TasksPage).runs
    harness.update(page)
    return page
