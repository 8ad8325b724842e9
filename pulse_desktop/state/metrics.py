"""Quality metrics from the workers, each with its sample size and its history."""

from typing import Any, Final

import msgspec

from pulse_desktop.protocol.event import Event, decoded_fields
from pulse_desktop.state.coerce import to_float, to_int, to_text
from pulse_desktop.state.collection import MAX_ROWS_BYTES, Collection, payload_weight
from pulse_desktop.state.ring_buffer import RingBuffer
from pulse_desktop.state.series import ReservoirByName

METRICS: Final = (
    "topicQualityScore",
    "noiseRatio",
    "classificationAccuracy",
    "activeAnalysisRuns",
)
RATIOS: Final = METRICS[:3]
MAX_OTHERS: Final = 100  # senders choose the names
_NUMBERS: Final = (int, float)


class Metric(msgspec.Struct, gc=False):
    """One metric as of its latest update.

    Attributes:
        name: the name on the wire.
        value: None if unknown.
        sample_size: number of samples, None if unknown.
        trend: "up", "down", "stable", or empty.
        change: size of the change, None if unknown.
        period_s: period of the change in seconds, None if unknown.
        at: Unix seconds.
        source: the sender.
        raw: payload of the event.
    """

    name: str
    value: float | None
    sample_size: int | None
    trend: str
    change: float | None
    period_s: float | None
    at: float
    source: str
    raw: bytes


class Metrics(Collection[Metric]):
    """The latest value of each metric.

    Attributes:
        rows: one row per metric.
        history: values over time, by metric.
    """

    name = "metrics"
    topics = frozenset({"metrics"})

    def __init__(self, capacity: int = 200) -> None:
        self.rows = RingBuffer(
            capacity, max_weight=MAX_ROWS_BYTES, weigh=payload_weight, on_evict=self._on_evicted
        )
        self.history = ReservoirByName()
        self._positions: dict[str, int] = {}

    def get(self, name: str) -> Metric | None:
        """Return a metric by its name on the wire, or None."""
        position = self._positions.get(name)
        return None if position is None else self.rows[position]

    def apply(self, event: Event, body: msgspec.Raw | None = None, *, older: bool = False) -> None:
        """Fold a `metrics:update`: the known metrics, and the other numbers in it."""
        if event.type != "metrics:update":
            return
        data = decoded_fields(event, body)
        trends, sizes = data.get("trends"), data.get("sampleSizes")
        trends = trends if isinstance(trends, dict) else {}
        sizes = sizes if isinstance(sizes, dict) else {}
        at, source, raw = event.timestamp, event.source, event.raw
        for name, value in _values(data).items():
            size, trend = sizes.get(name), trends.get(name)
            direction, change, period_s = ("", None, None) if trend is None else _trend(trend)
            self._put(
                Metric(
                    name[:100],
                    to_float(value),
                    None if size is None else to_int(size),
                    direction,
                    change,
                    period_s,
                    at,
                    source,
                    raw,
                ),
                older=older,
            )

    def _put(self, metric: Metric, *, older: bool) -> None:
        position = self._positions.get(metric.name)
        if position is None:
            position = self._add(metric, older=older)
            if position is None:
                return
            self._positions[metric.name] = position
        elif not older and self.rows[position].at <= metric.at:
            self.rows.replace(position, metric)
        if metric.value is not None:
            self.history[metric.name].add(metric.at, metric.value)

    def _on_evicted(self, metric: Metric) -> None:
        self._positions.pop(metric.name, None)
        self.history.pop(metric.name, None)


def _trend(trend: object) -> tuple[str, float | None, float | None]:
    """Return direction, change and period in seconds of a trend, which may be a direction alone."""
    if not isinstance(trend, dict):
        return to_text(trend), None, None
    direction = to_text(trend.get("direction", trend))
    return direction, to_float(trend.get("change")), to_float(trend.get("over_s"))


def _values(data: dict[str, Any]) -> dict[str, Any]:
    """Return the known metrics, null or not, and a limited number of other numbers."""
    counts = data.get("counts")
    values = {**counts, **data} if isinstance(counts, dict) else data
    known = {name: values[name] for name in METRICS if name in values}
    others = [
        (name, value)
        for name, value in values.items()
        if type(value) in _NUMBERS and name not in known
    ]
    return {**known, **dict(others[:MAX_OTHERS])} if others else known
