"""Which workers count as consumers of the queue."""

from types import SimpleNamespace
from typing import Any, cast

from pulse_desktop.model.queue_status import QueueStatus
from pulse_desktop.session.task_client import TaskClient
from tests.unit.state.state_builders import NOW, heartbeat, state_of


def test_a_killed_worker_stops_counting_when_its_heartbeat_is_late() -> None:
    state = state_of(heartbeat(NOW - 17), heartbeat(NOW, worker="w2", paused=True))
    nothing = cast("Any", None)
    client = TaskClient(
        cast("Any", SimpleNamespace(queue_status=QueueStatus("jetstream", consumers=2))),
        feed=nothing,
        events=nothing,
        state=state,
        clock=lambda: NOW,
        canceller=nothing,
        guard=nothing,
    )
    status = client.queue_status
    assert status is not None
    assert (status.consumers, status.paused, status.late) == (1, 1, 1)
