"""Reads what was stored in a key-value bucket after a sequence: all of it, or an error."""

import contextlib
import dataclasses
from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Final

from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from pulse_workers.errors import OUTAGE_ERRORS

BATCH_SIZE: Final = 500
_BATCH_TIMEOUT_S: Final = 2.0


@dataclasses.dataclass(frozen=True)
class KeyValueEntry:
    """A stored value; `value` is empty for a deleted key, and if only keys are read."""

    key: str
    value: bytes
    sequence: int
    stored_at: datetime
    is_deleted: bool


async def read_entries(
    js: JetStreamContext,
    bucket: str,
    after: int,
    key_filter: str,
    *,
    batch: int = BATCH_SIZE,
    only_keys: bool = False,
) -> AsyncGenerator[KeyValueEntry, None]:
    """Yield the latest value of each key stored after a sequence, oldest first.

    Args:
        js: of a connected client.
        bucket: name of the bucket.
        after: sequence; 0 for all values.
        key_filter: keys to read, with wildcards.
        batch: values to request together; fewer for large values.
        only_keys: whether the values stay on the server.

    Raises:
        TimeoutError: the server stopped responding before everything was read.
    """
    prefix = f"$KV.{bucket}."
    subscription = await js.pull_subscribe(
        f"{prefix}{key_filter}",
        stream=f"KV_{bucket}",
        config=ConsumerConfig(
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=after + 1,
            ack_policy=AckPolicy.NONE,
            inactive_threshold=30.0,
            mem_storage=True,
            headers_only=only_keys or None,
        ),
    )
    consumer = await subscription.consumer_info()
    try:
        count, pending, last = 0, consumer.num_pending or 0, after
        while count < pending:
            try:
                received = await subscription.fetch(
                    min(batch, pending - count), timeout=_BATCH_TIMEOUT_S
                )
            except NatsTimeoutError:
                if not await _is_complete(subscription, count):
                    raise
                # When one key is purged, nats-server 2.9 skips all others.
                async for entry in read_entries(
                    js, bucket, last, key_filter, batch=batch, only_keys=only_keys
                ):
                    yield entry
                return
            for message in received:
                is_deleted = bool(message.headers and message.headers.get("KV-Operation"))
                last = message.metadata.sequence.stream
                yield KeyValueEntry(
                    message.subject.removeprefix(prefix),
                    b"" if is_deleted else message.data,
                    last,
                    message.metadata.timestamp,
                    is_deleted,
                )
            count += len(received)
    finally:
        with contextlib.suppress(*OUTAGE_ERRORS):
            await js.delete_consumer(consumer.stream_name, consumer.name)
            await subscription.unsubscribe()


async def _is_complete(subscription: JetStreamContext.PullSubscription, count: int) -> bool:
    """Return whether the server has sent all that it will, less than announced due to deletions.

    Otherwise it is slow. A partial list of topics must not be taken for a complete one:
    the missing topics would be created again.
    """
    try:
        consumer = await subscription.consumer_info()
    except NotFoundError:  # the server was restarted and lost it
        return False
    sent = consumer.delivered.consumer_seq if consumer.delivered is not None else 0
    return not consumer.num_pending and sent == count
