"""Reader of small objects: two requests, and nothing left on the server.

The `get()` of nats-py creates a consumer for every object. The server removes it only seconds
later, so that a client which reads many results reaches the limit of 1,000 consumers per stream,
and every read fails. It also waits for ever when the chunks are missing.
"""

import base64
import hashlib
import io
from typing import Final

from nats.js import JetStreamContext
from nats.js.api import ObjectInfo
from nats.js.errors import DigestMismatchError, NotFoundError
from nats.js.object_store import ObjectStore

from pulse_workers.results.object_writer import CHUNK_SIZE

_ATTEMPTS: Final = 3
"""Readings of an object that is replaced between the request for its metadata and its chunk."""


class SmallObjectStore(ObjectStore):
    """nats-py's object store, which reads an object of one chunk without a consumer."""

    def __init__(self, js: JetStreamContext, bucket: str) -> None:
        """Refer to an existing bucket."""
        super().__init__(name=bucket, stream=f"OBJ_{bucket}", js=js)

    async def get(
        self,
        name: str,
        writeinto: io.BufferedIOBase | None = None,
        show_deleted: bool | None = False,
    ) -> ObjectStore.ObjectResult:
        """Read an object; see nats-py.

        Raises:
            ObjectNotFoundError: there is none of this name.
            NotFoundError: its only chunk is missing.
            DigestMismatchError: its content does not match its checksum.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            info = await self.get_info(name, show_deleted)
            small = info.chunks == 1 and (info.size or 0) <= CHUNK_SIZE
            if writeinto is not None or info.is_link() or not small:
                break
            try:
                return ObjectStore.ObjectResult(info, await self._read_chunk(info))
            except (NotFoundError, DigestMismatchError):
                if attempt == _ATTEMPTS:
                    raise
        return await super().get(name, writeinto, show_deleted)

    async def _read_chunk(self, info: ObjectInfo) -> bytes:
        chunk = await self._js.get_last_msg(self._stream, f"$O.{self._name}.C.{info.nuid}")
        data = chunk.data or b""
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
        expected = (info.digest or "").partition("=")[2].rstrip("=")
        if expected and expected != digest:
            raise DigestMismatchError
        return data
