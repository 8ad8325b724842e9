"""Records what a session receives.

The session hands over what it folds; masking, compressing and writing happen in a thread, so that
neither the session nor the disk holds up the other.
"""

import asyncio
import itertools
import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from pulse_desktop.nats_client.aio import retrieve
from pulse_desktop.protocol.inbound import InboundMessage, Source
from pulse_desktop.protocol.stored_object import StoredObject
from pulse_desktop.protocol.task_result import TaskResult
from pulse_desktop.session.recording.masker import Masker
from pulse_desktop.session.recording.recording_format import (
    MAX_LINE_BYTES,
    End,
    Line,
    ObjectLine,
    ResultLine,
    encode_line,
    message_line,
    missing_texts,
)
from pulse_desktop.session.recording.recording_writer import RecordingWriter

BATCH: Final = 2_000
BATCH_BYTES: Final = 4 << 20
"""Larger messages are written fewer at a time, so that the end need not wait for many of them."""
INTERVAL_S: Final = 0.5
"""A program that is killed loses at most what arrived in this time."""
MAX_WAITING: Final = 200_000
MAX_WAITING_BYTES: Final = 128 << 20
"""Of messages, and of results as they are stored; decoded they take several times as much."""


class ResultRead(NamedTuple):
    """A stored result that the session has read.

    Attributes:
        stored: its metadata.
        result: what it says; why it cannot be read; or None if it is too large.
    """

    stored: StoredObject
    result: TaskResult | str | None


Recorded = InboundMessage | StoredObject | ResultRead


class Recorder:
    """Writes what it is handed into a recording.

    Attributes:
        messages: messages written so far.
        results: results written so far.
        too_large: results of which only the size is recorded.
        unreadable: results of which only the reason is recorded why they cannot be read.
        too_long: what was not recorded because no reader would accept its line.
        unwritten: what had arrived and was not written before the recording was ended.
    """

    def __init__(
        self,
        writer: RecordingWriter,
        masker: Masker,
        server_time: Callable[[], float | None],
    ) -> None:
        """Create a recorder.

        Args:
            writer: of the recording; open before anything is written.
            masker: masks what is written.
            server_time: returns Unix seconds by the server's clock, None while it is unknown.
        """
        self._writer = writer
        self._masker = masker
        self._server_time = server_time
        self._newest = -math.inf  # of a message, Unix seconds minus those of the monotonic clock
        self._waiting: deque[Recorded] = deque()
        self._waiting_bytes = 0
        self._writing: asyncio.Future[None] | None = None
        self._finishing: asyncio.Future[None] | None = None
        self._is_ended = False
        self.messages = 0
        self.results = 0
        self.too_large = 0
        self.unreadable = 0
        self._refused = 0  # counted in the event loop
        self._not_written = 0  # counted in the thread
        self.too_long = 0
        self.unwritten = 0
        self._lines = 0

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._writer.size

    @property
    def dropped(self) -> int:
        """What was not recorded: the disk was too slow, it was too long, the recording is full."""
        return self._refused + self._not_written

    @property
    def is_full(self) -> bool:
        """Whether the file has its largest size."""
        return self._writer.is_full

    @property
    def unnamed(self) -> int:
        """Arguments left out so far because their names are not known, see `Masker`."""
        return self._masker.unnamed

    @property
    def unchecked(self) -> int:
        """Number of error texts that may quote a masked value, see `Masker`."""
        return self._masker.unchecked

    @property
    def masked_whole(self) -> int:
        """Number of events and results whose texts are left out as a whole, see `Masker`."""
        return self._masker.masked_whole

    def add(self, items: Sequence[Recorded]) -> None:
        """Hand over what was received. Never blocks."""
        if self._is_ended:
            return
        now = time.monotonic()
        for item in items:
            if isinstance(item, InboundMessage) and item.at - now > self._newest:
                self._newest = item.at - now
            size = _size(item)
            too_many = len(self._waiting) >= MAX_WAITING
            if too_many or self._waiting_bytes + size > MAX_WAITING_BYTES:
                self._refused += 1
                continue
            self._waiting.append(item)
            self._waiting_bytes += size

    async def run(self) -> None:
        """Write until the recording is full, or until cancelled; `stop` and `finish` follow.

        Raises:
            UserFacingError: the file cannot be written.
        """
        while not self._writer.is_full:
            await asyncio.sleep(INTERVAL_S)
            while self._waiting and not self._writer.is_full:
                await self._write_batch()

    async def stop(self, timeout_s: float | None = None) -> None:
        """Write the rest; what is handed over later is not recorded.

        Args:
            timeout_s: what is not written by then is not recorded; None waits as long as it takes.

        Raises:
            UserFacingError: the file cannot be written.
        """
        self._is_ended = True
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        if self._writing is not None:
            await asyncio.shield(self._writing)
        while self._waiting and not self._writer.is_full:
            if deadline is not None and time.monotonic() >= deadline:
                self.unwritten = len(self._waiting)
                break
            await self._write_batch()
        self._refused += len(self._waiting)
        self._waiting.clear()
        self._waiting_bytes = 0

    async def finish(self, reason: str, missing: Iterable[str] = ()) -> None:
        """Write the end, after `stop`. Called again, it waits for the same end.

        Args:
            reason: "stopped" or "duration"; "size" is noticed here.
            missing: what of the wanted messages was not received, and why.

        Raises:
            UserFacingError: the file cannot be written.
        """
        if self._writer.is_full:
            reason = "size"
        end = End(
            self._now(),
            reason,
            self.messages,
            self.results,
            self.dropped,
            missing_texts(missing),
            self.too_large + self.unreadable,
            self._lines,
        )
        if self._finishing is None:
            self._finishing = asyncio.ensure_future(asyncio.to_thread(self._writer.finish, end))
            self._finishing.add_done_callback(retrieve)
        await asyncio.shield(self._finishing)

    def _now(self) -> float:
        """Return Unix seconds by the clock that dates the messages.

        As long as the server has not said its time, that is not later than the newest message and
        what has passed since: this machine's clock may be wrong.
        """
        server_time = self._server_time()
        if server_time is not None:
            return server_time
        return time.time() if self._newest == -math.inf else self._newest + time.monotonic()

    async def _write_batch(self) -> None:
        batch = self._take_batch()
        self._writing = asyncio.ensure_future(asyncio.to_thread(self._write, batch))
        self._writing.add_done_callback(retrieve)
        try:
            await asyncio.shield(self._writing)  # a batch is never written in part
        finally:
            if self._writing.done():
                self._writing = None

    def _take_batch(self) -> list[Recorded]:
        batch: list[Recorded] = []
        size = 0
        while self._waiting and len(batch) < BATCH and size < BATCH_BYTES:
            batch.append(self._waiting.popleft())
            size += _size(batch[-1])
        self._waiting_bytes -= size
        return batch

    def _write(self, batch: Sequence[Recorded]) -> None:
        encoded = [encode_line(line) for line in self._masked_lines(batch)]
        fits = [len(line) <= MAX_LINE_BYTES for line in encoded]
        self.too_long += fits.count(False)
        written = self._writer.write_encoded(list(itertools.compress(encoded, fits)))
        self._not_written += len(batch) - written
        self._lines += written
        for item in itertools.islice(itertools.compress(batch, fits), written):
            match item:
                case InboundMessage():
                    self.messages += 1
                case ResultRead(result=TaskResult()):
                    self.results += 1
                case ResultRead(result=None):
                    self.too_large += 1
                case ResultRead():
                    self.unreadable += 1

    def _masked_lines(self, batch: Sequence[Recorded]) -> list[Line]:
        """Return the lines of a batch. Tasks are masked first: errors may quote their arguments."""
        lines: dict[int, Line] = {}
        for number, item in sorted(enumerate(batch), key=lambda each: not _is_task(each[1])):
            lines[number] = self._line(item)
        return [lines[number] for number in range(len(batch))]

    def _line(self, item: Recorded) -> Line:
        match item:
            case InboundMessage():
                return message_line(item, self._masker.mask_payload(item))
            case StoredObject():
                return ObjectLine(item)
            case ResultRead(stored, TaskResult() as result):
                return ResultLine(stored, self._masker.mask_result(result, stored.key))
            case ResultRead(stored, str() as problem):
                return ResultLine(stored, problem=self._masker.mask_problem(problem, stored.key))
            case ResultRead(stored):
                return ResultLine(stored)


def _size(item: Recorded) -> int:
    """Return about how many bytes an item has, without the value of its metadata."""
    match item:
        case InboundMessage():
            return len(item.payload)
        case ResultRead(stored, TaskResult()):
            return stored.size
    return 0


def _is_task(item: Recorded) -> bool:
    return isinstance(item, InboundMessage) and item.source is Source.TASK
