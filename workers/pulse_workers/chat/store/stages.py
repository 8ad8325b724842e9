"""Which stages of the pipeline each message has passed, and with what outcome.

A record that is older than the bucket of what the stage stores counts as one of a failure: that
bucket was created again, and is empty. Both times are those of the server.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from pulse_workers.chat.records import Stage, StageOutcome, StageRecord
from pulse_workers.chat.store.bucket import Bucket, Entry
from pulse_workers.chat.store.value_decoder import ValueDecoder
from pulse_workers.runtime.provisioning import STAGES

_encode = msgspec.json.Encoder().encode
_read = ValueDecoder(STAGES, msgspec.json.Decoder(StageRecord).decode)
_UNREADABLE: Final = StageRecord(
    "", "", StageOutcome.FAILED, "", reason="its record cannot be read"
)


class StageStore:
    """Stage records, one key per stage and message."""

    def __init__(self, bucket: Bucket, results: Mapping[Stage, Bucket]) -> None:
        """Create it.

        Args:
            bucket: of the records.
            results: bucket in which each stage stores what it makes.
        """
        self._bucket = bucket
        self._results = results

    async def created_at(self) -> datetime | None:
        """Return when the bucket was created: a message stored before may have lost its records."""
        return await self._bucket.created_at()

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
        return await self._change(
            Stage.EMBEDDED,
            moves,
            lambda key, record: (
                msgspec.structs.replace(record, block=moves[key][1])
                if record.block == moves[key][0]
                else None
            ),
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
        return await self._change(
            Stage.EMBEDDED,
            blocks,
            lambda key, record: (
                msgspec.structs.replace(
                    record, outcome=StageOutcome.FAILED, reason="its vector is not stored", block=""
                )
                if record.block == blocks[key]
                else None
            ),
        )

    async def fail_unreadable(self, stage: Stage, ids: Iterable[str]) -> set[str]:
        """Mark a stage that was done as failed, because what it stored cannot be read.

        Args:
            stage: of the records.
            ids: of the messages.

        Returns:
            IDs of the messages whose records were changed here, not meanwhile by others.

        Raises:
            StoreFullError: the bucket has reached its limit.
        """
        return await self._change(
            stage,
            ids,
            lambda _key, record: (
                msgspec.structs.replace(
                    record, outcome=StageOutcome.FAILED, reason="what it stored cannot be read"
                )
                if record.outcome is StageOutcome.DONE
                else None
            ),
        )

    async def _change(
        self,
        stage: Stage,
        ids: Iterable[str],
        change: Callable[[str, StageRecord], StageRecord | None],
    ) -> set[str]:
        """Change records, but not those with an unknown outcome; return the IDs of their messages.

        Args:
            stage: of the records.
            ids: of the messages.
            change: returns the new record for a message ID and its record, None to keep it.
        """
        keys = {f"{stage.value}.{message_id}": message_id for message_id in ids}
        writes: dict[str, tuple[bytes, int]] = {}
        for key, entry in (await self._bucket.get_many(list(keys))).items():
            record = _read(key, entry.value)
            if record is None or record.outcome is StageOutcome.UNKNOWN:
                continue
            if changed := change(keys[key], record):
                writes[key] = (_encode(changed), entry.revision)
        return {keys[key] for key in await self._bucket.update_many(writes)}

    async def get_many(
        self, ids: Sequence[str], stages: Sequence[Stage] = tuple(Stage)
    ) -> dict[str, dict[Stage, StageRecord]]:
        """Return the records of messages; every ID has a dictionary, which may be empty.

        A record that cannot be read, or tells of what was stored in an earlier bucket, is one of a
        failure.
        """
        keys = {f"{stage.value}.{key}": (stage, key) for stage in stages for key in ids}
        found = await self._bucket.get_many(list(keys))
        times = await asyncio.gather(*(self._results[stage].created_at() for stage in stages))
        created = dict(zip(stages, times, strict=True))
        records: dict[str, dict[Stage, StageRecord]] = {key: {} for key in ids}
        for name, (stage, key) in keys.items():
            if entry := found.get(name):
                record = _read(name, entry.value) or _UNREADABLE
                is_lost = _is_before(entry, created[stage])
                if is_lost and record.outcome in (StageOutcome.DONE, StageOutcome.UNKNOWN):
                    record = msgspec.structs.replace(
                        record, outcome=StageOutcome.FAILED, reason="what it stored is gone"
                    )
                records[key][stage] = record
        return records

    async def known(self, stage: Stage, ids: Sequence[str]) -> dict[str, StageRecord | None]:
        """Return the records of messages that have or had one.

        One that was deleted, or cannot be read, is None.
        """
        keys = {f"{stage.value}.{message_id}": message_id for message_id in ids}
        found = await self._bucket.get_with_deleted(list(keys))
        return {keys[key]: _read(key, entry.value) for key, entry in found.items()}

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
            elif (known := _read(key, entry.value)) is None or known.content_hash not in (
                "",
                content_hash,
            ):
                writes[key] = unknown, entry.revision
        await self._bucket.update_many(writes)  # after a conflict there is a later record

    async def delete_many(self, ids: Sequence[str]) -> None:
        """Delete the records of messages."""
        await self._bucket.delete_many([f"{stage.value}.{key}" for stage in Stage for key in ids])


def _is_before(entry: Entry, created: datetime | None) -> bool:
    """Return whether a value is older than a bucket, or the bucket does not exist."""
    return created is None or (entry.stored_at is not None and entry.stored_at < created)
