"""What silence means: a worker is offline only if its heartbeats could have arrived."""

import time
from collections.abc import Callable

import pytest

from pulse_desktop.model.run_state import RunState
from pulse_desktop.session.ingestor import Ingestor
from pulse_desktop.state.attention import attention_items
from pulse_desktop.state.system import SystemState
from pulse_desktop.state.worker import WorkerHealth
from pulse_desktop.transport.arrival_queue import ArrivalQueue
from tests.unit.state.state_builders import (
    NOW,
    heartbeat,
    queued_event,
    run_update,
    state_of,
    task_message,
)


class Observer:
    """An ingestor whose clock and connection the test sets; it ticks once a second."""

    def __init__(self, state: SystemState, timer: Callable[[], float] = time.perf_counter) -> None:
        self.state = state
        self.now = self._connected_at = NOW
        self.connected = True
        self._ingestor = Ingestor(
            ArrivalQueue(), state, lambda: self.now, lambda: self.connected, timer
        )
        self._ingestor.drain(0.1)

    def health(self) -> WorkerHealth:
        """Return the health as shown: without a connection, that at the time of the loss."""
        if self.connected:
            self._connected_at = self.now
        return self.state.workers.rows[0].health(self._connected_at)

    def state_of_run(self) -> RunState:
        return self.state.runs.rows[0].state

    def run(self, seconds: int) -> None:
        for _second in range(seconds):
            self.now += 1
            self._ingestor.drain(0.1)
            if self.connected:
                self._connected_at = self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self._ingestor.drain(0.1)


def test_a_lost_connection_takes_no_worker_offline() -> None:
    observer = Observer(state_of(heartbeat()))
    observer.run(4)
    observer.connected = False
    observer.run(600)
    assert observer.health() is WorkerHealth.ONLINE
    observer.connected = True
    observer.run(10)
    assert observer.health() is WorkerHealth.ONLINE, "a heartbeat may still come"
    assert attention_items(observer.state, observer.now) == []
    observer.run(20)
    assert observer.health() is WorkerHealth.OFFLINE, "but none did"


def test_a_worker_that_was_offline_before_a_loss_stays_so() -> None:
    observer = Observer(state_of(heartbeat()))
    observer.run(31)
    observer.connected = False
    observer.run(10)
    assert observer.health() is WorkerHealth.OFFLINE


@pytest.mark.parametrize("seconds", [3_600.0, -3_600.0])
def test_neither_sleep_nor_a_set_clock_takes_a_worker_offline(seconds: float) -> None:
    observer = Observer(state_of(heartbeat()))
    observer.run(4)
    observer.sleep(seconds)
    assert observer.health() is WorkerHealth.ONLINE
    observer.run(10)
    assert observer.health() is WorkerHealth.ONLINE


@pytest.mark.parametrize("jumps", [[-3_600.0], [-3_600.0, 3_600.0], [3_600.0, -3_600.0]])
def test_a_silent_worker_is_offline_soon_after_the_clock_was_set(jumps: list[float]) -> None:
    observer = Observer(state_of(heartbeat()))
    for seconds in jumps:
        observer.sleep(seconds)
    observer.run(60)
    assert observer.health() is WorkerHealth.OFFLINE
    for seconds in jumps:
        observer.sleep(seconds)
    assert observer.health() is WorkerHealth.OFFLINE


def test_a_lost_connection_makes_no_run_overdue() -> None:
    observer = Observer(state_of(queued_event()))
    observer.run(5)
    observer.connected = False
    observer.run(600)
    assert observer.state_of_run() is RunState.QUEUED
    observer.connected = True
    observer.run(4)
    assert observer.state_of_run() is RunState.QUEUED, "its result may still come"
    observer.run(3)
    assert observer.state_of_run() is RunState.OVERDUE


def test_sweeps_that_take_long_become_rarer(monkeypatch: pytest.MonkeyPatch) -> None:
    timer = _Timer(step_s=0.0)
    observer = Observer(state_of(heartbeat()), timer)
    ticked: list[float] = []

    def tick(now: float, _missed_s: float) -> None:
        ticked.append(now - NOW)
        timer.seconds += 0.25

    monkeypatch.setattr(observer.state, "tick", tick)
    observer.run(10)
    assert ticked == [1, 4, 7, 10]
    monkeypatch.setattr(observer.state, "tick", lambda now, _missed_s: ticked.append(now - NOW))
    observer.run(5)
    assert ticked == [1, 4, 7, 10, 13, 14, 15]


class _Timer:
    """A timer on which each look takes some time.

    Attributes:
        seconds: what it shows next.
    """

    def __init__(self, step_s: float) -> None:
        self.seconds = 0.0
        self._step_s = step_s

    def __call__(self) -> float:
        shown = self.seconds
        self.seconds += self._step_s
        return shown


def test_further_slices_follow_until_all_is_judged_and_then_rest() -> None:
    state = SystemState()
    for number in range(1_000):
        state.runs.put(run_update(task_message(NOW, f"{number:032x}")))
    now = [NOW + 1_000]
    timer = _Timer(step_s=0.0001)
    ingestor = Ingestor(ArrivalQueue(), state, lambda: now[0], timer=timer)
    ingestor.drain(0.1)
    now[0] += 1
    timer.seconds += 1
    calls = 0
    while ingestor.drain(0.1):
        calls += 1
    assert len(state.runs.overdue) == 1_000
    assert 5 < calls < 30
    now[0] += 1
    assert not ingestor.drain(0.1), "it rests"
