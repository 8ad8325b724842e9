"""Messages and their scores."""

import enum
import hashlib
from collections.abc import Iterable, Sequence

import msgspec

from pulse_workers.chat.records import ChatMessage, Score
from pulse_workers.chat.store.bucket import Bucket
from pulse_workers.errors import MessageNotFoundError

_encode = msgspec.json.Encoder().encode
decode_message = msgspec.json.Decoder(ChatMessage).decode
_decode_score = msgspec.json.Decoder(Score).decode


class MessageChange(enum.Enum):
    """Effect of storing a message."""

    NEW = "new"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


def content_hash(message: ChatMessage) -> str:
    """Return a hash of what scores, vectors and knowledge depend on."""
    content = _encode((message.content, message.author, message.attachments))
    return hashlib.blake2b(content, digest_size=10).hexdigest()


class MessageStore:
    """Messages by ID."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    async def put_many(
        self, messages: Sequence[ChatMessage], *, again: bool = False
    ) -> list[tuple[ChatMessage, MessageChange]]:
        """Store the messages that are new or changed.

        A message that is given twice is stored once, as it is given last.

        Args:
            messages: with the ID of the task that stores them.
            again: whether the task may have stored them before it was interrupted; it announces
                them as new then, because it may not have done so.

        Returns:
            Each message once, with its content hash, and the effect.

        Raises:
            StoreFullError: the bucket has reached its limit; some of the messages may be stored.
        """
        given = {
            each.id: msgspec.structs.replace(each, content_hash=content_hash(each))
            for each in messages
        }
        effects: dict[str, MessageChange] = {}
        undecided = dict(given)
        while undecided:
            known = await self._bucket.get_with_deleted(list(undecided))
            writes: dict[str, tuple[bytes, int]] = {}
            for message_id, message in undecided.items():
                entry = known.get(message_id)
                if entry is None or not entry.value:
                    effects[message_id] = MessageChange.NEW
                    writes[message_id] = (_encode(message), entry.revision if entry else 0)
                    continue
                stored = decode_message(entry.value)
                if _is_same(stored, message):
                    is_own = again and stored.ingested_by == message.ingested_by
                    effects[message_id] = MessageChange.NEW if is_own else MessageChange.UNCHANGED
                    continue
                effects[message_id] = MessageChange.UPDATED
                edited = msgspec.structs.replace(message, ingested_by=stored.ingested_by)
                writes[message_id] = (_encode(edited), entry.revision)
            written = await self._bucket.update_many(writes)
            # Others were stored by another task meanwhile: compare with what it stored.
            undecided = {key: given[key] for key in writes if key not in written}
        return [(given[message_id], effects[message_id]) for message_id in given]

    async def get(self, message_id: str) -> ChatMessage:
        """Return a message.

        Raises:
            MessageNotFoundError: no message with this ID is stored.
        """
        found = await self.get_many([message_id])
        if not found:
            raise MessageNotFoundError(f"no message {message_id!r} is stored")
        return found[0]

    async def get_many(self, ids: Iterable[str]) -> list[ChatMessage]:
        """Return the messages that are stored, in the order of the IDs."""
        wanted = list(dict.fromkeys(ids))
        found = await self._bucket.get_many(wanted)
        return [_with_hash(decode_message(found[key].value)) for key in wanted if key in found]

    async def delete_many(self, ids: Sequence[str]) -> None:
        """Delete messages."""
        await self._bucket.delete_many(ids)


class ScoreStore:
    """Scores by message ID."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    async def put_many(self, scores: Sequence[Score]) -> None:
        """Store scores; they replace earlier ones.

        Raises:
            StoreFullError: the bucket has reached its limit.
        """
        await self._bucket.put_many({score.message_id: _encode(score) for score in scores})

    async def get_many(self, ids: Iterable[str]) -> dict[str, Score]:
        """Return the scores that are stored, by message ID."""
        found = await self._bucket.get_many(list(dict.fromkeys(ids)))
        return {key: _decode_score(entry.value) for key, entry in found.items()}

    async def delete_many(self, ids: Sequence[str]) -> None:
        """Delete the scores of messages."""
        await self._bucket.delete_many(ids)


def _is_same(stored: ChatMessage, message: ChatMessage) -> bool:
    """Return whether a message is stored as it is, or as it was edited later."""
    known = _with_hash(stored)
    if (known.edited_at or "") > (message.edited_at or ""):
        return True
    return known.content_hash == message.content_hash and known.edited_at == message.edited_at


def _with_hash(message: ChatMessage) -> ChatMessage:
    """Return a message with its content hash, which earlier versions did not store."""
    if message.content_hash:
        return message
    return msgspec.structs.replace(message, content_hash=content_hash(message))
