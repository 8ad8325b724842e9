"""Claims of messages: of the batches with the same message, one runs at a time.

Two tasks may ingest the same export at the same time. Without claims both would process each
message that is not processed yet, and a model would be paid twice. A batch that waited finds the
stages done.

Claims are ordered by the sequence at which each was stored first, so that no two batches wait for
each other. Only the server's clock decides whether one has expired.
"""

import asyncio
import contextlib
import hashlib
import uuid
from collections.abc import AsyncIterator, Iterable
from datetime import timedelta
from typing import Final

import msgspec

from pulse_workers.chat.records import ChatMessage
from pulse_workers.chat.store.kv_reader import KeyValueEntry
from pulse_workers.chat.store.state import StateStore
from pulse_workers.chat.store.value_decoder import UNREADABLE_ERRORS
from pulse_workers.errors import OUTAGE_ERRORS
from pulse_workers.runtime.periodic_tasks import PeriodicTask, PeriodicTasks

CLAIM: Final = "claim"
"""Prefix of the keys of claims."""
_EXPIRY: Final = timedelta(seconds=30)
_RENEWAL_S: Final = 5.0
_FIRST_POLL_S: Final = 0.05
_MAX_POLL_S: Final = 1.0


class _Claim(msgspec.Struct):
    """A stored claim.

    Attributes:
        holder: the task that runs the batch; when it is delivered again, it does not wait for the
            claim of a worker that was killed.
        messages: short hashes of IDs and contents. Two messages with the same one cost a wait.
        order: sequence at which it was stored first, 0 until it is known.
    """

    holder: str
    messages: frozenset[str]
    order: int = 0


_decode = msgspec.json.Decoder(_Claim).decode


@contextlib.asynccontextmanager
async def claim_messages(
    state: StateStore, messages: Iterable[ChatMessage], holder: str
) -> AsyncIterator[None]:
    """Claim messages with their content; wait until no earlier batch has one of them.

    A message that was edited is not the same: it does not wait for what is done with the text that
    it had before.

    Args:
        state: in which the claim is stored until the end.
        messages: of the batch.
        holder: ID of the task that runs it.
    """
    key = f"{CLAIM}.{uuid.uuid4().hex}"
    claim = _Claim(holder, frozenset(_hash(message) for message in messages))
    if not claim.messages:
        yield
        return
    renewal = PeriodicTasks()
    try:
        await state.put(key, claim)
        _, claim.order = await state.get(key)
        renewal.start(PeriodicTask("claim of a batch", _RENEWAL_S, lambda: state.put(key, claim)))
        poll_s = _FIRST_POLL_S
        while _is_waiting(claim, await _delete_expired(state)):
            await asyncio.sleep(poll_s)
            poll_s = min(2 * poll_s, _MAX_POLL_S)
        yield
    finally:
        await renewal.close()
        with contextlib.suppress(*OUTAGE_ERRORS):  # it expires
            await state.delete(key)


async def _delete_expired(state: StateStore) -> list[KeyValueEntry]:
    """Delete the claims that expired, and return the others."""
    entries = await state.entries(f"{CLAIM}.*")
    latest = max((entry.stored_at for entry in entries), default=None)
    expired = [each for each in entries if latest and latest - each.stored_at > _EXPIRY]
    for entry in expired:
        await state.delete(entry.key)
    return [each for each in entries if each not in expired]


def _is_waiting(own: _Claim, entries: Iterable[KeyValueEntry]) -> bool:
    """Return whether an earlier batch has one of the messages."""
    for entry in entries:
        try:
            claim = _decode(entry.value)
        except UNREADABLE_ERRORS:
            continue
        is_earlier = (claim.order or entry.sequence) < own.order and claim.holder != own.holder
        if is_earlier and not claim.messages.isdisjoint(own.messages):
            return True
    return False


def _hash(message: ChatMessage) -> str:
    content = f"{message.id} {message.content_hash}"
    return hashlib.blake2b(content.encode(), digest_size=4).hexdigest()
