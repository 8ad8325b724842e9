"""Messages and their scores."""

import enum
import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from pulse_workers.chat.records import ChatMessage, Score
from pulse_workers.chat.store.bucket import (
    MAX_CONFLICTS,
    Bucket,
    Refusals,
    pause_after_conflict,
    take_refusals,
)
from pulse_workers.chat.store.value_decoder import ValueDecoder
from pulse_workers.errors import ConcurrentChangeError, MessageNotFoundError
from pulse_workers.runtime.provisioning import MESSAGES, SCORES

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(ChatMessage).decode

_MAX_SUPERSEDED: Final = 100
"""Contents of one message ID in one export that are remembered."""


class MessageChange(enum.Enum):
    """Effect of storing a message."""

    NEW = "new"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


def _decode_message(data: bytes) -> ChatMessage:
    """Return a stored message, with its content hash, which earlier versions did not store."""
    message = _decode(data)
    if message.content_hash:
        return message
    return msgspec.structs.replace(message, content_hash=content_hash(message))


def content_hash(message: ChatMessage) -> str:
    """Return a hash of what scores, vectors and knowledge depend on."""
    content = _encode((message.content, message.author, message.attachments))
    return hashlib.blake2b(content, digest_size=10).hexdigest()


read_message = ValueDecoder(MESSAGES, _decode_message)
read_score = ValueDecoder(SCORES, msgspec.json.Decoder(Score).decode)

OnStored = Callable[[ChatMessage, MessageChange], None]
"""Called with a message that is stored, and the effect."""


class MessageStore:
    """Messages by ID."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    async def put_many(
        self,
        messages: Sequence[ChatMessage],
        *,
        is_retry: bool = False,
        on_stored: OnStored = lambda _message, _change: None,
        refusals: Refusals | None = None,
    ) -> list[tuple[ChatMessage, MessageChange]]:
        """Store the messages that are new or changed.

        A stored message that cannot be read is replaced, and counts as new.

        A message that is given twice is stored once, as it is given last. This also holds for an
        export that has an ID twice, however far apart: the message that was given last remembers
        the ones before it, so that reading the export again does not take them for edits.

        Args:
            messages: with the ID of the task that stores them.
            is_retry: whether the task may have stored them before it was interrupted; they have
                the same effect again then, because it may not have been announced.
            on_stored: called for each message as soon as it is known to be stored, also for those
                that are stored before the bucket is full.
            refusals: takes the messages that can never be stored, by ID; the others are stored.

        Returns:
            Each stored message once, as it is stored, and the effect.

        Raises:
            ConcurrentChangeError: others change the messages all the time.
            StoreFullError: the bucket has reached its limit; some of the messages may be stored.
            ValueRefusedError: one can never be stored, and `refusals` is not given.
        """
        given: dict[str, ChatMessage] = {}
        for each in messages:
            message = msgspec.structs.replace(each, content_hash=content_hash(each))
            if each.source and (earlier := given.get(each.id)):
                message = msgspec.structs.replace(message, superseded=_superseded(message, earlier))
            given[each.id] = message
        stored: dict[str, tuple[ChatMessage, MessageChange]] = {}
        refused: Refusals = {}
        undecided = dict(given)
        for attempt in range(MAX_CONFLICTS):
            known = await self._bucket.get_with_deleted(list(undecided))
            writes: dict[str, tuple[bytes, int]] = {}
            for key, message in undecided.items():
                entry = known.get(key)
                before = read_message(key, entry.value) if entry else None
                after, effect = _merged(message, before, is_retry=is_retry)
                stored[key] = after, effect
                if after != before:
                    writes[key] = (_encode(after), entry.revision if entry else 0)
            written = await self._bucket.try_update_many(writes)
            refused |= written.refusals
            # Others were stored by another task meanwhile: compare with what it stored.
            unwritten = {key: given[key] for key in writes if key not in written.keys}
            for key in undecided:
                if key not in unwritten:
                    on_stored(*stored[key])
            if written.full is not None:
                raise written.full
            undecided = {key: each for key, each in unwritten.items() if key not in refused}
            if not undecided:
                take_refusals(refused, refusals)
                return [stored[key] for key in given if key not in refused]
            await pause_after_conflict(attempt)
        raise ConcurrentChangeError("messages are changed by others all the time")

    async def get(self, message_id: str) -> ChatMessage:
        """Return a message.

        Raises:
            MessageNotFoundError: no message with this ID is stored.
        """
        found = await self.get_many([message_id])
        if not found:
            raise MessageNotFoundError(f"no message {message_id!r} is stored")
        return found[0]

    async def unchanged(self, messages: Iterable[ChatMessage]) -> list[ChatMessage]:
        """Return those of the messages that are still stored with the same content.

        A provider may take minutes: what it says of a message that was edited or deleted meanwhile
        must not replace what is said of its new content.
        """
        given = list(messages)
        stored = {each.id: each.content_hash for each in await self.get_many(m.id for m in given)}
        return [each for each in given if stored.get(each.id) == each.content_hash]

    async def get_many(self, ids: Iterable[str]) -> list[ChatMessage]:
        """Return the messages that are stored and can be read, in the order of the IDs."""
        wanted = list(dict.fromkeys(ids))
        found = await self._bucket.get_many(wanted)
        read = (read_message(key, found[key].value) for key in wanted if key in found)
        return [message for message in read if message is not None]

    async def delete_many(self, ids: Sequence[str]) -> None:
        """Delete messages."""
        await self._bucket.delete_many(ids)


class ScoreStore:
    """Scores by message ID."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    async def put_many(self, scores: Sequence[Score], refusals: Refusals | None = None) -> None:
        """Store scores; they replace earlier ones.

        Args:
            scores: of messages.
            refusals: takes the scores that can never be stored, by message ID.

        Raises:
            StoreFullError: the bucket has reached its limit.
        """
        values = {score.message_id: _encode(score) for score in scores}
        await self._bucket.put_many(values, refusals)

    async def get_many(self, ids: Iterable[str]) -> dict[str, Score]:
        """Return the scores that are stored and can be read, by message ID."""
        found = await self._bucket.get_many(list(dict.fromkeys(ids)))
        read = {key: read_score(key, entry.value) for key, entry in found.items()}
        return {key: score for key, score in read.items() if score is not None}

    async def delete_many(self, ids: Sequence[str]) -> None:
        """Delete the scores of messages."""
        await self._bucket.delete_many(ids)


def _merged(
    message: ChatMessage, stored: ChatMessage | None, *, is_retry: bool
) -> tuple[ChatMessage, MessageChange]:
    """Return the message to store, which may be the stored one, and the effect."""
    if stored is None:
        return message, MessageChange.NEW
    if not _is_same(stored, message) and not _is_superseded(stored, message, is_retry=is_retry):
        # An edit may come from a source that knows less of the context than the one of the message.
        updated = msgspec.structs.replace(
            message,
            ingested_by=stored.ingested_by,
            updated_by=message.ingested_by,
            source=message.source or stored.source,
            recent=message.recent or stored.recent,
            thread=message.thread or stored.thread,
        )
        if _is_of_same_pass(stored, message):
            superseded = _superseded(message, stored)
            updated = msgspec.structs.replace(updated, superseded=superseded)
        return updated, MessageChange.UPDATED
    if message.source and message.content_hash == stored.content_hash:  # the export was moved
        stored = msgspec.structs.replace(stored, source=message.source)
    own_change = change_by(stored, message.ingested_by) if is_retry else MessageChange.UNCHANGED
    return stored, own_change


def change_by(message: ChatMessage, task_id: str) -> MessageChange:
    """Return the effect that a task had on a stored message, if the stored content is its own."""
    if (message.updated_by or message.ingested_by) != task_id:
        return MessageChange.UNCHANGED
    return MessageChange.NEW if message.ingested_by == task_id else MessageChange.UPDATED


def _is_of_same_pass(stored: ChatMessage, message: ChatMessage) -> bool:
    """Return whether the same task stored a message and now has another one with its ID.

    Both are in the same export.
    """
    task_id = stored.updated_by or stored.ingested_by
    is_same_export = bool(message.source) and message.source == stored.source
    return is_same_export and message.ingested_by == task_id != ""


def _is_superseded(stored: ChatMessage, message: ChatMessage, *, is_retry: bool) -> bool:
    """Return whether a message is an earlier one of an export that has two with the same ID.

    The later one is stored, and remembers the contents of those before it.
    """
    if message.source != stored.source or message.edited_at != stored.edited_at:
        return False
    is_repeated = is_retry or not _is_of_same_pass(stored, message)
    return is_repeated and message.content_hash in stored.superseded


def _superseded(message: ChatMessage, earlier: ChatMessage) -> tuple[str, ...]:
    hashes = dict.fromkeys((*earlier.superseded, earlier.content_hash, *message.superseded))
    hashes.pop(message.content_hash, None)
    return tuple(hashes)[-_MAX_SUPERSEDED:]


def _is_same(stored: ChatMessage, message: ChatMessage) -> bool:
    """Return whether a message is stored as it is, or as it was edited later."""
    if (stored.edited_at or "") > (message.edited_at or ""):
        return True
    return stored.content_hash == message.content_hash and stored.edited_at == message.edited_at
