"""Metrics keep their latest value and their history."""

from pulse_desktop.state.metrics import Metric
from pulse_desktop.state.system import SystemState
from tests.unit.state.state_builders import (
    event_message,
    state_of,
)


def metric(state: SystemState, name: str) -> Metric:
    """Return a metric that the state knows."""
    found = state.metrics.get(name)
    assert found is not None
    return found


def test_a_metric_without_a_value_is_blank_and_has_no_history() -> None:
    values = {"noiseRatio": 0.25, "classificationAccuracy": None}
    state = state_of(
        event_message(
            "metrics",
            "metrics:update",
            {
                **values,
                "sampleSizes": {"noiseRatio": 40},
                "trends": {"noiseRatio": {"direction": "up", "change": 0.1, "over_s": 600}},
                "counts": {"atoms": 3},
                "note": "12",
            },
        )
    )
    blank, noise = metric(state, "classificationAccuracy"), metric(state, "noiseRatio")
    assert blank.value is None
    assert "classificationAccuracy" not in state.metrics.history
    assert (noise.value, noise.sample_size, noise.trend, noise.change) == (0.25, 40, "up", 0.1)
    assert metric(state, "atoms").value == 3
    assert state.metrics.get("note") is None
    assert state.metrics.get("topicQualityScore") is None


def test_an_event_with_ten_thousand_numbers_does_not_evict_known_metrics() -> None:
    many = {f"n{number}": number for number in range(10_000)}
    state = state_of(event_message("metrics", "metrics:update", {**many, "noiseRatio": 0.5}))
    assert metric(state, "noiseRatio").value == 0.5
    assert len(state.metrics.rows) <= 200
