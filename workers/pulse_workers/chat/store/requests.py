"""Requests to JetStream in bulk: a bounded number is in flight, instead of one.

A request that waits for its answer costs a round trip. Here hundreds are sent together, and their
answers are read without building a message object for each.
"""

import asyncio
import itertools
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.errors import APIError, NoStreamResponseError, ServiceUnavailableError

from pulse_desktop.nats_client.client import server_info
from pulse_desktop.nats_client.fast_path import FastPathClient
from pulse_workers.errors import ValueRefusedError
from pulse_workers.runtime.publish_ack import error_in_ack

MAX_IN_FLIGHT: Final = 256
MAX_BYTES_IN_FLIGHT: Final = 4 << 20
TIMEOUT_S: Final = 20.0
_MAX_SHOWN: Final = 100
MAX_SUBJECT_BYTES: Final = 2_000
"""The server closes the connection of a client that sends a line of more than 4,096 bytes."""
_SUBJECT_PART: Final = r"[^\s\0-\x20.*>\ud800-\udfff]+"
_VALID_SUBJECT: Final = re.compile(rf"{_SUBJECT_PART}(\.{_SUBJECT_PART})*")
_TOO_LARGE_CODES: Final = frozenset({10054, 10097})
"""The value or its headers exceed the limit of the stream."""
_BATCH_VERSION: Final = (2, 11)
"""The version of nats-server from which on many values can be read with one request."""


class Write(NamedTuple):
    """A value to store.

    Attributes:
        subject: of the key.
        value: the value.
        revision: expected revision of the key, 0 if it must not exist; None stores in any case.
        is_deletion: whether a delete marker is stored, without a value.
    """

    subject: str
    value: bytes
    revision: int | None = None
    is_deletion: bool = False

    @property
    def headers(self) -> dict[str, str] | None:
        """Headers of the message, None without any."""
        headers: dict[str, str] = {}
        if self.revision is not None:
            headers["Nats-Expected-Last-Subject-Sequence"] = str(self.revision)
        if self.is_deletion:
            headers["KV-Operation"] = "DEL"
        return headers or None

    @property
    def size(self) -> int:
        """Bytes that count towards the server's `max_payload`: those of the value and headers."""
        headers = self.headers
        if headers is None:
            return len(self.value)
        lines = sum(len(name) + len(value) + len(": \r\n") for name, value in headers.items())
        return len(self.value) + len("NATS/1.0\r\n\r\n") + lines


class Stored(NamedTuple):
    """A value that was read, and when it was stored; `value` is empty for a deleted key."""

    subject: str
    value: bytes
    revision: int
    stored_at: datetime


WriteError = APIError | ValueRefusedError
"""Why a value is not stored."""


class BulkRequests:
    """Writes and reads many values of buckets at a time."""

    def __init__(self, client: Client) -> None:
        """Prepare; call `open` before the first request."""
        self._client = client
        self._inbox = f"{client.new_inbox()}."
        self._numbers = itertools.count()
        self._acks: dict[str, asyncio.Future[bytes]] = {}
        self._reads: dict[str, _BatchRead] = {}

    async def open(self) -> None:
        """Subscribe to the answers."""
        acks = await self._client.subscribe(f"{self._inbox}w.*", cb=self._on_ack_message)
        if isinstance(self._client, FastPathClient):
            self._client.deliver_directly(acks, self._on_ack)
        await self._client.subscribe(
            f"{self._inbox}r.*", cb=self._on_read, pending_bytes_limit=1 << 30
        )

    @property
    def server(self) -> str:
        """URL of the connected server without a login, empty without a connection."""
        url = self._client.connected_url
        return f"{url.scheme}://{url.netloc.rpartition('@')[2]}" if url is not None else ""

    @property
    def max_bytes(self) -> int:
        """Maximum size of a value with its headers."""
        return self._client.max_payload

    async def write(self, writes: Sequence[Write]) -> list[WriteError | None]:
        """Store values; return the error of each, None for one that is stored.

        A value that can never be stored is not sent: nothing else is sent after the server has
        closed the connection because of it.

        Raises:
            nats.errors.Error: the server is unreachable or does not respond; each of the values
                may or may not be stored.
        """
        refusals = [_refusal(write, self.max_bytes) for write in writes]
        accepted = [write for write, error in zip(writes, refusals, strict=True) if error is None]
        errors: list[WriteError | None] = []
        for part in _parts(accepted):
            errors.extend(await self._write(part))
        outcomes = iter(errors)
        return [next(outcomes) if refusal is None else refusal for refusal in refusals]

    async def _write(self, writes: Sequence[Write]) -> list[WriteError | None]:
        loop = asyncio.get_running_loop()
        sent: list[tuple[str, asyncio.Future[bytes]]] = []
        try:
            for write in writes:
                reply = f"{self._inbox}w.{next(self._numbers)}"
                ack = self._acks[reply] = loop.create_future()
                sent.append((reply, ack))
                await self._client.publish(
                    write.subject, write.value, reply=reply, headers=write.headers
                )
            _, missing = await asyncio.wait([ack for _, ack in sent], timeout=TIMEOUT_S)
            if missing:
                raise NatsTimeoutError
            acks = (ack.result() for _, ack in sent)
            return [_error_in(ack, write) for ack, write in zip(acks, writes, strict=True)]
        finally:
            for reply, ack in sent:
                self._acks.pop(reply, None)
                ack.cancel()

    async def read(self, stream: str, subjects: Sequence[str]) -> dict[str, Stored] | None:
        """Return the last value of each subject that has one.

        Returns:
            None if the server cannot read many values with one request.

        Raises:
            nats.errors.Error: the server is unreachable or does not respond.
        """
        if _version(self._client) < _BATCH_VERSION:
            return None
        found: dict[str, Stored] = {}
        for first in range(0, len(subjects), MAX_IN_FLIGHT):
            remaining = list(subjects[first : first + MAX_IN_FLIGHT])
            while remaining:
                read = await self._read(stream, remaining)
                if read.is_unsupported:
                    return None
                found.update(read.found)
                if not read.pending:
                    break
                remaining = [subject for subject in remaining if subject not in read.found]
        return found

    async def _read(self, stream: str, subjects: Sequence[str]) -> "_BatchRead":
        reply = f"{self._inbox}r.{next(self._numbers)}"
        read = self._reads[reply] = _BatchRead()
        try:
            request = msgspec.json.encode({"multi_last": subjects})
            await self._client.publish(f"$JS.API.DIRECT.GET.{stream}", request, reply=reply)
            async with asyncio.timeout(TIMEOUT_S):
                await read.done.wait()
        except TimeoutError:
            raise NatsTimeoutError from None
        finally:
            del self._reads[reply]
        return read

    async def _on_ack_message(self, message: Msg) -> None:
        self._on_ack(message.subject, message.data)

    def _on_ack(self, reply: str, data: bytes) -> None:
        ack = self._acks.get(reply)
        if ack is not None and not ack.done():
            ack.set_result(data)

    async def _on_read(self, message: Msg) -> None:
        read = self._reads.get(message.subject)
        if read is not None:
            read.add(message)


class _BatchRead:
    """The answers to one request for many values."""

    def __init__(self) -> None:
        self.found: dict[str, Stored] = {}
        self.pending = 0
        self.is_unsupported = False
        self.done = asyncio.Event()

    def add(self, message: Msg) -> None:
        headers = message.headers or {}
        status = headers.get("Status")
        if status is None:
            subject = headers["Nats-Subject"]
            value = b"" if "KV-Operation" in headers else message.data
            stored_at = datetime.fromisoformat(headers["Nats-Time-Stamp"])
            self.found[subject] = Stored(subject, value, int(headers["Nats-Sequence"]), stored_at)
            return
        self.pending = int(headers.get("Nats-Num-Pending", 0)) if status == "204" else 0
        self.is_unsupported = status not in ("204", "404")
        self.done.set()


def _parts(writes: Sequence[Write]) -> list[Sequence[Write]]:
    """Split writes into parts that may be in flight together."""
    parts: list[Sequence[Write]] = []
    first = size = 0
    for index, write in enumerate(writes):
        if index - first >= MAX_IN_FLIGHT or (
            size and size + len(write.value) > MAX_BYTES_IN_FLIGHT
        ):
            parts.append(writes[first:index])
            first, size = index, 0
        size += len(write.value)
    if first < len(writes):
        parts.append(writes[first:])
    return parts


def is_valid_subject(subject: str) -> bool:
    """Return whether a value can be stored under a subject, and requested by it."""
    return (
        len(subject.encode(errors="replace")) <= MAX_SUBJECT_BYTES
        and _VALID_SUBJECT.fullmatch(subject) is not None
    )


def _refusal(write: Write, max_bytes: int) -> ValueRefusedError | None:
    """Return why a value can never be stored, None if it may be."""
    if not is_valid_subject(write.subject):
        return ValueRefusedError(f"no value can have the key {write.subject[:_MAX_SHOWN]!r}")
    if write.size > max_bytes:
        return ValueRefusedError(
            f"{write.size:,} bytes exceed the {max_bytes:,} that the server accepts (max_payload)"
        )
    return None


def _error_in(data: bytes, write: Write) -> WriteError | None:
    """Return the error of an acknowledgement of a write, None if the value is stored."""
    error = error_in_ack(data)
    if isinstance(error, NoStreamResponseError):
        bucket = write.subject.removeprefix("$KV.").partition(".")[0]
        text = f"there is no bucket {bucket}; pulse-worker provision creates it"
        return ServiceUnavailableError(code=503, description=text)
    if error is not None and error.err_code in _TOO_LARGE_CODES:
        return ValueRefusedError(f"the bucket refuses the value: {error.description}")
    return error


def _version(client: Client) -> tuple[int, ...]:
    parts = server_info(client).version.split("-")[0].split(".")
    return tuple(int(part) for part in parts if part.isdecimal())
