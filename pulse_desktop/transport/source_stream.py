"""Source streams: find the stream that stores a subject, if it can be read without side effects."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import msgspec
from nats import errors
from nats.js import api
from nats.js.errors import APIError, NotFoundError

from pulse_desktop.model.errors import (
    JetStreamNotReadyError,
    NoJetStreamError,
    NotPermittedError,
    UserFacingError,
)
from pulse_desktop.text.translation import _
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.ordered_consumer import ConsumerResetError
from pulse_desktop.transport.stream_limits import StreamLimits, stream_limits

_UNAVAILABLE: Final = (
    APIError,
    errors.Error,
    JetStreamNotReadyError,
    NoJetStreamError,
    NotPermittedError,
)
API_TIMEOUT_S: Final = 5.0


@dataclass(frozen=True)
class SourceStream:
    """A stream that keeps messages after they have been read.

    Attributes:
        name: the stream's name.
        created: Unix seconds; another value means another stream of the same name.
        first: sequence of the oldest message kept.
        last: sequence of the newest message ever stored.
        limits: what removes its oldest messages.
    """

    name: str
    created: float
    first: int
    last: int
    limits: StreamLimits = field(default=StreamLimits(), compare=False)

    def is_same_as(self, other: "SourceStream") -> bool:
        """Whether sequences of one are valid in the other."""
        return (self.name, self.created) == (other.name, other.created)


@dataclass(frozen=True)
class NoStream:
    """The absence of a stream that can be read.

    Attributes:
        reason: a sentence without its full stop.
        unreadable: whether there may be stored messages nevertheless.
        missing: whether no stream stores any of the subject, so that one could be made.
        absent: whether there is no stream of the name that was asked for.
    """

    reason: str
    unreadable: bool = False
    missing: bool = False
    absent: bool = False


async def find_source_stream(
    connection: Connection, subject: str, stored_as: str, name: str = ""
) -> SourceStream | NoStream:
    """Find the stream that stores all messages of a subject.

    Args:
        connection: the server.
        subject: what has to be stored completely; may hold wildcards.
        stored_as: subject to search streams by.
        name: of the stream, empty to search it.

    Raises:
        NotConnectedError: the connection was lost meanwhile.
    """
    if name:
        return await describe_stream(connection, name, subject)
    try:
        js = connection.js
        name = await connection.request(
            js.find_stream_name_by_subject(stored_as), "$JS.API.STREAM.NAMES"
        )
    except NotFoundError:
        return NoStream(_("no stream stores {subject}").format(subject=subject), missing=True)
    except _UNAVAILABLE as error:
        return no_stream(error)
    return await describe_stream(connection, name, subject)


async def describe_stream(
    connection: Connection, name: str, subject: str
) -> SourceStream | NoStream:
    """Return a stream by name, or why it cannot be read; see `find_source_stream`."""
    try:
        info = await connection.request(
            connection.js.stream_info(name), f"$JS.API.STREAM.INFO.{name}"
        )
    except NotFoundError:
        return NoStream(_("there is no stream {stream}").format(stream=name), absent=True)
    except _UNAVAILABLE as error:
        return no_stream(error)
    config = info.config
    if not any(subject_matches(pattern, subject) for pattern in config.subjects or ()):
        text = _("the stream {stream} stores only a part of {subject}")
        return NoStream(text.format(stream=name, subject=subject))
    if config.retention not in (None, api.RetentionPolicy.LIMITS, "limits"):
        text = _("the stream {stream} removes messages once they are delivered")
        return NoStream(text.format(stream=name))
    created = info.created.timestamp() if info.created is not None else 0.0
    state = info.state
    return SourceStream(name, created, state.first_seq, state.last_seq, stream_limits(info))


async def stored_since(connection: Connection, name: str) -> float | None:
    """Return Unix seconds when the oldest message of a stream was stored, None if that is unknown.

    Of an empty stream it is when the last message that was removed had been stored. nats-py leaves
    out these times of the server's description.

    Raises:
        NotConnectedError: the connection was lost meanwhile.
    """
    subject = f"$JS.API.STREAM.INFO.{name}"
    try:
        answer = await connection.request(
            connection.client.request(subject, b"", timeout=API_TIMEOUT_S), subject
        )
        state = msgspec.json.decode(answer.data, type=_Description).state
    except (*_UNAVAILABLE, msgspec.DecodeError):
        return None
    return (state.first_ts if state.messages else state.last_ts).timestamp()


class _State(msgspec.Struct):
    messages: int
    first_ts: datetime
    last_ts: datetime


class _Description(msgspec.Struct):
    state: _State


def deletion_text(stream: SourceStream, found: SourceStream | NoStream) -> str:
    """Return how a stream was lost while it was read, empty if it may still be read.

    Args:
        stream: which.
        found: what there is instead of it.
    """
    name = stream.name
    if isinstance(found, NoStream):
        if found.absent or found.missing:
            return _("the stream {stream} was deleted while it was read").format(stream=name)
        return "" if found.unreadable else found.reason
    if found.is_same_as(stream):
        return ""
    return _("the stream {stream} was deleted and made again while it was read").format(stream=name)


def purge_text(stream: SourceStream) -> str:
    """Return that messages of a stream were deleted while it was read."""
    text = _("messages of the stream {stream} were deleted while it was read")
    return text.format(stream=stream.name)


def subject_matches(pattern: str, subject: str) -> bool:
    """Whether a pattern matches a subject, or every subject that another pattern matches."""
    wanted = subject.split(".")
    parts = pattern.split(".")
    for position, part in enumerate(parts):
        if part == ">":
            return len(wanted) > position
        if position >= len(wanted):
            return False
        if wanted[position] == ">" or part not in ("*", wanted[position]):
            return False
    return len(parts) == len(wanted)


def no_stream(error: Exception) -> NoStream:
    """Return why streams cannot be read, from the error of a request."""
    match error:
        case NoJetStreamError():
            text = _("no history: {reason}")
            return NoStream(text.format(reason=error.detail.rstrip(".")))
        case JetStreamNotReadyError():
            return NoStream(
                _("JetStream is not ready, so there is no history yet"), unreadable=True
            )
        case UserFacingError():
            text = _("history cannot be read: {reason}")
            reason = (error.detail or error.title).rstrip(".")
            return NoStream(text.format(reason=reason), unreadable=True)
        case ConsumerResetError():
            text = _("history cannot be read: {reason}")
            return NoStream(text.format(reason=error), unreadable=True)
    return NoStream(_("JetStream did not respond, so there is no history for now"), unreadable=True)
