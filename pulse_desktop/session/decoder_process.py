"""Process that decodes bodies from a result bucket for the program that started it.

    python -m pulse_desktop.session.decoder_process

Decoding takes time that a few hundred hostile bytes can choose, and a thread can neither be stopped
nor kept from delaying the window. A process can: its parent kills it when its time is over.

It reads requests from stdin and writes responses to stdout until stdin closes. Everything is
written with `marshal`, which is fast, keeps every plain type, and is read only by the two processes
of this program. A large value travels in parts, so that reading it never blocks other threads of
the parent for long.
"""

import contextlib
import marshal
import signal
import struct
import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, BinaryIO, Final, NamedTuple

from pulse_desktop.protocol.task_message import RERUN_OF, RETRIES, TASK_NAME
from pulse_desktop.protocol.task_result import (
    ResultError,
    TaskProgress,
    TaskResult,
    UnreadableResultError,
    decode_progress,
    decode_result,
)

READY: Final = b"ready"
DECODED, UNREADABLE, OVER_MEMORY = range(3)

MAX_MEMORY: Final = 1 << 30
"""Bytes of address space. Windows has no such limit; there the limits on values must do."""

PART_WEIGHT: Final = 10_000
"""Size of one part: about the number of values in it, a long text counting as several."""

_TEXT_PER_WEIGHT: Final = 256
_LENGTH: Final = struct.Struct("<Q")
_ORPHAN_GRACE_S: Final = 5.0

_OPEN, _ITEMS, _CLOSE = range(3)
_KINDS: Final[tuple[type, ...]] = (list, tuple, dict, set, frozenset)
_TEXTS: Final[tuple[type, ...]] = (str, bytes, bytearray)
_LABELS: Final = (TASK_NAME, RERUN_OF, RETRIES)
"""Labels of a result that the state of a run depends on."""


class Request(NamedTuple):
    """A body to decode.

    Attributes:
        kind: "result" or "progress".
        body: as stored.
        whole: whether to return the value and all labels of a result.
        budget_s: seconds after which the session stops waiting for the response.
    """

    kind: str
    body: bytes
    whole: bool
    budget_s: float


def send_request(stream: BinaryIO, request: Request) -> None:
    """Write a request."""
    _write_frame(stream, marshal.dumps(tuple(request)))
    stream.flush()


def wait_until_ready(stream: BinaryIO) -> None:
    """Wait until the process that writes to a stream has started.

    Raises:
        EOFError: it has ended.
    """
    if _read_frame(stream) != READY:
        raise EOFError


def read_result(stream: BinaryIO) -> TaskResult:
    """Read the response to a request for a result.

    Raises:
        EOFError: the process has ended.
        MemoryError: the body needs more than `MAX_MEMORY`.
        UnreadableResultError: the body cannot be decoded.
    """
    is_err, execution_time, errors, format_, outcome, reason = _read_header(stream)
    error: ResultError | None = None
    for type_, module, message in reversed(errors):
        error = ResultError(type_, module, message, error)
    value, labels = _read_value(stream)
    return TaskResult(is_err, value, execution_time, labels, error, format_, outcome, reason)


def read_progress(stream: BinaryIO) -> TaskProgress:
    """Read the response to a request for progress; raises as `read_result`."""
    state, format_ = _read_header(stream)
    return TaskProgress(state, _read_value(stream), format_)


def serve(requests: BinaryIO, responses: BinaryIO) -> None:
    """Respond to requests until their stream ends."""
    _write_frame(responses, READY)
    responses.flush()
    while True:
        try:
            request = Request(*marshal.loads(_read_frame(requests)))  # noqa: S302 - from our parent
        except EOFError:
            return
        _end_after(request.budget_s + _ORPHAN_GRACE_S)
        _respond(responses, request)
        responses.flush()
        _end_after(0.0)


def main() -> None:
    """Run the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this one
    _limit_memory()
    with contextlib.suppress(BrokenPipeError):
        serve(sys.stdin.buffer, sys.stdout.buffer)


def _respond(stream: BinaryIO, request: Request) -> None:
    header: tuple[Any, ...]
    value: Any = None
    try:
        if request.kind == "progress":
            progress = decode_progress(request.body)
            header, value = (progress.state, progress.format), progress.meta
        else:
            result = decode_result(request.body)
            labels = result.labels
            value = [result.return_value, labels]
            if not request.whole:
                value = [None, {name: labels[name] for name in _LABELS if name in labels}]
            header = (
                result.is_err,
                result.execution_time,
                _error_chain(result.error),
                result.format,
                result.outcome,
                result.soft_reason,
            )
        weights: dict[int, int] = {}
        _weigh(value, weights)
    except UnreadableResultError as error:
        _write_frame(stream, marshal.dumps((UNREADABLE, (error.format, str(error)))))
    except MemoryError:
        _write_frame(stream, marshal.dumps((OVER_MEMORY, ())))
    else:
        _write_frame(stream, marshal.dumps((DECODED, header)))
        for part in _parts([value], weights):
            _write_frame(stream, marshal.dumps(part))
        _write_frame(stream, b"")


def _error_chain(error: ResultError | None) -> list[tuple[str, str, str]]:
    chain: list[tuple[str, str, str]] = []
    while error is not None:
        chain.append((error.type, error.module, error.message))
        error = error.cause
    return chain


def _read_header(stream: BinaryIO) -> Any:
    kind, fields = marshal.loads(_read_frame(stream))  # noqa: S302 - from our own process
    if kind == OVER_MEMORY:
        raise MemoryError
    if kind == UNREADABLE:
        raise UnreadableResultError(*fields)
    return fields


def _write_frame(stream: BinaryIO, data: bytes) -> None:
    stream.write(_LENGTH.pack(len(data)))
    stream.write(data)


def _read_frame(stream: BinaryIO) -> bytes:
    head = stream.read(_LENGTH.size)
    if len(head) == _LENGTH.size:
        (length,) = _LENGTH.unpack(head)
        data = stream.read(length)
        if len(data) == length:
            return data
    raise EOFError


def _weigh(value: Any, weights: dict[int, int]) -> int:
    """Return the weight of a value, and note those of the containers in it."""
    if type(value) in _TEXTS:
        return 1 + len(value) // _TEXT_PER_WEIGHT
    if type(value) not in _KINDS:
        return 1
    weight = weights.get(id(value))
    if weight is None:
        weight = 1 + sum(_weigh(item, weights) for item in _flat(value))
        weights[id(value)] = weight
    return weight


def _flat(container: Any) -> Iterable[Any]:
    """Return the items of a container; of a dictionary each key followed by its value."""
    return chain.from_iterable(container.items()) if type(container) is dict else container


def _parts(items: Iterable[Any], weights: dict[int, int]) -> Iterator[tuple[int, Any]]:
    batch: list[Any] = []
    total = 0
    for item in items:
        weight = _weigh(item, weights)
        if weight > PART_WEIGHT and type(item) in _KINDS:
            yield _ITEMS, batch
            batch, total = [], 0
            yield _OPEN, _KINDS.index(type(item))
            yield from _parts(_flat(item), weights)
            yield _CLOSE, None
            continue
        batch.append(item)
        total += weight
        if total >= PART_WEIGHT:
            yield _ITEMS, batch
            batch, total = [], 0
    yield _ITEMS, batch


def _read_value(stream: BinaryIO) -> Any:
    builders = [_Builder(list)]
    while data := _read_frame(stream):
        action, content = marshal.loads(data)  # noqa: S302 - from our own process
        if action == _OPEN:
            builders.append(_Builder(_KINDS[content]))
        elif action == _ITEMS:
            builders[-1].add(content)
        else:
            value = builders.pop().value()
            builders[-1].add([value])
    return builders[0].value()[0]


class _Builder:
    """Builds a container from parts of its items, as `_flat` returns them."""

    def __init__(self, kind: type) -> None:
        self._kind = kind
        self._items: Any = {} if kind is dict else []
        self._key: list[Any] = []  # of a dictionary, when its value is in the next part

    def add(self, items: list[Any]) -> None:
        if self._kind is not dict:
            self._items.extend(items)
            return
        items = self._key + items
        self._key = [items.pop()] if len(items) % 2 else []
        self._items.update(zip(items[::2], items[1::2], strict=True))

    def value(self) -> Any:
        return self._items if self._kind in (list, dict) else self._kind(self._items)


def _limit_memory() -> None:
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 - Windows has no such module

        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))


def _end_after(seconds: float) -> None:
    """End this process after a time; 0 cancels it. The parent may have died while it decodes."""
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_REAL, seconds)


if __name__ == "__main__":
    main()
