"""The results of a recording that is played, compressed in a temporary file."""

import tempfile
import weakref
from collections import OrderedDict
from typing import IO, Final

import msgspec
import zstandard

from pulse_desktop.protocol.task_result import TaskResult
from pulse_desktop.session.recording.recording_format import RecordedResult, task_result
from pulse_desktop.state.system import MAX_RUNS

_LEVEL: Final = 1
_decode = msgspec.json.Decoder(RecordedResult).decode


class PlayedResults:
    """Keeps results, the latest of each key, and decodes one when it is read.

    Decoded values take many times the memory of the file: a kilobyte of it may be a million lists.

    Attributes:
        lost: results that could not be kept: the temporary folder is full.
    """

    def __init__(self, max_results: int = MAX_RUNS) -> None:
        """Create it.

        Args:
            max_results: how many are kept; the least recent ones make room.
        """
        self._max_results = max_results
        # By key: sequence in the bucket, and the place in the file.
        self._places: OrderedDict[str, tuple[int, int, int]] = OrderedDict()
        self._file: IO[bytes] | None = None
        self._size = 0
        self._compress = zstandard.ZstdCompressor(level=_LEVEL).compress
        self.lost = 0

    def __len__(self) -> int:
        return len(self._places)

    def put(self, key: str, sequence: int, recorded: RecordedResult) -> None:
        """Keep a result in place of an earlier one.

        Args:
            key: of the result.
            sequence: of its metadata in the bucket.
            recorded: the result.
        """
        self._places.pop(key, None)
        compressed = self._compress(msgspec.json.encode(recorded))
        try:
            self._append(compressed)
        except OSError:
            self.lost += 1
            return
        self._places[key] = sequence, self._size, len(compressed)
        self._size += len(compressed)
        if len(self._places) > self._max_results:
            self._places.popitem(last=False)

    def discard_before(self, key: str, sequence: int) -> None:
        """Forget a result that was replaced or deleted by an object with a later sequence."""
        place = self._places.get(key)
        if place is not None and place[0] < sequence:
            del self._places[key]

    def get(self, key: str) -> TaskResult | None:
        """Return a result, None if it is not kept or cannot be read from the disk."""
        place = self._places.get(key)
        if place is None or self._file is None:
            return None
        _sequence, start, length = place
        try:
            self._file.seek(start)
            compressed = self._file.read(length)
        except OSError:
            return None
        return task_result(_decode(zstandard.decompress(compressed)))

    def _append(self, compressed: bytes) -> None:
        """Write at the end.

        Raises:
            OSError: the temporary folder is full.
        """
        if self._file is None:
            self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
            weakref.finalize(self, self._file.close)
        self._file.seek(self._size)
        rest = memoryview(compressed)
        while rest:
            rest = rest[self._file.write(rest) :]
