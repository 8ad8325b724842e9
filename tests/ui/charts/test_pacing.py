"""Costly work is repeated rarely, and at once when something else is asked for."""

import time

from pulse_desktop.ui.charts.pacing import Pacing


def test_costly_work_is_not_repeated_until_it_is_due() -> None:
    pacing, done = Pacing(), []

    def work() -> None:
        done.append(time.perf_counter())
        while time.perf_counter() - done[-1] < 0.05:
            pass

    pacing.run("live", work)
    pacing.run("live", work)
    assert len(done) == 1
    pacing.run("past", work)
    assert len(done) == 2
    pacing.reset()
    pacing.run("past", work)
    assert len(done) == 3


def test_cheap_work_is_always_done() -> None:
    pacing, done = Pacing(), []

    def work() -> None:
        done.append("done")

    for _call in range(5):
        pacing.run("live", work)
    assert len(done) >= 4  # one call may have been interrupted by the system
