"""Folds a recording into a state, in slices with a time budget."""

import time
from typing import TYPE_CHECKING, Final

from pulse_desktop.protocol.inbound import InboundMessage
from pulse_desktop.protocol.stored_object import StoredObject
from pulse_desktop.session.recording.recording_format import (
    Line,
    MalformedLineError,
    MessageLine,
    ObjectLine,
    ResultLine,
    inbound_message,
    task_result,
)
from pulse_desktop.session.recording.recording_reader import RecordingReader
from pulse_desktop.state.system import SystemState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pulse_desktop.protocol.task_result import TaskResult

_SLICE: Final = 50
"""Lines folded between two checks of the time budget."""


class Playback:
    """Folds the lines of a recording.

    Attributes:
        state: where they are folded.
        messages: messages folded so far.
        results: results by the key of their object, the latest of each.
        first_at: Unix seconds of the oldest message, None before the first.
        last_at: Unix seconds of the newest message so far.
        is_complete: whether the whole recording was folded.
    """

    def __init__(self, reader: RecordingReader) -> None:
        """Create it.

        Args:
            reader: an open recording.
        """
        self._reader = reader
        self._lines: Iterator[Line] = reader.lines()
        self.state = SystemState(subject_prefix=reader.header.subject_prefix)
        self.messages = 0
        self.results: dict[str, TaskResult] = {}
        self.first_at: float | None = None
        self.last_at = reader.header.started_at
        self.is_complete = False

    @property
    def malformed(self) -> int:
        """Lines that were skipped."""
        return self._reader.malformed

    def fold(self, budget_s: float) -> bool:
        """Fold lines for at most about `budget_s` seconds; return whether there are more."""
        deadline = time.perf_counter() + budget_s
        while not self.is_complete:
            for _number in range(_SLICE):
                line = next(self._lines, None)
                if line is None:
                    self._complete()
                    break
                self._fold_line(line)
            if time.perf_counter() >= deadline:
                break
        return not self.is_complete

    def _complete(self) -> None:
        self.is_complete = True
        if (end := self._reader.end) is not None:
            self.last_at = max(self.last_at, end.ended_at)
        self.state.pending_reads.clear()
        self.state.tick(self.last_at)

    def _fold_line(self, line: Line) -> None:
        try:
            match line:
                case MessageLine():
                    self._fold_message(inbound_message(line))
                case ObjectLine(stored):
                    self.state.fold((stored,))
                    self.state.pending_reads.clear()
                case ResultLine(stored, None, problem):
                    self._fold_unread(stored, problem)
                case ResultLine(stored, recorded):
                    result = task_result(recorded)  # type: ignore[arg-type]
                    self.results[stored.key] = result
                    self.state.fold_result(stored, result)
        except MalformedLineError:
            self._reader.malformed += 1

    def _fold_message(self, message: InboundMessage) -> None:
        self.messages += 1
        self.last_at = max(self.last_at, message.at)
        self.first_at = min(message.at, self.first_at or message.at)
        self.state.fold((message,))

    def _fold_unread(self, stored: StoredObject, problem: str) -> None:
        if problem:
            self.state.fold_unreadable_body(stored, problem)
        else:
            self.state.fold_unread_body(stored)
