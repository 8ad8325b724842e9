"""Storing small objects in an Object Store bucket with one wait instead of three.

nats-py's `put()` asks for the earlier object, sends the chunk and waits, sends the description and
waits. A result is one chunk: here chunk and description are sent together. The server takes them
in this order, so a description never stands there before its chunk.

An object's chunk always has the same subject and replaces the earlier one, so that nothing has to
be asked, and nothing is left behind, when an object is stored again.
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
from nats.js.errors import APIError, NoStreamResponseError

CHUNK: Final = 128 * 1024
"""Size of a chunk in bytes, that of every NATS client: larger objects are not for this writer."""

_REPLACE: Final = {str(Header.ROLLUP.value): "sub"}
_NO_RESPONDERS: Final = "503"


class ObjectWriter:
    """Writes objects of one chunk."""

    def __init__(self, client: Client, bucket: str, *, patience: float = 5.0) -> None:
        """Describe it; `open` before the first object.

        Args:
            client: a connected client.
            bucket: an existing bucket that allows rollup headers, as all object stores do.
            patience: seconds to wait for the server's answer.
        """
        self._client = client
        self._bucket = bucket
        self._patience = patience
        self._inbox = client.new_inbox()
        self._numbers = itertools.count()
        self._waiting: dict[str, asyncio.Future[Exception | None]] = {}

    async def open(self) -> None:
        """Listen for the server's confirmations."""
        await self._client.subscribe(f"{self._inbox}.*", cb=self._on_confirmation)

    async def put(self, name: str, body: bytes) -> None:
        """Store an object in place of one of the same name.

        Args:
            name: key.
            body: at most `CHUNK` bytes.

        Raises:
            nats.js.errors.APIError: the server refuses.
            nats.errors.Error: it is away or does not answer; the object may be stored or not.
        """
        nuid = hashlib.blake2b(name.encode(), digest_size=11).hexdigest()
        digest = base64.urlsafe_b64encode(hashlib.sha256(body).digest()).decode()
        description = {
            "name": name,
            "bucket": self._bucket,
            "nuid": nuid,
            "size": len(body),
            "mtime": datetime.now(UTC).isoformat(),
            "chunks": 1 if body else 0,
            "digest": f"SHA-256={digest}",
            "deleted": False,
            "options": {"max_chunk_size": CHUNK},
        }
        key = base64.urlsafe_b64encode(name.encode()).decode()
        answers: list[asyncio.Future[Exception | None]] = []
        try:
            answers.append(await self._send(f"$O.{self._bucket}.C.{nuid}", body))
            answers.append(await self._send(f"$O.{self._bucket}.M.{key}", _json(description)))
            _, missing = await asyncio.wait(answers, timeout=self._patience)
        finally:
            for answer in answers:
                answer.cancel()
        if missing:
            raise NatsTimeoutError
        chunk_refused, description_refused = (answer.result() for answer in answers)
        if chunk_refused is not None and description_refused is None:
            await self._withdraw(key, description)
        refused = chunk_refused or description_refused
        if refused is not None:
            raise refused

    async def _withdraw(self, key: str, description: dict[str, Any]) -> None:
        """Mark an object as deleted whose chunk was refused."""
        gone = {**description, "size": 0, "chunks": 0, "digest": "", "mtime": "", "deleted": True}
        subject = f"$O.{self._bucket}.M.{key}"
        await self._client.publish(subject, _json(gone), headers=_REPLACE)

    async def _send(self, subject: str, payload: bytes) -> asyncio.Future[Exception | None]:
        number = str(next(self._numbers))
        answer: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        answer.add_done_callback(lambda _: self._waiting.pop(number, None))
        reply = f"{self._inbox}.{number}"
        try:
            await self._client.publish(subject, payload, reply=reply, headers=_REPLACE)
        except BaseException:
            answer.cancel()
            raise
        return answer

    async def _on_confirmation(self, message: Msg) -> None:
        answer = self._waiting.get(message.subject.rpartition(".")[2])
        if answer is not None and not answer.done():
            answer.set_result(_refusal(message))


def _refusal(message: Msg) -> Exception | None:
    """Return what the server has against a message, None when it is stored."""
    if message.headers and message.headers.get("Status") == _NO_RESPONDERS:
        return NoStreamResponseError()
    try:
        error = msgspec.json.decode(message.data).get("error")
        return None if error is None else _as_error(error)
    except (msgspec.DecodeError, AttributeError):
        return APIError(description="an answer that cannot be read")


def _as_error(error: dict[str, Any]) -> Exception:
    try:
        raise APIError.from_error(error)
    except APIError as refusal:
        return refusal


def _json(value: dict[str, Any]) -> bytes:
    return msgspec.json.encode(value)
