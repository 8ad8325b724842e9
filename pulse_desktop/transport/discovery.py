"""Discovery of TaskIQ systems on a server: subjects that hold tasks, buckets that hold results.

Only what is stored can be recognized: a stream by its newest messages, a bucket by its newest
objects. Nothing is created or consumed on the server.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from nats import errors
from nats.js.errors import APIError

from pulse_desktop.model.errors import NotConnectedError, UserFacingError
from pulse_desktop.protocol.task_message import MalformedTaskError, decode_task
from pulse_desktop.protocol.taskiq_names import TaskiqNames
from pulse_desktop.text.translation import _
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.object_body import read_object_body
from pulse_desktop.transport.object_bucket import (
    STREAM_PREFIX,
    UnreadableMetaError,
    decode_meta,
    is_progress,
    meta_subjects,
)

API_TIMEOUT_S: Final = 5.0
MAX_STREAMS: Final = 500
MAX_SUBJECTS: Final = 8
"""Subjects of one stream that are looked at."""
MAX_BODY: Final = 65_536
"""Larger objects are not read to learn whether they are results."""
_OBJECTS: Final = 5
_SKIPPED: Final = ("KV_", STREAM_PREFIX)


@dataclass(frozen=True)
class FoundQueue:
    """A subject whose stored messages are TaskIQ tasks.

    Attributes:
        subject: where tasks are published.
        stream: stores the subject.
        consumer: durable consumer of the workers, empty when there is none.
    """

    subject: str
    stream: str
    consumer: str = ""


@dataclass(frozen=True)
class Discovery:
    """Task queues and result buckets found on a server.

    Attributes:
        queues: task subjects, sorted.
        buckets: names of the buckets that hold results, sorted.
    """

    queues: tuple[FoundQueue, ...] = ()
    buckets: tuple[str, ...] = ()


class _Config(msgspec.Struct):
    name: str
    subjects: list[str] = []


class _State(msgspec.Struct):
    messages: int = 0
    last_seq: int = 0


class _Stream(msgspec.Struct):
    config: _Config
    state: _State


class _StreamPage(msgspec.Struct):
    streams: list[_Stream] | None = None
    total: int = 0


_UNREADABLE: Final = (APIError, errors.Error, UserFacingError, UnreadableMetaError)


async def discover(
    connection: Connection, is_result: Callable[[bytes], Awaitable[bool]]
) -> Discovery:
    """Look for tasks and results in all streams and buckets that may be read.

    Args:
        connection: to the server.
        is_result: whether a stored body is a TaskIQ result; decoding it may be expensive.

    Raises:
        NotConnectedError: the connection was lost.
        NoJetStreamError, NotPermittedError, UserFacingError: the streams cannot be listed.
    """
    queues: dict[str, FoundQueue] = {}
    buckets: list[str] = []
    async for stream in _streams(connection):
        name = stream.config.name
        try:
            if name.startswith(STREAM_PREFIX):
                bucket = name.removeprefix(STREAM_PREFIX)
                if await _holds_results(connection, bucket, stream.state, is_result):
                    buckets.append(bucket)
            elif stream.state.messages and not name.startswith(_SKIPPED):
                for queue in await _find_queues(connection, stream):
                    queues.setdefault(queue.subject, queue)
        except NotConnectedError:
            raise
        except _UNREADABLE:
            continue
    return Discovery(tuple(queues[key] for key in sorted(queues)), tuple(sorted(buckets)))


async def _streams(connection: Connection) -> AsyncIterator[_Stream]:
    subject = "$JS.API.STREAM.LIST"
    seen = 0
    while seen < MAX_STREAMS:
        _js = connection.js  # raises without JetStream
        request = msgspec.json.encode({"offset": seen})
        try:
            response = await connection.request(
                connection.client.request(subject, request, timeout=API_TIMEOUT_S), subject
            )
        except errors.Error:
            raise UserFacingError(
                _("Cannot list the streams"),
                _("the server did not respond in time."),
                _("Try again."),
            ) from None
        try:
            page = msgspec.json.decode(response.data, type=_StreamPage)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return
        for stream in page.streams or ():
            yield stream
        seen += len(page.streams or ())
        if not page.streams or seen >= page.total:
            return


async def _find_queues(connection: Connection, stream: _Stream) -> list[FoundQueue]:
    """Return the subjects of a stream whose newest message is a task."""
    name = stream.config.name
    consumers = await connection.request(
        connection.js.consumers_info(name), f"$JS.API.CONSUMER.LIST.{name}"
    )
    filters = {
        each.name: tuple(each.config.filter_subjects or ()) or (each.config.filter_subject or "",)
        for each in consumers
        if each.config.ack_policy != "none"
    }
    newest = await _message(connection, name, seq=stream.state.last_seq)
    named = [*stream.config.subjects, *(each for one in filters.values() for each in one)]
    subjects = [newest[0]] if newest else []
    subjects += [each for each in named if each and not set(each.split(".")) & {"*", ">"}]
    found = []
    for subject in list(dict.fromkeys(subjects))[:MAX_SUBJECTS]:
        stored = await _message(connection, name, subject=subject)
        if stored is None or not _is_task(stored[1]):
            continue
        consumer = next(
            (each for each, wanted in filters.items() if subject in wanted),
            next((each for each, wanted in filters.items() if wanted == ("",)), ""),
        )
        found.append(FoundQueue(subject, name, consumer))
    return found


async def _message(connection: Connection, stream: str, **which: Any) -> tuple[str, bytes] | None:
    """Return subject and payload of a stored message, None when it does not exist any more."""
    try:
        message = await connection.request(
            connection.js.get_last_msg(stream, which["subject"])
            if "subject" in which
            else connection.js.get_msg(stream, **which),
            f"$JS.API.STREAM.MSG.GET.{stream}",
        )
    except APIError:
        return None
    return message.subject or "", message.data or b""


def _is_task(payload: bytes) -> bool:
    try:
        decode_task(payload)
    except MalformedTaskError:
        return False
    return True


async def _holds_results(
    connection: Connection,
    bucket: str,
    state: _State,
    is_result: Callable[[bytes], Awaitable[bool]],
) -> bool:
    """Whether one of the newest objects of a bucket is a TaskIQ result."""
    stream = STREAM_PREFIX + bucket
    sequence = max(1, state.last_seq - 2 * _OBJECTS)
    for _attempt in range(2 * _OBJECTS + 1):
        try:
            message = await connection.request(
                connection.js.get_msg(
                    stream, seq=sequence, subject=meta_subjects(bucket), next=True
                ),
                f"$JS.API.STREAM.MSG.GET.{stream}",
            )
        except APIError:
            return False
        sequence = (message.seq or sequence) + 1
        if is_progress(message.subject or ""):
            continue
        stored = decode_meta(bucket, message.data or b"", 0.0, message.seq or 0)
        if stored.deleted or not stored.chunks or stored.size > MAX_BODY:
            continue
        body = b"".join([chunk async for chunk in read_object_body(connection, stored)])
        if await is_result(body):
            return True
    return False


def unmonitored(found: Discovery, names: TaskiqNames) -> tuple[list[FoundQueue], list[str]]:
    """Return the queues and buckets found that a session with these names does not follow."""
    return (
        [queue for queue in found.queues if queue.subject != names.subject],
        [name for name in found.buckets if name != names.bucket],
    )
