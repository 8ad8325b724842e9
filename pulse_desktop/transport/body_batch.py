"""Reads the bodies of many small objects with one request.

A request for each costs a client more than the body itself: a subscription of its own or a future,
headers, a timeout. nats-server 2.11 sends the newest message of many subjects for one request, here
the only chunk of each object. Bodies are recognized by their digests, so that no header is read.
"""

import asyncio
import hashlib
import json
import re
from collections.abc import Sequence
from typing import Final

from nats import errors
from nats.aio.msg import Msg

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.protocol.stored_object import StoredObject
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.object_bucket import chunk_subject, digest_of, stream_name

MAX_BODIES: Final = 256
"""The server refuses more than 1,024 subjects."""

MAX_BODY_BYTES: Final = 16 << 10
"""A whole batch is in memory at once: with this limit it has at most 4 MiB."""

TIMEOUT_S: Final = 5.0
MAX_EMPTY_ANSWERS: Final = 3
"""In a row. One is no refusal: the only object of a batch may have been overwritten meanwhile."""

_FIRST_VERSION: Final = (2, 11)


class BodyBatches:
    """Reads bodies of one bucket in batches, as long as the server sends any."""

    def __init__(self, connection: Connection, bucket: str) -> None:
        self._connection = connection
        self._stream = stream_name(bucket)
        self._refused_by = -1  # generation of the connection that sends none
        self._empty_answers = 0

    @property
    def usable(self) -> bool:
        """Whether the server may send bodies in batches."""
        connection = self._connection
        version = re.match(r"(\d+)\.(\d+)", connection.status.server_version)
        if self._refused_by == connection.generation or version is None:
            return False
        return (int(version[1]), int(version[2])) >= _FIRST_VERSION

    async def read(self, objects: Sequence[StoredObject]) -> dict[str, bytes]:
        """Return the bodies that the server sent, by `nuid`; read the others one by one.

        Args:
            objects: at most `MAX_BODIES` that `fits` accepts.

        Raises:
            NotConnectedError: the connection was lost.
        """
        subject = f"$JS.API.DIRECT.GET.{self._stream}"
        try:
            bodies = await self._connection.request(self._collect(objects, subject), subject)
        except UserFacingError:
            if not self._connection.connected:
                raise
            # It is no loss: bodies are read one by one, which is permitted separately.
            self._connection.violations.granted("publish", subject)
            return self._refuse()
        except errors.Error:
            bodies = {}
        self._empty_answers = 0 if bodies else self._empty_answers + 1
        return self._refuse() if self._empty_answers >= MAX_EMPTY_ANSWERS else bodies

    def _refuse(self) -> dict[str, bytes]:
        """Send no more requests on this connection; return no bodies."""
        self._refused_by = self._connection.generation
        self._empty_answers = 0
        return {}

    async def _collect(self, objects: Sequence[StoredObject], subject: str) -> dict[str, bytes]:
        wanted: dict[bytes, list[StoredObject]] = {}
        for stored in objects:
            if (digest := digest_of(stored)) is not None:
                wanted.setdefault(digest, []).append(stored)
        bodies: dict[str, bytes] = {}
        ended = asyncio.Event()

        def receive(_subject: str, payload: bytes) -> None:
            if not payload:  # the end of the batch, or why there is none
                ended.set()
                return
            for stored in wanted.get(hashlib.sha256(payload).digest(), ()):
                if stored.size == len(payload):
                    bodies[stored.nuid] = payload

        async def on_message(message: Msg) -> None:
            receive(message.subject, message.data)

        client = self._connection.client
        inbox = client.new_inbox()
        subscription = await client.subscribe(inbox, cb=on_message)
        try:
            client.deliver_directly(subscription, receive)
            subjects = [chunk_subject(each.bucket, each.nuid) for each in objects]
            request = json.dumps({"multi_last": subjects, "batch": len(objects)}).encode()
            await client.publish(subject, request, reply=inbox)
            async with asyncio.timeout(TIMEOUT_S):
                await ended.wait()
        except TimeoutError:
            pass  # what is missing is read one by one
        finally:
            if client.is_connected:
                await subscription.unsubscribe()
        return bodies


def fits(stored: StoredObject) -> bool:
    """Whether an object can be read in a batch: small, of one chunk, and with a digest."""
    is_small = stored.chunks == 1 and 0 < stored.size <= MAX_BODY_BYTES
    return is_small and not stored.deleted and digest_of(stored) is not None
