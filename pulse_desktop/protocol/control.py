"""What an operator may ask of workers, and what they answer.

Core NATS request and reply. Whoever may publish on these subjects may stop work, so whatever
arrives there is read as data with limits, and reading never raises.
"""

import re
from typing import Annotated, Final, TypeVar

import msgspec

CONTROL_ALL: Final = "pulse.control.workers"
"""Heard by every worker that allows control; each of them answers."""
CONTROL_QUEUE: Final = "pulse.control.queue"
"""Heard by exactly one worker (`CONTROL_GROUP`): for what concerns the queue as a whole."""
CONTROL_GROUP: Final = "pulse-workers"
CONTROL_WORKER_PREFIX: Final = "pulse.control.worker."

PING: Final = "ping"
CANCEL: Final = "cancel"
REMOVE: Final = "remove"
PAUSE: Final = "pause"
RESUME: Final = "resume"
DRAIN: Final = "drain"
LOG_LEVEL: Final = "log_level"
COMMANDS: Final = (PING, CANCEL, REMOVE, PAUSE, RESUME, DRAIN, LOG_LEVEL)

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
REFUSED: Final = "refused"
UNKNOWN_COMMAND: Final = "unknown_command"

LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")
MAX_CONTROL_BYTES: Final = 16_384

_Short = Annotated[str, msgspec.Meta(max_length=256)]
_Long = Annotated[str, msgspec.Meta(max_length=2_000)]
T = TypeVar("T")


class ControlRequest(msgspec.Struct, gc=False, frozen=True):
    """One command.

    Attributes:
        id: made by whoever asks (a UUID version 7); repeated in the answer.
        command: one of `COMMANDS`.
        who: `user@host` of whoever asks; stands in the audit event.
        task_id: of `cancel` and `remove`.
        level: of `log_level`: one of `LOG_LEVELS`.
        reason: in the asker's words; stands in the task's result.
        sequence: of `remove`: the message's place in the task stream, if known.
    """

    id: _Short
    command: _Short
    who: _Short = ""
    task_id: _Long | None = None
    level: _Short | None = None
    reason: _Long | None = None
    sequence: int | None = None


class ControlReply(msgspec.Struct, gc=False, frozen=True):
    """What became of a command.

    Attributes:
        id: the request's; empty when the request could not be read.
        worker: who answers, `name@host:pid`.
        ok: whether what was asked for is done, or under way.
        outcome: one of the words above.
        detail: in words for the operator; empty when the outcome says it all.
    """

    id: str
    worker: str
    ok: bool
    outcome: str
    detail: str = ""


def control_token(worker: str) -> str:
    """Return a worker's identity as one token of a subject: `worker-1_host_4121`."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", worker) or "_"


def control_subject(worker: str) -> str:
    """Return the subject heard by this worker alone."""
    return CONTROL_WORKER_PREFIX + control_token(worker)


def encode_request(request: ControlRequest) -> bytes:
    """Write a command."""
    return msgspec.json.encode(request)


def decode_request(payload: bytes) -> ControlRequest | None:
    """Read a command; None when it is none."""
    return _decode(_decode_request, payload)


def encode_reply(answer: ControlReply) -> bytes:
    """Write an answer."""
    return msgspec.json.encode(answer)


def decode_reply(payload: bytes) -> ControlReply | None:
    """Read an answer; None when it is none."""
    return _decode(_decode_reply, payload)


_decode_request: Final = msgspec.json.Decoder(ControlRequest)
_decode_reply: Final = msgspec.json.Decoder(ControlReply)


def _decode(decoder: msgspec.json.Decoder[T], payload: bytes) -> T | None:
    if len(payload) > MAX_CONTROL_BYTES:
        return None
    try:
        payload.decode()  # msgspec does not look into fields it leaves out
        return decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
