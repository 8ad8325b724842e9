"""Acknowledgements of messages that were published with a reply subject of their own.

A stream sends one for each message. nats-py reads them in its `publish` only, which waits for each.
"""

from typing import Final

import msgspec
from nats.js.errors import (
    APIError,
    BadRequestError,
    NoStreamResponseError,
    NotFoundError,
    ServerError,
    ServiceUnavailableError,
)

_ERRORS: Final[dict[int, type[APIError]]] = {
    400: BadRequestError,
    404: NotFoundError,
    500: ServerError,
    503: ServiceUnavailableError,
}


class AckError(msgspec.Struct, frozen=True):
    """Why a stream has not stored a message."""

    code: int = 0
    err_code: int = 0
    description: str = ""


class PublishAck(msgspec.Struct, frozen=True):
    """An acknowledgement.

    Attributes:
        stream: name of the stream, empty if the reply is not that of a stream.
        seq: sequence of the message in it.
        error: why the message is not stored, None if it is.
    """

    stream: str = ""
    seq: int = 0
    error: AckError | None = None


_decode: Final = msgspec.json.Decoder(PublishAck).decode


def read_ack(reply: bytes) -> PublishAck | None:
    """Return the acknowledgement; None for another reply, such as that of no responders."""
    try:
        return _decode(reply)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def error_in_ack(reply: bytes) -> APIError | NoStreamResponseError | None:
    """Return the error that nats-py's `publish` would raise, None if the message is stored."""
    if not reply:  # "no responders" has a header only
        return NoStreamResponseError()
    ack = read_ack(reply)
    if ack is None:
        return APIError(description="unreadable response")
    if ack.error is None:
        return None
    kind = _ERRORS.get(ack.error.code, APIError)
    return kind(ack.error.code, ack.error.description, ack.error.err_code)
