"""Reads what was stored in a bucket since the last read, for an index in memory."""

from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import datetime
from typing import Final

from nats.js import JetStreamContext

from pulse_workers.chat.store.kv_reader import KeyValueEntry, read_entries

_MAX_BATCH: Final = 500
_BATCH_BYTES: Final = 4 << 20
_SLACK: Final = 1_000


class BucketChanges:
    """Reads the changes of a bucket, and tells when an index has to be refilled."""

    def __init__(
        self,
        js: JetStreamContext,
        bucket: str,
        reset: Callable[[], None],
        *,
        key_filters: Sequence[str] = (">",),
        max_batch: int = _MAX_BATCH,
    ) -> None:
        """Prepare to read everything.

        Args:
            js: of a connected client.
            bucket: name of the bucket.
            reset: empties the index. Called before the first read and if the bucket was recreated;
                also if the index took more than twice as many values as the bucket has: no change
                tells of values that expired or were purged.
            key_filters: keys to read, with wildcards.
            max_batch: maximum number of values to request together.
        """
        self._js = js
        self._bucket = bucket
        self._reset = reset
        self._key_filters = key_filters
        self._max_batch = max_batch
        self._created: datetime | None = None
        self._sequence = 0
        self._taken = 0

    async def read(self) -> AsyncGenerator[KeyValueEntry, None]:
        """Yield the latest value of each key that was stored since the last time, oldest first.

        After an error the next call yields the same values again, and later ones.

        Raises:
            TimeoutError: the server stopped responding before everything was read.
        """
        info = await self._js.stream_info(f"KV_{self._bucket}")
        state = info.state
        is_other = info.created != self._created or state.last_seq < self._sequence
        if is_other or self._taken > 2 * state.messages + _SLACK:
            self._reset()
            self._created, self._sequence, self._taken = info.created, 0, 0
        if state.last_seq == self._sequence:
            return
        mean_bytes = max(1, state.bytes // max(1, state.messages))
        batch = max(1, min(self._max_batch, _BATCH_BYTES // mean_bytes))
        for key_filter in self._key_filters:
            async for stored in read_entries(
                self._js, self._bucket, self._sequence, key_filter, batch=batch
            ):
                self._taken += 1
                yield stored
        self._sequence = state.last_seq
