"""The body of a stored object, chunk by chunk, verified; never waiting for what cannot come.

The client library's `get` waits for ever when chunks are missing, joins them in quadratic time and
leaves a consumer behind for every object. Here one chunk is one direct request, and several are
counted before the first is read.
"""

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from nats import errors
from nats.js.errors import APIError, NotFoundError

from pulse_desktop.model.errors import BrokenObjectError, NoJetStreamError, UserFacingError
from pulse_desktop.nats_client.aio import cancel_and_wait
from pulse_desktop.protocol.stored_object import StoredObject
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.object_bucket import chunk_subject, digest_of, stream_name
from pulse_desktop.transport.ordered_consumer import (
    ConsumerResetError,
    DeliverPolicy,
    OrderedConsumer,
)

AHEAD: Final = 64
"""Chunks fetched before they are taken: 8 MiB at the usual size."""


async def read_object_body(
    connection: Connection, stored: StoredObject
) -> AsyncGenerator[bytes, None]:
    """Give the chunks of a body in order.

    Raises:
        BrokenObjectError: chunks are missing or damaged, now or while being read.
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
        raise _broken(stored, f"it should have {stored.size} bytes and has {size}")
    wanted = digest_of(stored)
    if wanted is not None and wanted != digest.digest():
        raise _broken(stored, "its content does not match its checksum")


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
        except errors.NoRespondersError:  # a bucket that does not allow direct access
            message = await connection.request(
                js.get_last_msg(stream, subject), f"$JS.API.STREAM.MSG.GET.{stream}"
            )
    except NotFoundError:
        raise _broken(stored, "its only chunk is missing") from None
    except (APIError, errors.Error) as error:
        raise UserFacingError(f"Cannot read {stored.key}", f"{error}.", "Try again.") from None
    yield message.data or b""


async def _many_chunks(connection: Connection, stored: StoredObject) -> AsyncGenerator[bytes, None]:
    waiting: deque[bytes] = deque()
    came = asyncio.Event()

    def accept(_subject: str, payload: bytes, _at: float, _sequence: int) -> bool:
        waiting.append(payload)
        came.set()
        return True

    reader = OrderedConsumer(
        connection,
        stream_name(stored.bucket),
        chunk_subject(stored.bucket, stored.nuid),
        accept=accept,
        room=lambda: AHEAD - len(waiting),
    )
    try:
        await reader.open(DeliverPolicy(1))
        if reader.pending < stored.chunks:
            raise _broken(stored, f"only {reader.pending} of its {stored.chunks} chunks are there")
        reading = asyncio.ensure_future(reader.follow())
        reading.add_done_callback(lambda _: came.set())
        try:
            for _ in range(stored.chunks):
                while not waiting:
                    if reading.done():
                        raise _ending(stored, reading.exception())
                    came.clear()
                    await connection.run_while_connected(came.wait())
                yield waiting.popleft()
        finally:
            await cancel_and_wait(reading)
    except ConsumerResetError as error:
        raise _ending(stored, error) from None
    finally:
        await reader.close()


def _ending(stored: StoredObject, error: BaseException | None) -> BaseException:
    if isinstance(error, ConsumerResetError):
        return _broken(stored, f"reading it ended early: {error}")
    return error or NoJetStreamError()


def _broken(stored: StoredObject, reason: str) -> BrokenObjectError:
    return BrokenObjectError(
        f"{stored.key} is damaged",
        f"{reason}.",
        "It was overwritten, removed or expired while it was stored or read. Run the task again.",
    )
