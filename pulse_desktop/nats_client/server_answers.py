"""Validation of what a server answers: nats-py reads fields of any type, and fails later."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from nats import errors
from nats.js import api
from nats.js.errors import APIError

from pulse_desktop.text.translation import _


class InvalidAnswerError(errors.Error):
    """A server has answered something that no NATS server does.

    Attributes:
        subject: of the request, or INFO.
    """

    def __init__(self, subject: str) -> None:
        """Describe it.

        Args:
            subject: of the request, or INFO.
        """
        text = _("the server answers {subject} with what is not JetStream's")
        if subject == "INFO":
            text = "nats: unreadable answer when expecting {subject}"  # see `connect_errors`
        super().__init__(text.format(subject=subject))
        self.subject = subject


class _Info(msgspec.Struct):
    """Fields of an INFO that are used; none must be there."""

    server_id: str | None = None
    server_name: str | None = None
    version: str | None = None
    cluster: str | None = None
    domain: str | None = None
    nonce: str | None = None
    client_ip: str | None = None
    jetstream: bool | None = None
    auth_required: bool | None = None
    tls_required: bool | None = None
    tls_available: bool | None = None
    tls_verify: bool | None = None
    headers: bool | None = None
    ldm: bool | None = None
    max_payload: int | None = None
    client_id: int | None = None
    connect_urls: list[str] | None = None


class _StreamState(msgspec.Struct):
    messages: int
    bytes: int
    first_seq: int
    last_seq: int


class _StreamAnswer(msgspec.Struct):
    config: dict[str, Any]
    state: _StreamState


class _ConsumerAnswer(msgspec.Struct):
    name: str
    stream_name: str
    config: dict[str, Any] | None = None
    num_pending: int | None = None
    num_ack_pending: int | None = None


class _AccountAnswer(msgspec.Struct):
    memory: int
    storage: int
    streams: int
    consumers: int
    limits: dict[str, Any]


class _NamesAnswer(msgspec.Struct):
    streams: list[str] | None = None


_ANSWERS: Final[Mapping[str, tuple[type, type[api.Base] | None]]] = {
    "INFO": (_AccountAnswer, api.AccountInfo),
    "STREAM.NAMES": (_NamesAnswer, None),
    "STREAM.INFO": (_StreamAnswer, api.StreamInfo),
    "STREAM.CREATE": (_StreamAnswer, api.StreamInfo),
    "STREAM.UPDATE": (_StreamAnswer, api.StreamInfo),
    "CONSUMER.INFO": (_ConsumerAnswer, api.ConsumerInfo),
}
"""What requests are answered with, by the part of their subject behind `.API.`."""
_NEWER_LIMITS: Final[Mapping[str, Any]] = {
    "max_ack_pending": -1,
    "memory_max_stream_bytes": -1,
    "storage_max_stream_bytes": -1,
    "max_bytes_required": False,
}
"""Limits of an account that servers before 2.8 do not name, and how they are without them."""


def check_info(info: dict[str, Any]) -> None:
    """Check the INFO of a server; addresses of other servers that cannot be read are removed.

    Raises:
        InvalidAnswerError: a field has another type.
    """
    try:
        known = msgspec.convert(info, _Info)
    except msgspec.ValidationError:
        raise InvalidAnswerError("INFO") from None
    if known.connect_urls is not None:
        info["connect_urls"] = [each for each in known.connect_urls if _is_address(each)]


def check_answer(subject: str, answer: Any) -> None:
    """Check what JetStream answers to a request; limits that its version does not know are added.

    Raises:
        InvalidAnswerError: a field is missing, or has another type.
    """
    request = ".".join(subject.partition(".API.")[2].split(".")[:2])  # there may be a domain
    form, value = _ANSWERS.get(request, (dict, None))
    try:
        msgspec.convert(answer, form)
        if form is _AccountAnswer:
            for each in (answer, *(answer.get("tiers") or {}).values()):
                each["limits"] = {**_NEWER_LIMITS, **each["limits"]}
        if value is not None:
            state = {**answer.get("state", {}), "subjects": None}  # there may be very many
            # It changes what it is given: a copy.
            value.from_response(msgspec.to_builtins({**answer, "state": state}))
    except (msgspec.ValidationError, *UNREADABLE):
        raise InvalidAnswerError(subject) from None


def check_api_error(subject: str, error: APIError) -> None:
    """Check an error that JetStream answers.

    Raises:
        InvalidAnswerError: a field has another type.
    """
    codes = (error.code, error.err_code)
    texts = (error.description,)
    is_valid = all(each is None or type(each) is int for each in codes)
    if not is_valid or not all(each is None or isinstance(each, str) for each in texts):
        raise InvalidAnswerError(subject) from None


def one_line(text: str, limit: int) -> str:
    """Return a text of a server as one line of at most `limit` characters."""
    line = " ".join(text[: 4 * limit].split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


UNREADABLE: Final = (ValueError, TypeError, KeyError, AttributeError, RecursionError)
"""What reading an answer of any form raises."""


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(f"nats://{text}")
        return bool(parts.hostname) and parts.port is not None and text.isprintable()
    except ValueError:
        return False
