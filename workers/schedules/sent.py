"""Whether a task reached its stream: asked when the scheduler that was sending it is gone."""

import contextlib
from datetime import datetime, timedelta
from typing import Final

from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from pulse_desktop.protocol.topics import TASK_STREAM, TASK_SUBJECT
from workers.connection import OUTAGE_ERRORS

_MARGIN: Final = timedelta(seconds=60)
"""How far clocks may differ, and how long sending may take."""
_PAGE: Final = 500


async def was_queued(js: JetStreamContext, task_id: str, about: datetime) -> bool:
    """Tell whether the task stream holds a task that was sent about a given time.

    The stream itself recognises a task that is sent twice, but for two minutes only.

    Raises:
        nats.errors.TimeoutError: the server did not say.
    """
    config = ConsumerConfig(
        deliver_policy=DeliverPolicy.BY_START_TIME,
        opt_start_time=about - _MARGIN,
        ack_policy=AckPolicy.NONE,
        headers_only=True,
        inactive_threshold=30.0,
        mem_storage=True,
    )
    try:
        subscription = await js.pull_subscribe(TASK_SUBJECT, stream=TASK_STREAM, config=config)
    except NotFoundError:
        return False
    consumer = await subscription.consumer_info()
    try:
        left = consumer.num_pending or 0
        while left > 0:
            page = await subscription.fetch(min(_PAGE, left), timeout=2)
            if any((message.headers or {}).get("Nats-Msg-Id") == task_id for message in page):
                return True
            if page[-1].metadata.timestamp > about + _MARGIN:
                return False
            left -= len(page)
        return False
    finally:
        with contextlib.suppress(*OUTAGE_ERRORS):
            await js.delete_consumer(consumer.stream_name, consumer.name)
            await subscription.unsubscribe()
