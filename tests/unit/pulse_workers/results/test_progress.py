"""Progress reports: their rate over the last seconds, and how often they are published."""

import asyncio
from typing import Any

import pytest
from pulse_workers.results.progress import (
    PUBLISH_INTERVAL_S,
    RATE_WINDOW_S,
    ProgressReport,
    ProgressReports,
    Rate,
)
from taskiq.depends.progress_tracker import TaskProgress, TaskState


def progress(done: Any, total: Any = 100, message: str = "counting") -> TaskProgress[Any]:
    return TaskProgress(
        state=TaskState.STARTED, meta={"done": done, "total": total, "message": message}
    )


def fail(report: ProgressReport) -> None:
    """Fail the test: no report may be published later."""
    pytest.fail(f"unexpected: {report}")


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def published(
    clock: Clock, reports: ProgressReports, *steps: tuple[float, Any]
) -> list[ProgressReport]:
    """Add reports of `done` far enough apart to be published, and return what is published."""
    found = []
    for seconds, done in steps:
        clock.now = 1_000.0 + seconds
        report = reports.add("t", progress(done))
        assert report is not None
        found.append(report)
    return found


def test_rate_and_remaining_time_are_computed_from_the_reports(clock: Clock) -> None:
    reports = ProgressReports(fail, clock)
    first, second, third = published(clock, reports, (0, 0), (2, 10), (4, 20))
    assert (first.rate, first.eta_s) == (None, None)
    assert (second.rate, second.eta_s) == (5.0, 18.0)
    assert (third.rate, third.eta_s) == (5.0, 16.0)
    assert third.event_data() == {
        "task_id": "t",
        "done": 20,
        "total": 100,
        "message": "counting",
        "rate": 5.0,
        "eta_s": 16.0,
    }


def test_completed_progress_has_no_remaining_time(clock: Clock) -> None:
    *_, last = published(clock, ProgressReports(fail, clock), (0, 0), (1, 100))
    assert last.eta_s == 0.0


def test_stalled_progress_has_rate_0_and_no_remaining_time(clock: Clock) -> None:
    *_, last = published(clock, ProgressReports(fail, clock), (0, 10), (5, 10))
    assert (last.rate, last.eta_s) == (0.0, None)


def test_the_rate_is_measured_over_the_last_seconds() -> None:
    rate = Rate()
    for second in range(100):
        rate.add(second * 1.0, float(second))
    for second in range(100, 200):
        measured = rate.add(100 + (second - 100) * 10.0, float(second))
    assert measured == pytest.approx(10.0)


def test_the_rate_needs_little_memory_for_any_number_of_reports() -> None:
    rate = Rate()
    for step in range(100_000):
        measured = rate.add(step, step / 1_000)
    assert measured == pytest.approx(1_000.0, rel=0.01)
    assert len(rate) < 2 * RATE_WINDOW_S / 0.4


def test_progress_that_goes_back_restarts_the_measurement(clock: Clock) -> None:
    reports = ProgressReports(fail, clock)
    *_, again, after = published(clock, reports, (0, 0), (1, 50), (2, 0), (3, 10))
    assert again.rate is None
    assert after.rate == 10.0


@pytest.mark.parametrize("done", ["many", None, True, float("nan"), float("inf"), [1], 10**400])
def test_invalid_numbers_are_ignored(clock: Clock, done: Any) -> None:
    report = ProgressReports(fail, clock).add("t", progress(done, total=done))
    assert report is not None
    assert (report.done, report.total, report.rate, report.eta_s) == (None, None, None, None)


@pytest.mark.parametrize("meta", ["half way", None, 5, ["x"]])
def test_any_other_metadata_becomes_the_message(clock: Clock, meta: Any) -> None:
    report = ProgressReports(fail, clock).add("t", TaskProgress(state="BUSY", meta=meta))
    assert report is not None
    assert report.message == (str(meta) if meta else "BUSY")


async def test_five_reports_a_second_and_the_last_one_are_published(clock: Clock) -> None:
    late: asyncio.Queue[ProgressReport] = asyncio.Queue()
    reports = ProgressReports(late.put_nowait, clock)
    at_once = [reports.add("t", progress(done)) for done in range(1_000)]
    assert [report.done for report in at_once if report is not None] == [0]
    pending = reports.pending("t")
    assert pending is not None
    assert pending.meta is not None
    assert pending.meta["done"] == 999
    assert (await asyncio.wait_for(late.get(), 5)).done == 999
    assert reports.pending("t") is None
    assert reports.add("t", progress(1_000)) is None
    ended = reports.finish("t")
    assert ended is not None
    assert ended.done == 1_000
    assert reports.finish("t") is None
    assert PUBLISH_INTERVAL_S == 0.2
