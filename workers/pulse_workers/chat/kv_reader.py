"""Reading what changed in a bucket: all of it, or an error."""

import contextlib
import dataclasses
from collections.abc import AsyncIterator
from typing import Final

from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from pulse_workers.errors import OUTAGE_ERRORS

_PAGE: Final = 500
_PAGE_LIMIT: Final = 2.0


@dataclasses.dataclass(frozen=True)
class StoredValue:
    """A value as a bucket keeps it; `value` is empty for a deleted key."""

    key: str
    value: bytes
    sequence: int


async def read_entries(
    js: JetStreamContext, bucket: str, after: int, keys: str
) -> AsyncIterator[StoredValue]:
    """Yield what was stored after a sequence, oldest first, as it is now.

    Raises:
        TimeoutError: the server went silent before all was read.
    """
    prefix = f"$KV.{bucket}."
    subscription = await js.pull_subscribe(
        f"{prefix}{keys}",
        stream=f"KV_{bucket}",
        config=ConsumerConfig(
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=after + 1,
            ack_policy=AckPolicy.NONE,
            inactive_threshold=30.0,
            mem_storage=True,
        ),
    )
    consumer = await subscription.consumer_info()
    try:
        count, wanted = 0, consumer.num_pending or 0
        while count < wanted:
            try:
                page = await subscription.fetch(min(_PAGE, wanted - count), timeout=_PAGE_LIMIT)
            except NatsTimeoutError:
                if await _was_all(subscription, count):
                    return
                raise
            for message in page:
                gone = bool(message.headers and message.headers.get("KV-Operation"))
                yield StoredValue(
                    message.subject.removeprefix(prefix),
                    b"" if gone else message.data,
                    message.metadata.sequence.stream,
                )
            count += len(page)
    finally:
        with contextlib.suppress(*OUTAGE_ERRORS):
            await js.delete_consumer(consumer.stream_name, consumer.name)
            await subscription.unsubscribe()


async def _was_all(subscription: JetStreamContext.PullSubscription, count: int) -> bool:
    """Tell whether nothing more comes since values were removed, or since the server is slow.

    The difference matters: whoever takes half of the topics for all of them makes the rest anew.
    """
    try:
        consumer = await subscription.consumer_info()
    except NotFoundError:  # a server that was killed forgets it
        return False
    sent = consumer.delivered.consumer_seq if consumer.delivered is not None else 0
    return not consumer.num_pending and sent == count
