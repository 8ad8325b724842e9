"""The body of a stored object, chunk by chunk and verified.

nats-py's `get` waits forever when chunks are missing, joins them in quadratic time and leaves a
consumer behind for every object. Here a single chunk is one direct request, and several are counted
before the first is read.
"""

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from nats import errors
from nats.js.errors import APIError, NotFoundError

from pulse_desktop.model.errors import (
    BrokenObjectError,
    NotConnectedError,
    NotPermittedError,
    UserFacingError,
)
from pulse_desktop.nats_client.aio import cancel_and_wait
from pulse_desktop.protocol.stored_object import StoredObject
from pulse_desktop.text.translation import _, ngettext
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.object_bucket import chunk_subject, digest_of, stream_name
from pulse_desktop.transport.ordered_consumer import (
    ConsumerResetError,
    DeliverPolicy,
    OrderedConsumer,
)

MAX_PREFETCH: Final = 64
"""Chunks read ahead: 8 MiB at the usual size."""


async def read_object_body(
    connection: Connection, stored: StoredObject
) -> AsyncGenerator[bytes, None]:
    """Yield the chunks of a body in order.

    Raises:
        BrokenObjectError: chunks are missing or damaged.
        NotConnectedError, NotPermittedError, NoJetStreamError: at the first chunk or later.
    """
    digest = hashlib.sha256()
    size = 0
    chunks = _one_chunk if stored.chunks == 1 else _many_chunks
    if stored.chunks:
        async with aclosing(chunks(connection, stored)) as body:
            async for chunk in body:
                digest.update(chunk)
                size += len(chunk)
                if size > stored.size:
                    break
                yield chunk
    if size != stored.size:
        reason = _("it should have {expected} bytes and has {size}")
        raise _broken(stored, reason.format(expected=stored.size, size=size))
    expected = digest_of(stored)
    if expected is not None and expected != digest.digest():
        raise _broken(stored, _("its content does not match its checksum"))


async def _one_chunk(connection: Connection, stored: StoredObject) -> AsyncGenerator[bytes, None]:
    stream = stream_name(stored.bucket)
    subject = chunk_subject(stored.bucket, stored.nuid)
    js = connection.js
    try:
        try:
            message = await connection.request(
                js.get_last_msg(stream, subject, direct=True),
                f"$JS.API.DIRECT.GET.{stream}.{subject}",
            )
        except (errors.NoRespondersError, NotPermittedError):
            # A bucket that does not allow direct access, or a user who may not use it.
            message = await connection.request(
                js.get_last_msg(stream, subject), f"$JS.API.STREAM.MSG.GET.{stream}"
            )
    except NotFoundError:
        raise _broken(stored, _("its only chunk is missing")) from None
    except (APIError, errors.Error) as error:
        title = _("Cannot read {key}").format(key=stored.key)
        raise UserFacingError(title, f"{error}.", _("Try again.")) from None
    yield message.data or b""


async def _many_chunks(connection: Connection, stored: StoredObject) -> AsyncGenerator[bytes, None]:
    chunks: deque[bytes] = deque()
    arrived = asyncio.Event()

    def accept(_subject: str, payload: bytes, _at: float, _sequence: int) -> bool:
        chunks.append(payload)
        arrived.set()
        return True

    consumer = OrderedConsumer(
        connection,
        stream_name(stored.bucket),
        chunk_subject(stored.bucket, stored.nuid),
        accept=accept,
        room=lambda: MAX_PREFETCH - len(chunks),
    )
    try:
        await consumer.open(DeliverPolicy(1))
        if consumer.pending < stored.chunks:
            reason = ngettext(
                "only {found} of its {count} chunk exists",
                "only {found} of its {count} chunks exist",
                stored.chunks,
            )
            raise _broken(stored, reason.format(found=consumer.pending, count=stored.chunks))
        consuming = asyncio.ensure_future(consumer.run())
        consuming.add_done_callback(lambda _task: arrived.set())
        try:
            for _index in range(stored.chunks):
                while not chunks:
                    if consuming.done():
                        raise _read_error(stored, consuming.exception())
                    if consumer.at_end.is_set():
                        raise _broken(stored, _("some of its chunks were deleted meanwhile"))
                    arrived.clear()
                    await connection.run_while_connected(arrived.wait())
                yield chunks.popleft()
        finally:
            await cancel_and_wait(consuming)
    except ConsumerResetError as error:
        raise _read_error(stored, error) from None
    finally:
        await consumer.close()


def _read_error(stored: StoredObject, error: BaseException | None) -> BaseException:
    if isinstance(error, ConsumerResetError):
        reason = _("reading it ended early: {error}")
        return _broken(stored, reason.format(error=error))
    return error or NotConnectedError()


def _broken(stored: StoredObject, reason: str) -> BrokenObjectError:
    return BrokenObjectError(
        _("{key} is damaged").format(key=stored.key),
        f"{reason}.",
        _(
            "It was overwritten, removed or expired while it was stored or read. Run the task "
            "again."
        ),
    )
