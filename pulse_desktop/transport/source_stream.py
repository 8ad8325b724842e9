"""Finding the stream that keeps a subject, if one does and may be read without doing harm."""

from dataclasses import dataclass
from typing import Any

from nats import errors
from nats.js import api
from nats.js.errors import APIError, NotFoundError

from pulse_desktop.model.errors import NoJetStreamError, NotPermittedError
from pulse_desktop.transport.connection import Connection


@dataclass(frozen=True)
class SourceStream:
    """A stream whose messages stay when they are read.

    Attributes:
        name: the stream's name.
        created: Unix seconds; another value means another stream of the same name.
        first: sequence of the oldest message kept.
        last: sequence of the newest message ever stored.
    """

    name: str
    created: float
    first: int
    last: int

    def is_same_as(self, other: "SourceStream") -> bool:
        """Whether a sequence of the one means the same in the other."""
        return (self.name, self.created) == (other.name, other.created)


@dataclass(frozen=True)
class NoStream:
    """That there is no such stream.

    Attributes:
        reason: in plain words.
        settled: whether only a new connection could change it, so that asking again is no use.
    """

    reason: str
    settled: bool = False


async def find_history(
    connection: Connection, subject: str, stored_as: str
) -> SourceStream | NoStream:
    """Look for the stream that keeps all of a subject.

    Args:
        connection: the server.
        subject: what has to be kept completely; may hold wildcards.
        stored_as: subject to search streams by.

    Raises:
        NotConnectedError: the connection was lost meanwhile.
    """
    try:
        js = connection.js
        name = await connection.request(
            js.find_stream_name_by_subject(stored_as), "$JS.API.STREAM.NAMES"
        )
    except NotFoundError:
        return NoStream(f"no stream keeps {subject}")
    except (APIError, errors.Error, NoJetStreamError, NotPermittedError) as error:
        return _unavailable(error)
    return await describe_history(connection, name, subject)


async def describe_history(
    connection: Connection, name: str, subject: str
) -> SourceStream | NoStream:
    """Look at one stream; see `find_history`."""
    try:
        info = await connection.request(
            connection.js.stream_info(name), f"$JS.API.STREAM.INFO.{name}"
        )
    except NotFoundError:
        return NoStream(f"the stream {name} is gone")
    except (APIError, errors.Error, NoJetStreamError, NotPermittedError) as error:
        return _unavailable(error)
    config = info.config
    if not any(subject_matches(pattern, subject) for pattern in config.subjects or ()):
        return NoStream(f"the stream {name} keeps only a part of {subject}")
    if config.retention not in (None, api.RetentionPolicy.LIMITS, "limits"):
        return NoStream(f"the stream {name} forgets what has been handed out")
    created = info.created.timestamp() if info.created is not None else 0.0
    return SourceStream(name, created, info.state.first_seq, info.state.last_seq)


def subject_matches(pattern: str, subject: str) -> bool:
    """Tell whether a pattern matches everything that a subject (or other pattern) stands for."""
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


def _unavailable(error: Any) -> NoStream:
    match error:
        case NoJetStreamError():
            return NoStream("JetStream is off or not ready, so there is no history")
        case NotPermittedError():
            return NoStream(f"history cannot be read: {error.detail.rstrip('.')}", settled=True)
    return NoStream("JetStream did not answer, so there is no history for now")
