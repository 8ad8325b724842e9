"""The fields of metrics."""

from pulse_desktop.fields.field_values import free_text_field, number_values, text_values
from pulse_desktop.query.fields import Field, FieldKind, FieldSet
from pulse_desktop.state.metrics import Metric
from pulse_desktop.text.translation import _


def metric_fields() -> FieldSet[Metric]:
    """Return the fields of metrics."""
    kind = FieldKind
    return FieldSet[Metric](
        (
            Field("metric", kind.TEXT, _("Metric"), lambda row, _now: text_values(row.name)),
            Field("value", kind.NUMBER, _("Value"), lambda row, _now: number_values(row.value)),
            Field(
                "sample",
                kind.NUMBER,
                _("Sample size"),
                lambda row, _now: number_values(row.sample_size),
            ),
            Field("trend", kind.ID, _("Trend"), lambda row, _now: text_values(row.trend)),
            Field("change", kind.NUMBER, _("Change"), lambda row, _now: number_values(row.change)),
            Field("measured", kind.TIME, _("Measured"), lambda row, _now: (row.at,)),
            Field("source", kind.TEXT, _("Sender"), lambda row, _now: text_values(row.source)),
            free_text_field(_text),
        ),
        _text,
        aliases={"name": "metric", "at": "measured"},
    )


def _text(row: Metric) -> str:
    return f"{row.name}\n{row.source}".casefold()
