"""Work is repeated at an interval, costly work rarely, and what is put off stays due."""

from types import SimpleNamespace

import pytest

from pulse_desktop.ui import throttle
from pulse_desktop.ui.throttle import UNCHANGED_FACTOR, Throttle

NOW = 1_795_430_942.0


class Work:
    """Work of a known cost, and when it was done.

    Attributes:
        clock: seconds that have passed.
        cost: seconds that the work takes.
        done: seconds at which it was done.
    """

    def __init__(self, throttle: Throttle) -> None:
        self.clock = 0.0
        self.cost = 0.0
        self.done: list[float] = []
        self.throttle = throttle

    def __call__(self) -> None:
        self.done.append(round(self.clock, 3))
        self.clock += self.cost

    def offer(self, *, at: float, version: object = None, asked: object = None) -> bool:
        """Return whether the work was done when it was offered at a time."""
        self.clock, before = max(self.clock, at), len(self.done)
        self.throttle.run(NOW + at, self, version, asked)
        return len(self.done) > before


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    work = Work(Throttle(1.0, share=0.02))
    monkeypatch.setattr(throttle, "time", SimpleNamespace(perf_counter=lambda: work.clock))
    return work


def test_work_is_done_at_its_interval(work: Work) -> None:
    offered = [work.offer(at=each / 4) for each in range(9)]
    assert [number for number, done in enumerate(offered) if done] == [0, 4, 8]


def test_costly_work_takes_no_more_than_its_share(work: Work) -> None:
    work.cost = 0.1
    assert work.offer(at=0.0)
    assert not work.offer(at=4.9)
    assert work.offer(at=5.0)


def test_another_question_does_not_wait_until_it_is_affordable(work: Work) -> None:
    work.cost = 0.1
    assert work.offer(at=0.0, version=1, asked="live")
    assert not work.offer(at=0.5, version=1, asked="past")
    assert work.offer(at=1.0, version=1, asked="past")
    assert not work.offer(at=2.0, version=2, asked="past")


def test_a_version_is_shown_only_when_the_work_was_done_for_it(work: Work) -> None:
    work.cost = 0.1
    assert work.offer(at=0.0, version=1)
    assert not work.offer(at=1.0, version=2)
    assert work.offer(at=5.0, version=2)


def test_unchanged_work_is_repeated_rarely(work: Work) -> None:
    assert work.offer(at=0.0, version=1)
    assert not work.offer(at=UNCHANGED_FACTOR - 0.1, version=1)
    assert work.offer(at=UNCHANGED_FACTOR, version=1)
    assert work.offer(at=UNCHANGED_FACTOR + 1.0, version=2)


def test_a_reset_makes_costly_and_unchanged_work_due(work: Work) -> None:
    work.cost = 0.1
    throttled = Throttle(1.0, share=0.02)
    throttled.run(NOW, work, 1)
    throttled.reset()
    throttled.run(NOW, work, 1)
    assert len(work.done) == 2


def test_the_second_run_may_be_later_than_the_interval(work: Work) -> None:
    throttled = Throttle(1.0, delay_s=0.5)
    for tenths in range(36):
        work.clock = tenths / 10
        throttled.run(NOW + work.clock, work)
    assert work.done == [0.0, 1.5, 2.5, 3.5]


def test_a_clock_that_is_set_back_stops_nothing(work: Work) -> None:
    assert work.offer(at=0.0)
    assert not work.offer(at=-0.5)
    assert work.offer(at=-3600.0)


def test_work_goes_on_while_the_clock_of_what_is_shown_stands_still(work: Work) -> None:
    assert work.offer(at=0.0)
    offered = []
    for passed in (0.5, 0.9, 1.1):
        work.clock = passed
        before = len(work.done)
        work.throttle.run(NOW, work)
        offered.append(len(work.done) > before)
    assert offered == [False, False, True]
