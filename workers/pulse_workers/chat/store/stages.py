"""Which stages of the pipeline each message has passed, and with what outcome."""

from collections.abc import Mapping, Sequence

import msgspec

from pulse_workers.chat.records import Stage, StageRecord
from pulse_workers.chat.store.bucket import Bucket

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(StageRecord).decode


class StageStore:
    """Stage records, one key per stage and message."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    async def put_many(self, stage: Stage, records: Mapping[str, StageRecord]) -> None:
        """Store the records of a stage by message ID.

        Raises:
            StoreFullError: the bucket has reached its limit.
        """
        await self._bucket.put_many(
            {f"{stage.value}.{key}": _encode(record) for key, record in records.items()}
        )

    async def get_many(
        self, ids: Sequence[str], stages: Sequence[Stage] = tuple(Stage)
    ) -> dict[str, dict[Stage, StageRecord]]:
        """Return the records of messages; every ID has a dictionary, which may be empty."""
        keys = [f"{stage.value}.{key}" for stage in stages for key in ids]
        found = await self._bucket.get_many(keys)
        return {
            key: {
                stage: _decode(found[name].value)
                for stage in stages
                if (name := f"{stage.value}.{key}") in found
            }
            for key in ids
        }

    async def delete_many(self, ids: Sequence[str]) -> None:
        """Delete the records of messages."""
        await self._bucket.delete_many([f"{stage.value}.{key}" for stage in Stage for key in ids])
