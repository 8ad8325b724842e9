"""Folds a recording into a state, and judges it by its end, in slices with a time budget."""

import time
from typing import TYPE_CHECKING

from pulse_desktop.protocol.inbound import InboundMessage
from pulse_desktop.protocol.stored_object import StoredObject
from pulse_desktop.session.recording.played_results import PlayedResults
from pulse_desktop.session.recording.recording_format import (
    Line,
    MalformedLineError,
    MessageLine,
    ObjectLine,
    RecordedResult,
    ResultLine,
    inbound_message,
    task_result,
)
from pulse_desktop.session.recording.recording_reader import RecordingReader
from pulse_desktop.state.system import SystemState

if TYPE_CHECKING:
    from collections.abc import Iterator


class Playback:
    """Folds the lines of a recording.

    Attributes:
        state: where they are folded.
        messages: messages folded so far.
        results: results that were read, by the key of their object.
        first_at: Unix seconds of the oldest message, None before the first.
        is_complete: whether the whole recording was folded and ticked: what is overdue at its end,
            and what the failures of a group share.
    """

    def __init__(self, reader: RecordingReader) -> None:
        """Create it.

        Args:
            reader: an open recording.
        """
        self._reader = reader
        self._lines: Iterator[Line | None] = reader.lines()
        self.state = SystemState(subject_prefix=reader.header.subject_prefix)
        self.messages = 0
        self.results = PlayedResults()
        self.first_at: float | None = None
        self._last_at: float | None = None
        self.is_complete = False
        self._is_read = False

    @property
    def last_at(self) -> float:
        """Unix seconds of the newest message so far, and of the recording's end once that is read.

        The start of the recording counts only while there is neither: older versions took it from
        the clock of the machine, which may be ahead of the times of the messages.
        """
        return self._reader.header.started_at if self._last_at is None else self._last_at

    @property
    def malformed(self) -> int:
        """Lines that were skipped."""
        return self._reader.malformed

    def fold(self, budget_s: float) -> bool:
        """Fold and tick for at most about `budget_s` seconds; return whether there is more.

        One line or slice is always done: lines may be large, so the time is checked after each.
        """
        deadline = time.perf_counter() + budget_s
        while not self.is_complete:
            if self._is_read:
                self._tick_more()
            else:
                self._read_line()
            if time.perf_counter() >= deadline:
                break
        return not self.is_complete

    def _read_line(self) -> None:
        """Fold the next line, or skip it if it is malformed; after the last one, note the end."""
        try:
            line = next(self._lines)
        except StopIteration:
            self._is_read = True
            if (end := self._reader.end) is not None:
                self._move_end(end.ended_at)
            self.state.tick(self.last_at)
            return
        if line is not None:
            self._fold_line(line)

    def _tick_more(self) -> None:
        """Update a further slice of what depends on time, as it was at the end."""
        self.is_complete = not self.state.tick_more(self.last_at)
        self.state.pending_reads.clear()

    def _fold_line(self, line: Line) -> None:
        try:
            match line:
                case MessageLine():
                    self._fold_message(inbound_message(line))
                case ObjectLine(stored):
                    self.state.fold((stored,))
                    self.state.pending_reads.clear()
                    self.results.discard_before(stored.key, stored.sequence)
                case ResultLine(stored, None, problem):
                    self._fold_unread(stored, problem)
                    self.results.discard_before(stored.key, stored.sequence)
                case ResultLine(stored, RecordedResult() as recorded):
                    self.state.fold_result(stored, task_result(recorded))
                    row = self.state.results.get(stored.key)
                    if row is None or row.stored.sequence <= stored.sequence:
                        self.results.put(stored.key, stored.sequence, recorded)
        except MalformedLineError:
            self._reader.malformed += 1

    def _fold_message(self, message: InboundMessage) -> None:
        self.messages += 1
        self._move_end(message.at)
        self.first_at = min(message.at, self.first_at or message.at)
        self.state.fold((message,))

    def _move_end(self, at: float) -> None:
        self._last_at = at if self._last_at is None else max(self._last_at, at)

    def _fold_unread(self, stored: StoredObject, problem: str) -> None:
        if problem:
            self.state.fold_unreadable_body(stored, problem)
        else:
            self.state.fold_unread_body(stored)
