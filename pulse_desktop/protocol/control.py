"""Commands to workers and their replies, over core NATS request and reply.

Anyone who may publish on these subjects can stop work, so messages are decoded as data with size
limits, and decoding never raises.
"""

import hashlib
import re
from typing import Annotated, Final, TypeVar

import msgspec

CONTROL_ALL: Final = "pulse.control.workers"
"""Every worker that accepts commands subscribes to this subject and replies."""
CONTROL_QUEUE: Final = "pulse.control.queue"
"""One worker of the queue group `CONTROL_GROUP` replies: for commands about the queue."""
CONTROL_GROUP: Final = "pulse-workers"
CONTROL_WORKER_PREFIX: Final = "pulse.control.worker."

PING: Final = "ping"
CANCEL: Final = "cancel"
REMOVE: Final = "remove"
PAUSE: Final = "pause"
RESUME: Final = "resume"
DRAIN: Final = "drain"
LOG_LEVEL: Final = "log_level"
ANNOUNCE: Final = "announce"
COMMANDS: Final = (PING, CANCEL, REMOVE, PAUSE, RESUME, DRAIN, LOG_LEVEL, ANNOUNCE)

ALIVE: Final = "alive"
CANCELLED: Final = "cancelled"
CANCEL_REQUESTED: Final = "asked_to_stop"
NOT_FOUND: Final = "not_here"
REMOVED: Final = "removed"
NOT_QUEUED: Final = "not_queued"
PAUSED: Final = "paused"
RESUMED: Final = "resumed"
DRAINING: Final = "draining"
LOG_LEVEL_SET: Final = "log_level_set"
ANNOUNCED: Final = "announced"
REFUSED: Final = "refused"
UNKNOWN_COMMAND: Final = "unknown_command"

LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")
MAX_CONTROL_BYTES: Final = 16_384
MAX_TOKEN: Final = 512
"""Characters of the token of a worker's identity."""

_Short = Annotated[str, msgspec.Meta(max_length=256)]
_Long = Annotated[str, msgspec.Meta(max_length=2_000)]
T = TypeVar("T")


class ControlRequest(msgspec.Struct, gc=False, frozen=True):
    """A command to one worker or to all.

    Attributes:
        id: UUID version 7; repeated in the reply.
        command: one of `COMMANDS`.
        who: `user@host` of the sender, for the audit event.
        task_id: the task to `cancel` or `remove`.
        level: the level of `log_level`, one of `LOG_LEVELS`.
        reason: the sender's reason, stored in the task's result.
        sequence: of the task to `remove`, its sequence in the task stream if known.
    """

    id: _Short
    command: _Short
    who: _Short = ""
    task_id: _Long | None = None
    level: _Short | None = None
    reason: _Long | None = None
    sequence: int | None = None


class ControlReply(msgspec.Struct, gc=False, frozen=True):
    """A worker's reply to a command.

    Attributes:
        id: id of the request; empty if the request could not be decoded.
        worker: identity of the worker, `name@host:pid`.
        ok: whether the command was carried out, or has begun.
        outcome: one of the outcomes above.
        detail: more for the operator, in English; empty if the outcome is enough.
    """

    id: str
    worker: str
    ok: bool
    outcome: str
    detail: str = ""


def control_token(worker: str) -> str:
    """Return a worker's identity as a subject token: `worker-1_host_4121`.

    That of a long identity ends with a digest: a server accepts no subject of any length.
    """
    token = re.sub(r"[^A-Za-z0-9_-]", "_", worker) or "_"
    if len(token) <= MAX_TOKEN:
        return token
    digest = hashlib.sha256(worker.encode(errors="backslashreplace")).hexdigest()[:32]
    return f"{token[: MAX_TOKEN - 33]}_{digest}"


def control_subject(worker: str) -> str:
    """Return the subject to which only this worker subscribes."""
    return CONTROL_WORKER_PREFIX + control_token(worker)


def encode_request(request: ControlRequest) -> bytes:
    """Encode a command as JSON."""
    return msgspec.json.encode(request)


def decode_request(payload: bytes) -> ControlRequest | None:
    """Decode a command, None if the payload is not one."""
    return _decode(_decode_request, payload)


def encode_reply(reply: ControlReply) -> bytes:
    """Encode a reply as JSON."""
    return msgspec.json.encode(reply)


def decode_reply(payload: bytes) -> ControlReply | None:
    """Decode a reply, None if the payload is not one."""
    return _decode(_decode_reply, payload)


_decode_request: Final = msgspec.json.Decoder(ControlRequest)
_decode_reply: Final = msgspec.json.Decoder(ControlReply)


def _decode(decoder: msgspec.json.Decoder[T], payload: bytes) -> T | None:
    if len(payload) > MAX_CONTROL_BYTES:
        return None
    try:
        payload.decode()  # msgspec does not validate fields that it skips
        return decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
