"""Charts of the Messages page: messages scored over time by class, and their scores."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from pulse_desktop.state.chat_messages import CLASSES, NOISE_BELOW, SIGNAL_ABOVE, MessageRow
from pulse_desktop.state.history_start import counted_since
from pulse_desktop.state.system import SystemState
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _, ngettext
from pulse_desktop.ui.charts.colors import SeriesSpec
from pulse_desktop.ui.charts.counted_times import CountedTimes
from pulse_desktop.ui.charts.histogram import Bin, Histogram
from pulse_desktop.ui.charts.resampling import rate_series
from pulse_desktop.ui.charts.scale import Unit
from pulse_desktop.ui.charts.time_chart import TimeChart
from pulse_desktop.ui.charts.time_ranges import ChartRange
from pulse_desktop.ui.pages.messages.columns import CLASS_LABELS
from pulse_desktop.ui.rows.positions import Positions

if TYPE_CHECKING:
    from pulse_desktop.state.series import TimeBuckets

BINS: Final = 20
_NO_SCORES: Final = _("No message has been scored yet. Scores are counted here from 0 to 1.")
_MAX_SCORES: Final = 5_000
"""Scores in the histogram: those of the newest messages."""


@dataclass(frozen=True)
class FilteredMessages:
    """The messages that the table shows.

    Attributes:
        query: the filter apart from the time range, empty for none.
        positions: of the messages that were found until now, None for all.
    """

    query: str = ""
    positions: Positions | None = None


class MessageCharts:
    """The charts of a state.

    Attributes:
        scored: messages scored per minute, by class.
        scores: histogram of scores.
    """

    def __init__(self, state: SystemState) -> None:
        self._state = state
        self.scored = TimeChart(
            _("Messages scored"),
            Unit.PER_MINUTE,
            subtitle=_("per minute"),
            empty_text=_("Messages are counted here as workers score them."),
        )
        labels = ((name, *CLASS_LABELS[name]) for name in CLASSES)
        self.scored.set_series(
            [
                SeriesSpec(label, color.value, fill=name == "signal", key=name)
                for name, label, _glyph, color in labels
            ]
        )
        self.scores = Histogram(
            _("Scores"),
            empty_text=_NO_SCORES,
        )

    def update(self, shown: ChartRange, end: float, filtered: FilteredMessages) -> None:
        """Show a range of time up to an end, Unix seconds.

        Args:
            shown: what is shown.
            end: its end.
            filtered: the messages to show.
        """
        rows = self._state.messages.rows
        known_since = counted_since(self._state) if rows else end
        counts: dict[str, TimeBuckets | CountedTimes] = {**self._state.messages.scored}
        if filtered.positions is None:
            latest = list(rows.newest_first(_MAX_SCORES))
        else:
            retained = filtered.positions[filtered.positions >= rows.start]
            newest = np.sort(retained)[::-1]
            if not filtered.query:
                newest = newest[:_MAX_SCORES]
            latest = [rows[position] for position in newest.tolist()]
        if filtered.query:
            counts = {**_scored_times(latest)}
            if rows.evicted:
                known_since = max(known_since, rows[rows.start].first_seen)
        times, values = rate_series(
            {CLASS_LABELS[name][0]: each for name, each in counts.items()},
            end,
            shown,
            per_s=60.0,
            history_start=known_since,
        )
        self.scored.set_data(times, values, shown.bounds(end))
        matching = _("per minute, matching the filter")
        self.scored.set_subtitle(matching if filtered.query else _("per minute"))
        scores = [row.score for row in latest[:_MAX_SCORES] if row.score is not None]
        self.scores.set_bins(score_bins(scores))
        unscored = _("No message that the table shows has a score.")
        self.scores.set_empty_text(_NO_SCORES if filtered.positions is None else unscored)
        self.scores.set_subtitle(_counted_text(len(scores), is_filtered=bool(filtered.query)))


def _scored_times(rows: Sequence[MessageRow]) -> dict[str, CountedTimes]:
    """Return when messages were scored last, by class."""
    times: dict[str, list[float]] = {name: [] for name in CLASSES}
    for row in rows:
        if row.scored_at is not None and row.classification in times:
            times[row.classification].append(row.scored_at)
    return {name: CountedTimes(np.array(each, np.float64)) for name, each in times.items()}


def _counted_text(count: int, *, is_filtered: bool) -> str:
    """Return which messages a number of scores is of."""
    if count >= _MAX_SCORES:
        text = ngettext("latest {count} message", "latest {count} messages", count)
        if is_filtered:
            text = ngettext(
                "latest {count} message that matches", "latest {count} messages that match", count
            )
    elif is_filtered:
        text = ngettext("{count} message that matches", "{count} messages that match", count)
    else:
        text = ngettext("{count} message", "{count} messages", count)
    return text.format(count=formats.count(count))


def score_bins(scores: Sequence[float]) -> list[Bin]:
    """Count scores in bins of one twentieth, each labeled with the class of its scores."""
    counts = [0] * BINS
    for score in scores:
        counts[min(BINS - 1, max(0, int(score * BINS + 1e-9)))] += 1
    bins = []
    for index, count in enumerate(counts):
        start, stop = index / BINS, (index + 1) / BINS
        middle = (start + stop) / 2
        name = "noise" if middle < NOISE_BELOW else "weak_signal"
        name = "signal" if middle > SIGNAL_ABOVE else name
        label, _glyph, color = CLASS_LABELS[name]
        bins.append(Bin(start, stop, count, color.value, label))
    return bins
