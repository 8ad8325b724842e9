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
from pulse_workers.chat.store.state import StateStore
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
        while await _is_waiting(state, claim):
            await asyncio.sleep(poll_s)
            poll_s = min(2 * poll_s, _MAX_POLL_S)
        yield
    finally:
        await renewal.close()
        with contextlib.suppress(*OUTAGE_ERRORS):  # it expires
            await state.delete(key)


async def _is_waiting(state: StateStore, own: _Claim) -> bool:
    """Return whether an earlier batch has one of the messages; delete the claims that expired."""
    entries = await state.entries(f"{CLAIM}.*")
    latest = max((entry.stored_at for entry in entries), default=None)
    is_waiting = False
    for entry in entries:
        if latest is not None and latest - entry.stored_at > _EXPIRY:
            await state.delete(entry.key)
            continue
        try:
            claim = _decode(entry.value)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        is_earlier = (claim.order or entry.sequence) < own.order and claim.holder != own.holder
        is_waiting = is_waiting or (is_earlier and not claim.messages.isdisjoint(own.messages))
    return is_waiting


def _hash(message: ChatMessage) -> str:
    content = f"{message.id} {message.content_hash}"
    return hashlib.blake2b(content.encode(), digest_size=4).hexdigest()
