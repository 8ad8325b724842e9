"""Writer of small objects: one round trip instead of three.

The `put()` of nats-py requests the earlier object, sends the chunk and waits, sends the metadata
and waits. A result is one chunk: here chunk and metadata are sent together. The server stores them
in this order, so metadata never exists before its chunk.

The chunk of an object always has the same subject and replaces the earlier one, so storing an
object again needs no request and leaves no old chunk behind.
"""

import asyncio
import base64
import hashlib
import itertools
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.api import Header

from pulse_workers.runtime.publish_ack import error_in_ack

CHUNK_SIZE: Final = 128 * 1024
"""Chunk size in bytes that all NATS clients use: larger objects are not for this writer."""

_ROLLUP_HEADERS: Final = {str(Header.ROLLUP.value): "sub"}


class ObjectWriter:
    """Writes objects of one chunk."""

    def __init__(self, client: Client, bucket: str, *, timeout: float = 5.0) -> None:
        """Prepare; call `open` before the first object.

        Args:
            client: a connected client.
            bucket: an existing bucket that allows rollup headers, as all object stores do.
            timeout: seconds to wait for the server's acknowledgements.
        """
        self._client = client
        self._bucket = bucket
        self._timeout = timeout
        self._inbox = client.new_inbox()
        self._numbers = itertools.count()
        self._pending: dict[str, asyncio.Future[Exception | None]] = {}

    async def open(self) -> None:
        """Subscribe to the server's acknowledgements."""
        await self._client.subscribe(f"{self._inbox}.*", cb=self._on_ack)

    async def put(self, name: str, body: bytes) -> None:
        """Store an object, replacing one of the same name.

        Args:
            name: key.
            body: at most `CHUNK_SIZE` bytes.

        Raises:
            nats.js.errors.APIError: the server rejects the object.
            nats.errors.Error: the server is unreachable or does not respond; the object may or
                may not be stored.
        """
        nuid = hashlib.blake2b(name.encode(), digest_size=11).hexdigest()
        digest = base64.urlsafe_b64encode(hashlib.sha256(body).digest()).decode()
        metadata = {
            "name": name,
            "bucket": self._bucket,
            "nuid": nuid,
            "size": len(body),
            "mtime": datetime.now(UTC).isoformat(),
            "chunks": 1 if body else 0,
            "digest": f"SHA-256={digest}",
            "deleted": False,
            "options": {"max_chunk_size": CHUNK_SIZE},
        }
        key = base64.urlsafe_b64encode(name.encode()).decode()
        acks: list[asyncio.Future[Exception | None]] = []
        try:
            acks.append(await self._send(f"$O.{self._bucket}.C.{nuid}", body))
            acks.append(await self._send(f"$O.{self._bucket}.M.{key}", _json(metadata)))
            _, missing = await asyncio.wait(acks, timeout=self._timeout)
        finally:
            for ack in acks:
                ack.cancel()
        if missing:
            raise NatsTimeoutError
        chunk_error, metadata_error = (ack.result() for ack in acks)
        if chunk_error is not None and metadata_error is None:
            await self._mark_deleted(key, metadata)
        error = chunk_error or metadata_error
        if error is not None:
            raise error

    async def _mark_deleted(self, key: str, metadata: dict[str, Any]) -> None:
        """Mark an object as deleted whose chunk was rejected."""
        deleted = {**metadata, "size": 0, "chunks": 0, "digest": "", "mtime": "", "deleted": True}
        subject = f"$O.{self._bucket}.M.{key}"
        await self._client.publish(subject, _json(deleted), headers=_ROLLUP_HEADERS)

    async def _send(self, subject: str, payload: bytes) -> asyncio.Future[Exception | None]:
        number = str(next(self._numbers))
        ack: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self._pending[number] = ack
        ack.add_done_callback(lambda _future: self._pending.pop(number, None))
        reply = f"{self._inbox}.{number}"
        try:
            await self._client.publish(subject, payload, reply=reply, headers=_ROLLUP_HEADERS)
        except BaseException:
            ack.cancel()
            raise
        return ack

    async def _on_ack(self, message: Msg) -> None:
        ack = self._pending.get(message.subject.rpartition(".")[2])
        if ack is not None and not ack.done():
            ack.set_result(error_in_ack(message.data))


def _json(value: dict[str, Any]) -> bytes:
    return msgspec.json.encode(value)
