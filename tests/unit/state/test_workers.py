"""Workers, from their heartbeats."""

from typing import Any

import msgspec
import pytest

from pulse_desktop.protocol.inbound import InboundMessage
from pulse_desktop.state.attention import attention_items
from pulse_desktop.state.system import SystemState
from pulse_desktop.state.worker import Worker, WorkerActivity, WorkerHealth
from tests.unit.state.state_builders import (
    NOW,
    TASK,
    WORKER,
    heartbeat,
    state_of,
)


def worker_of(state: SystemState, worker_id: str = WORKER) -> Worker:
    """Return a worker that the state knows."""
    worker = state.workers.get(worker_id)
    assert worker is not None
    return worker


def test_the_activity_of_a_worker_is_the_one_in_its_heartbeat() -> None:
    for fields, activity in (
        ({}, WorkerActivity.IDLE),
        ({"busy": 2}, WorkerActivity.BUSY),
        ({"busy": 2, "paused": True}, WorkerActivity.PAUSED),
        ({"paused": True, "draining": True}, WorkerActivity.DRAINING),
        ({"busy": None}, WorkerActivity.UNKNOWN),
    ):
        worker = worker_of(state_of(heartbeat(**fields)))
        assert worker.activity is activity, fields


def test_only_online_workers_with_a_control_subject_accept_commands() -> None:
    state = state_of(
        heartbeat(log_level="debug"),
        heartbeat(worker="w2", control=None),
        heartbeat(NOW - 300, worker="w3"),
    )
    assert state.workers.accepting_commands(NOW) == [WORKER]
    assert worker_of(state).log_level == "DEBUG"
    assert worker_of(state, "w2").control == ""


def test_running_tasks_are_read_from_both_forms_of_heartbeats() -> None:
    task = {"task_id": TASK, "task_name": "m:f", "started_at": None, "attempt": 1}
    for key in ("tasks", "running"):
        fields: dict[str, Any] = {key: [task]}
        state = state_of(heartbeat(**fields))
        assert list(state.workers.busy_tasks(NOW)) == [TASK]


@pytest.mark.parametrize(
    ("after", "health"),
    [
        (0, WorkerHealth.ONLINE),
        (15, WorkerHealth.ONLINE),
        (16, WorkerHealth.LATE),
        (30, WorkerHealth.LATE),
        (31, WorkerHealth.OFFLINE),
    ],
)
def test_worker_health_depends_on_the_time_since_the_last_heartbeat(
    after: float, health: WorkerHealth
) -> None:
    state = state_of(heartbeat())
    assert state.workers.rows[0].health(NOW + after) is health


def test_a_worker_that_announced_its_stop_is_stopped_not_offline() -> None:
    state = state_of(heartbeat(), heartbeat(NOW + 1, "worker.stopped"))
    assert state.workers.rows[0].health(NOW + 1000) is WorkerHealth.STOPPED
    assert state.workers.offline(NOW + 1000) == []
    assert attention_items(state, NOW + 1000) == []


def test_an_older_heartbeat_does_not_replace_a_newer_one() -> None:
    state = state_of(heartbeat(NOW + 5, busy=3), heartbeat(NOW, busy=0))
    assert state.workers.rows[0].busy == 3


def heartbeat_with_clock(offset_s: float, arrived_at: float) -> InboundMessage:
    """Return a heartbeat that carries the time of a worker whose clock is off."""
    return msgspec.structs.replace(heartbeat(arrived_at + offset_s), at=arrived_at)


@pytest.mark.parametrize("offset_s", [-7200.0, -90.0, 0.0, 600.0, 86_400.0])
def test_health_depends_on_the_arrival_of_heartbeats_not_on_the_clock_of_the_worker(
    offset_s: float,
) -> None:
    state = state_of(heartbeat_with_clock(offset_s, NOW))
    worker = worker_of(state)
    assert worker.health(NOW + 1) is WorkerHealth.ONLINE
    assert worker.health(NOW + 42) is WorkerHealth.OFFLINE
    assert worker.clock_offset_s == pytest.approx(offset_s, abs=0.01)
    assert worker.clock_is_off is (offset_s != 0)
    started = msgspec.structs.replace(worker, started_at=NOW + offset_s - 60)
    assert started.up_since == pytest.approx(NOW - 60, abs=0.1)


def test_a_heartbeat_counts_after_the_clock_of_the_worker_was_set_back() -> None:
    state = state_of(heartbeat_with_clock(600, NOW), heartbeat_with_clock(0, NOW + 5))
    assert worker_of(state).last_seen == NOW + 5
    assert not worker_of(state).clock_is_off


def restarted(number: int, first: float, last: float, host: str = "host-a") -> InboundMessage:
    """Return the last heartbeat of a process of one worker name that started at a time."""
    return heartbeat(last, worker=f"w@{host}:{number}", started_at=first)


def test_a_restart_under_the_same_name_closes_the_alert_about_the_killed_worker() -> None:
    killed = restarted(1, NOW - 500, NOW - 300), restarted(2, NOW - 295, NOW - 200)
    state = state_of(*killed, restarted(3, NOW - 198, NOW))
    assert state.workers.offline(NOW) == []
    assert attention_items(state, NOW) == []


@pytest.mark.parametrize(
    "other",
    [
        restarted(3, NOW - 400, NOW),  # ran at the same time
        restarted(3, NOW - 190, NOW, "host-b"),
        heartbeat(NOW, worker="v@host-a:3", started_at=NOW - 190),
    ],
)
def test_another_worker_is_no_replacement(other: InboundMessage) -> None:
    state = state_of(restarted(1, NOW - 500, NOW - 200), other)
    assert [each.id for each in state.workers.offline(NOW)] == ["w@host-a:1"]


def test_one_restart_replaces_one_of_two_killed_workers() -> None:
    killed = restarted(1, NOW - 500, NOW - 300), restarted(2, NOW - 500, NOW - 290)
    state = state_of(*killed, restarted(3, NOW - 198, NOW))
    assert [each.id for each in state.workers.offline(NOW)] == ["w@host-a:2"]


def test_a_replaced_worker_is_offline_once_it_has_missed_heartbeats() -> None:
    state = state_of(restarted(1, NOW - 500, NOW), restarted(2, NOW + 2, NOW + 7))
    state.tick(NOW + 8)
    assert len(state.workers.online(NOW + 8)) == 2
    state.fold([restarted(2, NOW + 2, NOW + 12)])
    state.tick(NOW + 12)
    assert [each.id for each in state.workers.online(NOW + 12)] == ["w@host-a:2"]
    assert state.workers.offline(NOW + 12) == []
    state.fold([restarted(1, NOW - 500, NOW + 13)])  # it was only slow
    state.tick(NOW + 14)
    assert len(state.workers.online(NOW + 14)) == 2
