"""What a task knows of its delivery."""

import time

from pulse_workers.chat.current_task import queued_at
from pulse_workers.execution.delivery import SyntheticDelivery, current_delivery


def test_a_task_knows_when_it_was_enqueued_at_every_attempt() -> None:
    for attempt, known, expected in ((1, 123.0, 123.0), (2, 123.0, 123.0), (1, 0.0, time.time())):
        token = current_delivery.set(SyntheticDelivery(b"", attempt, known))
        try:
            assert abs(queued_at() - expected) < 60
        finally:
            current_delivery.reset(token)
