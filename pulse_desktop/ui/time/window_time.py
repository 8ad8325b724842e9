"""The time range of a window, shared by all its pages, with the ranges shown before."""

import math
from collections.abc import Callable, Iterable
from typing import Final

from PySide6.QtCore import QObject, Signal

from pulse_desktop.model.time_range import (
    ALL_RETAINED,
    RangeKind,
    TimeRange,
    moved,
    selected,
    since,
    zoomed_out,
)

_MAX_PREVIOUS: Final = 50
_STEP: Final = 0.5
"""How far earlier and later move, as a fraction of the range."""


class WindowTime(QObject):
    """The time range, and the way back to those shown before.

    Attributes:
        now: returns the present time, Unix seconds.
        history_start: returns the Unix seconds of the oldest thing that is known, infinity if
            nothing is.
        closed_spans: when this connection was not shown, as start and end in Unix seconds.
        is_recording: returns whether a recording is shown: its end stands for the present.
        last_look: Unix seconds at which the operator last closed or left this connection, None
            if never.

    Signals:
        changed: the range is another one.
    """

    changed = Signal()

    def __init__(
        self,
        now: Callable[[], float] = lambda: 0.0,
        history_start: Callable[[], float] = lambda: math.inf,
        parent: QObject | None = None,
    ) -> None:
        """Show everything retained.

        Args:
            now: see the attribute.
            history_start: see the attribute.
            parent: owner of the object.
        """
        super().__init__(parent)
        self.now = now
        self.history_start = history_start
        self.is_recording: Callable[[], bool] = lambda: False
        self.last_look: float | None = None
        self.closed_spans: tuple[tuple[float, float], ...] = ()
        self._range = ALL_RETAINED
        self._live = ALL_RETAINED
        self._previous: list[TimeRange] = []
        self._next: list[TimeRange] = []

    @property
    def range(self) -> TimeRange:
        """The time range."""
        return self._range

    @property
    def is_live(self) -> bool:
        """Whether the range moves on with the clock."""
        return self._range.is_live

    @property
    def live_range(self) -> TimeRange:
        """The live range that was shown last; the way out of the past leads to it."""
        return self._live

    @property
    def previous_ranges(self) -> tuple[TimeRange, ...]:
        """The ranges shown before, the latest first."""
        return tuple(reversed(self._previous))

    @property
    def can_go_back(self) -> bool:
        """Whether another range was shown before."""
        return bool(self._previous)

    @property
    def can_go_forward(self) -> bool:
        """Whether the operator went back from another range."""
        return bool(self._next)

    def set_range(self, time_range: TimeRange) -> None:
        """Show another range; `go_back` returns to the present one."""
        if time_range == self._range:
            return
        self._previous = [*self._previous, self._range][-_MAX_PREVIOUS:]
        self._next.clear()
        self._show(time_range)

    def restore(
        self,
        time_range: TimeRange,
        last_look: float | None,
        closed_spans: Iterable[tuple[float, float]] = (),
    ) -> None:
        """Show what was saved for another connection, without a way back to ranges of this one.

        A frozen range is not restored: a window must not open in the past.

        Args:
            time_range: the range that was shown.
            last_look: see the attribute.
            closed_spans: see the attribute.
        """
        self.closed_spans = tuple(closed_spans)
        self._previous.clear()
        self._next.clear()
        self.last_look = last_look
        self._live = ALL_RETAINED
        self._show(time_range if time_range.is_live else ALL_RETAINED)

    def select(self, start: float, end: float) -> None:
        """Freeze a part of the past, given by two times in Unix seconds, as one selects in a chart.

        What reaches up to the present stays live.
        """
        self.set_range(selected(start, end, self.now()))

    def show_since_last_look(self) -> None:
        """Show what happened since the operator last closed or left this connection."""
        if self.last_look is not None:
            self.set_range(since(self.last_look))

    def go_live(self) -> None:
        """Show the live range that was shown last."""
        self.set_range(self._live)

    def go_back(self) -> None:
        """Show the range that was shown before."""
        if self._previous:
            self._next.append(self._range)
            self._show(self._previous.pop())

    def go_forward(self) -> None:
        """Show the range from which the operator went back."""
        if self._next:
            self._previous.append(self._range)
            self._show(self._next.pop())

    def go_earlier(self) -> None:
        """Show an earlier part of the past, of the same length."""
        self.set_range(moved(self.shown_span(), -_STEP, self.now()))

    def go_later(self) -> None:
        """Show a later part of the past, of the same length, at most the present."""
        if not self.is_live:
            self.set_range(moved(self.shown_span(), _STEP, self.now()))

    def zoom_out(self) -> None:
        """Show twice the time."""
        if self._range.kind is RangeKind.ALL:
            return
        wider = zoomed_out(self.shown_span(), self.now())
        start, _end = wider.bounds(self.now())
        everything = wider.is_live and start <= self.history_start()
        self.set_range(ALL_RETAINED if everything else wider)

    def shown_span(self) -> tuple[float, float]:
        """Return the ends of the range, Unix seconds, within what is known and what has been."""
        now = self.now()
        start, end = self._range.bounds(now)
        known = self.history_start()
        if self._range.kind is RangeKind.ALL:
            start = known if known < now else now - 1.0
        return start, min(end, now) if self.is_live else end

    def _show(self, time_range: TimeRange) -> None:
        changed = time_range != self._range
        self._range = time_range
        if time_range.is_live:
            self._live = time_range
        if changed:
            self.changed.emit()
