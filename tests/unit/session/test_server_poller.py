"""How many workers would take the next task, told from what can be known of them."""

import pytest

from pulse_desktop.model.queue_status import QueueStatus
from pulse_desktop.session.server_poller import count_consumers


@pytest.mark.parametrize(
    ("queue", "alive", "expected"),
    [
        (QueueStatus("jetstream", listeners=3), 2, 2),  # three requests for work, two workers
        (QueueStatus("jetstream", listeners=0), 2, 2),  # all of them busy
        (QueueStatus("jetstream", listeners=3), 0, 3),  # foreign workers send no heartbeat
        (QueueStatus("core", listeners=3), 2, 3),  # two of ours, one of somebody else
        (QueueStatus("core", listeners=None), 2, 2),
        (QueueStatus("core", listeners=None), 0, None),
        (QueueStatus("core", listeners=0), 0, 0),
        (None, 0, None),
        (None, 1, 1),
    ],
)
def test_living_workers_count_rather_than_requests_for_work(queue, alive, expected) -> None:
    assert count_consumers(queue, alive) == expected
