"""How live workers are counted among the consumers of the queue."""

import pytest

from pulse_desktop.model.queue_status import QueueStatus
from pulse_desktop.session.task_client import with_live_workers


@pytest.mark.parametrize(
    ("status", "alive", "expected"),
    [
        (QueueStatus("jetstream", consumers=3), 2, 2),  # three open pulls of two workers
        (QueueStatus("jetstream", consumers=0), 2, 2),  # all of them busy
        (QueueStatus("jetstream", consumers=3), 0, 3),  # foreign workers publish no heartbeat
        (QueueStatus("core", consumers=3), 2, 3),  # two of ours, one foreign
        (QueueStatus("core", consumers=None), 2, 2),
        (QueueStatus("core", consumers=None), 0, None),
        (QueueStatus("core", consumers=0), 0, 0),
    ],
)
def test_live_workers_are_counted_rather_than_open_pulls(
    status: QueueStatus, alive: int, expected: int | None
) -> None:
    assert with_live_workers(status, alive).consumers == expected


@pytest.mark.parametrize(
    ("status", "paused", "expected"),
    [
        (QueueStatus("jetstream", consumers=0), 2, True),
        (QueueStatus("jetstream", consumers=0), 1, False),
        (QueueStatus("jetstream", consumers=1, open_pulls=1), 2, False),  # a foreign worker
        (QueueStatus("core", consumers=3), 2, False),
    ],
)
def test_all_are_paused_if_nobody_takes_tasks(
    status: QueueStatus, paused: int, expected: bool
) -> None:
    assert with_live_workers(status, 2, paused).all_paused is expected
