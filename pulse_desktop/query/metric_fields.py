"""The fields of metrics."""

from typing import Protocol

from pulse_desktop.query.field_values import known, named
from pulse_desktop.query.fields import Field, FieldKind, FieldSet
from pulse_desktop.text.translation import _


class MetricRow(Protocol):
    """The attributes that queries use; `pulse_desktop.state.metrics.Metric` has them."""

    name: str
    value: float | None
    sample_size: int | None
    trend: str
    change: float | None
    at: float
    source: str


def metric_fields() -> FieldSet[MetricRow]:
    """Return the fields of metrics."""
    kind = FieldKind
    return FieldSet[MetricRow](
        (
            Field("metric", kind.TEXT, _("Metric"), lambda row, _now: named(row.name)),
            Field("value", kind.NUMBER, _("Value"), lambda row, _now: known(row.value)),
            Field(
                "sample", kind.NUMBER, _("Sample size"), lambda row, _now: known(row.sample_size)
            ),
            Field("trend", kind.ID, _("Trend"), lambda row, _now: named(row.trend)),
            Field("change", kind.NUMBER, _("Change"), lambda row, _now: known(row.change)),
            Field("measured", kind.TIME, _("Measured"), lambda row, _now: (row.at,)),
            Field("source", kind.TEXT, _("Sender"), lambda row, _now: named(row.source)),
            Field("text", kind.TEXT, _("Any text"), lambda row, _now: (_text(row),), free=True),
        ),
        _text,
        aliases={"name": "metric", "at": "measured"},
    )


def _text(row: MetricRow) -> str:
    return f"{row.name}\n{row.source}".casefold()
