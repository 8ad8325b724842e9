"""Which stages of the pipeline each message has passed, and with what outcome."""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from pulse_workers.chat.records import Stage, StageOutcome, StageRecord
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

    async def replace_blocks(self, moves: Mapping[str, tuple[str, str]]) -> set[str]:
        """Change the block that records of messages name for the same vector.

        Args:
            moves: by message ID, the old and the new block.

        Returns:
            IDs of the messages whose records were changed here, not meanwhile by others.

        Raises:
            StoreFullError: the bucket has reached its limit.
        """
        return await self._change_embedded(
            {key: old for key, (old, _) in moves.items()},
            lambda key, record: msgspec.structs.replace(record, block=moves[key][1]),
        )

    async def fail_without_block(self, blocks: Mapping[str, str]) -> set[str]:
        """Mark the stage of messages whose vectors are not stored as failed.

        Args:
            blocks: by message ID, the missing block that its record names.

        Returns:
            IDs of the messages whose records were changed here, not meanwhile by others.

        Raises:
            StoreFullError: the bucket has reached its limit.
        """
        return await self._change_embedded(
            blocks,
            lambda _key, record: msgspec.structs.replace(
                record, outcome=StageOutcome.FAILED, reason="its vector is not stored", block=""
            ),
        )

    async def _change_embedded(
        self, blocks: Mapping[str, str], change: Callable[[str, StageRecord], StageRecord]
    ) -> set[str]:
        """Change the records that name the given blocks; return the IDs of their messages.

        Args:
            blocks: by message ID.
            change: returns the new record for a message ID and its record.
        """
        keys = {f"{Stage.EMBEDDED.value}.{message_id}": message_id for message_id in blocks}
        found = await self._bucket.get_many(list(keys))
        writes: dict[str, tuple[bytes, int]] = {}
        for key, entry in found.items():
            record = _decode(entry.value)
            if record.block == blocks[keys[key]]:
                writes[key] = (_encode(change(keys[key], record)), entry.revision)
        return {keys[key] for key in await self._bucket.update_many(writes)}

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

    async def known(self, stage: Stage, ids: Sequence[str]) -> dict[str, StageRecord | None]:
        """Return the records of messages that have or had one, None for a deleted one."""
        keys = {f"{stage.value}.{message_id}": message_id for message_id in ids}
        found = await self._bucket.get_with_deleted(list(keys))
        return {
            keys[key]: _decode(entry.value) if entry.value else None for key, entry in found.items()
        }

    async def put_unless_current(
        self, stage: Stage, record: StageRecord, hashes: Mapping[str, str]
    ) -> None:
        """Store a record for the messages that have none of their current content.

        It has their content hash, but an empty one if a record of another content is replaced.

        Args:
            stage: of the record.
            record: the same for all.
            hashes: current content hash by message ID.

        Raises:
            StoreFullError: the bucket has reached its limit.
        """
        keys = {f"{stage.value}.{message_id}": each for message_id, each in hashes.items()}
        found = await self._bucket.get_with_deleted(list(keys))
        unknown = _encode(msgspec.structs.replace(record, content_hash=""))
        writes: dict[str, tuple[bytes, int]] = {}
        for key, content_hash in keys.items():
            entry = found.get(key)
            if entry is None:
                current = msgspec.structs.replace(record, content_hash=content_hash)
                writes[key] = _encode(current), 0
            elif not entry.value or _decode(entry.value).content_hash not in ("", content_hash):
                writes[key] = unknown, entry.revision
        await self._bucket.update_many(writes)  # after a conflict there is a later record

    async def delete_many(self, ids: Sequence[str]) -> None:
        """Delete the records of messages."""
        await self._bucket.delete_many([f"{stage.value}.{key}" for stage in Stage for key in ids])
