"""Quality metrics the workers measure, each with the size of its sample and its history."""

from typing import Final

import msgspec

from pulse_desktop.protocol.event import Event
from pulse_desktop.state.fields import as_number, as_text, as_whole
from pulse_desktop.state.rows import Rows
from pulse_desktop.state.series import SampleSeries

METRICS: Final = (
    "topicQualityScore",
    "noiseRatio",
    "classificationAccuracy",
    "activeAnalysisRuns",
)
RATIOS: Final = METRICS[:3]


class Metric(msgspec.Struct, gc=False):
    """One metric as of its latest update.

    Attributes:
        name: as on the wire.
        value: None when the sender does not know it.
        sample_size: what it was measured on, None when it was not said.
        trend: "up", "down", "stable", or empty.
        change: by how much, None when it was not said.
        over_s: over how many seconds, None when it was not said.
        at: Unix seconds.
        source: who says so.
        raw: the event.
    """

    name: str
    value: float | None
    sample_size: int | None
    trend: str
    change: float | None
    over_s: float | None
    at: float
    source: str
    raw: bytes


class Metrics:
    """The latest value of each metric.

    Attributes:
        rows: one row per metric.
        history: values over time, by metric.
    """

    def __init__(self, capacity: int = 200) -> None:
        self.rows: Rows[Metric] = Rows(capacity, on_forget=self._forget)
        self.history: dict[str, SampleSeries] = {}
        self._positions: dict[str, int] = {}

    def get(self, name: str) -> Metric | None:
        """Return a metric by its name on the wire, or None before it was heard of."""
        position = self._positions.get(name)
        return None if position is None else self.rows[position]

    def apply(self, event: Event) -> None:
        """Fold a `metrics:update`: the known metrics, and every other number beside them."""
        if event.type != "metrics:update":
            return
        data = event.data()
        trends, sizes = data.get("trends"), data.get("sampleSizes")
        trends = trends if isinstance(trends, dict) else {}
        sizes = sizes if isinstance(sizes, dict) else {}
        counts = data.get("counts")
        values = {**(counts if isinstance(counts, dict) else {}), **data}
        for name, value in values.items():
            number = as_number(value)
            if name not in METRICS and number is None:
                continue
            trend = trends.get(name)
            told = trend if isinstance(trend, dict) else {"direction": trend}
            self._put(
                Metric(
                    name[:100],
                    number,
                    as_whole(sizes.get(name)),
                    as_text(told.get("direction")),
                    as_number(told.get("change")),
                    as_number(told.get("over_s")),
                    event.timestamp,
                    event.source,
                    event.raw,
                )
            )

    def _put(self, metric: Metric) -> None:
        position = self._positions.get(metric.name)
        if position is None:
            self._positions[metric.name] = self.rows.append(metric)
        elif self.rows[position].at <= metric.at:
            self.rows.replace(position, metric)
        if metric.value is not None:
            self.history.setdefault(metric.name, SampleSeries()).add(metric.at, metric.value)

    def _forget(self, metric: Metric) -> None:
        self._positions.pop(metric.name, None)
        self.history.pop(metric.name, None)
