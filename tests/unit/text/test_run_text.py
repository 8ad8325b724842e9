"""The texts about a run: state, arguments, times and timeline events."""

from pulse_desktop.model.run_state import RunState
from pulse_desktop.state.run import TaskRun
from pulse_desktop.text.run_text import (
    STATE_LABELS,
    arguments,
    ran,
    state_tooltip,
    timeline_events,
    waited,
)
from pulse_desktop.ui.pages.tasks.columns import RUN_COLUMNS
from tests.ui.window_builder import NOW, Told

ID = "a" * 32


def _run(told: Told) -> TaskRun:
    run = told.state.runs.get(ID)
    assert run is not None
    return run


def test_every_state_has_a_label_a_unique_glyph_and_a_color() -> None:
    assert set(STATE_LABELS) == set(RunState)
    assert len({glyph for _, glyph, _ in STATE_LABELS.values()}) == len(RunState)


def test_arguments_are_shown_as_a_call() -> None:
    told = Told()
    told.task(ID, args=["export.json"], limit=5, ids=list(range(100)))
    assert arguments(_run(told)) == '"export.json", limit=5, ids=[100]'


def test_wait_and_duration_of_an_open_run_last_until_now() -> None:
    told = Told()
    told.task(ID)
    assert (waited(_run(told), NOW + 2), ran(_run(told), NOW + 2)) == ("2.00 s", "")
    told.started(ID, NOW + 3)
    assert (waited(_run(told), NOW + 9), ran(_run(told), NOW + 4.5)) == ("3.00 s", "1.50 s")


def test_the_timeline_has_an_event_for_every_attempt() -> None:
    told = Told()
    told.task(ID)
    told.started(ID, NOW + 1)
    told.failed(ID, at=NOW + 2, will_retry=True)
    told.started(ID, NOW + 5, attempt=2)
    told.event(
        "tasks", "task.failed", {"task_id": ID, "attempt": 2, "error": {"type": "E"}}, NOW + 6
    )
    words = [event.words for event in timeline_events(_run(told), NOW + 9)]
    assert words[1:] == [
        "started +1.00 s",
        "failed +1.00 s",
        "started again (2) +3.00 s",
        "failed +1.00 s",
    ]


def test_the_timeline_of_an_open_run_ends_with_its_current_state() -> None:
    told = Told()
    told.task(ID)
    told.started(ID, NOW + 1)
    assert timeline_events(_run(told), NOW + 13.3)[-1].words == "running for 12.3 s"


def test_a_run_known_only_by_its_result_has_no_start() -> None:
    told = Told()
    told.succeeded(ID, at=NOW)
    assert [event.words.split()[0] for event in timeline_events(_run(told), NOW)] == ["succeeded"]
    assert arguments(_run(told)) == ""


def test_the_state_tooltip_of_a_failed_run_gives_the_error() -> None:
    told = Told()
    told.task(ID)
    told.failed(ID, "ValueError", "no such file")
    assert state_tooltip(_run(told)).endswith("ValueError: no such file")


def test_every_column_can_show_and_sort_every_run() -> None:
    told = Told()
    told.task(ID)
    told.succeeded("b" * 32)
    for run in told.state.runs.rows:
        for column in RUN_COLUMNS:
            assert isinstance(column.text(run, NOW), str)
            if column.sort is not None:
                column.sort(run)
            if column.tooltip is not None:
                assert isinstance(column.tooltip(run, NOW), str)
