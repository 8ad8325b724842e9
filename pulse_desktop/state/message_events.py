"""Decode the events of chat messages: what they say of the message, or of its score."""

from typing import Annotated, Any, Final

import msgspec

from pulse_desktop.protocol.event import Event, decoded_fields
from pulse_desktop.state.coerce import MAX_TEXT, to_float, to_text

ATTACHMENT: Final = "attachment"
"""Placeholder of a message with attachments whose names are unknown."""
NO_TEXT: Final = "no text"
"""Placeholder of a message without text and attachments."""
_MAX_ATTACHMENTS: Final = 4
_MAX_PLACEHOLDER: Final = 120

_Id = str | Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]


class MessageEvent(msgspec.Struct, gc=False):
    """Data of `message.new` and `message.updated`, as our workers send it."""

    external_message_id: str = ""
    id: _Id = ""
    content: str | None = None
    author: str | None = None
    author_name: str | None = None
    source_name: str | None = None
    sent_at: str | float | None = None
    task_id: str | None = None
    attachments: list[str] | None = None
    media_type: str | None = None


class ScoreEvent(msgspec.Struct, gc=False):
    """Data of `message.scored`, as our workers send it."""

    message_id: _Id
    importance_score: float | None
    classification: str
    external_message_id: str = ""
    factors: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    noise_factors: dict[str, Any] = {}
    task_id: str | None = None


_decode_message = msgspec.json.Decoder(MessageEvent).decode
_decode_score = msgspec.json.Decoder(ScoreEvent).decode


def read_message(event: Event, body: msgspec.Raw | None) -> MessageEvent:
    """Decode a message event: at once if it has the documented form, else field by field."""
    if body is not None and len(body) <= MAX_TEXT:
        try:
            return _decode_message(body)
        except (msgspec.DecodeError, RecursionError):
            pass
    data = decoded_fields(event, body)
    author = data.get("author")
    if isinstance(author, dict):
        author = author.get("name")
    sent_at, names = data.get("sent_at"), data.get("attachments")
    return MessageEvent(
        to_text(data.get("external_message_id")),
        to_text(data.get("id")),
        None if data.get("content") is None else to_text(data["content"]),
        to_text(author),
        to_text(data.get("author_name")),
        to_text(data.get("source_name")),
        sent_at if isinstance(sent_at, (str, int, float)) else None,
        to_text(data.get("task_id")),
        [to_text(name) for name in names[:_MAX_ATTACHMENTS]] if isinstance(names, list) else None,
        to_text(data.get("media_type")),
    )


def placeholder_of(data: MessageEvent) -> str:
    """Return what a message has instead of text: a media type, or the names of its attachments."""
    names = [name for name in (data.attachments or ())[:_MAX_ATTACHMENTS] if name]
    if data.media_type:
        return data.media_type.replace("_", " ")[:_MAX_PLACEHOLDER]
    if names:
        return ", ".join(names)[:_MAX_PLACEHOLDER]
    if data.attachments:
        return ATTACHMENT
    return NO_TEXT if data.content is not None else ""


def read_score(event: Event, body: msgspec.Raw | None) -> ScoreEvent:
    """Decode a score event: at once if it has the documented form, else field by field."""
    if body is not None and len(body) <= MAX_TEXT:
        try:
            return _decode_score(body)
        except (msgspec.DecodeError, RecursionError):
            pass
    data = decoded_fields(event, body)
    factors = data.get("factors", data.get("noise_factors"))
    return ScoreEvent(
        to_text(data.get("message_id")),
        to_float(data.get("importance_score")),
        to_text(data.get("classification")),
        to_text(data.get("external_message_id")),
        factors if isinstance(factors, dict) else {},
        task_id=to_text(data.get("task_id")),
    )
