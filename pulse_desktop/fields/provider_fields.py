"""The fields of model providers."""

from pulse_desktop.fields.field_values import (
    flag,
    free_text_field,
    name_values,
    number_values,
    text_values,
)
from pulse_desktop.query.fields import Field, FieldKind, FieldSet
from pulse_desktop.state.providers import ProviderStatus
from pulse_desktop.text.translation import _


def provider_fields() -> FieldSet[ProviderStatus]:
    """Return the fields of providers."""
    kind = FieldKind
    return FieldSet[ProviderStatus](
        (
            Field("provider", kind.TEXT, _("Provider"), lambda row, _now: text_values(row.name)),
            Field("status", kind.ID, _("Status"), lambda row, _now: name_values(row.status)),
            flag("up", _("Connected"), _is_up),
            Field("kind", kind.ID, _("Kind"), lambda row, _now: name_values(row.kind)),
            Field("protocol", kind.ID, _("Protocol"), lambda row, _now: text_values(row.protocol)),
            Field("model", kind.TEXT, _("Model"), lambda row, _now: row.models),
            Field(
                "latency",
                kind.DURATION,
                _("Latency"),
                lambda row, _now: number_values(row.latency_s),
            ),
            Field("error", kind.TEXT, _("Error"), lambda row, _now: text_values(row.error)),
            Field("failures", kind.NUMBER, _("Failed checks"), lambda row, _now: (row.failures,)),
            Field("checks", kind.NUMBER, _("Checks"), lambda row, _now: (row.checks,)),
            Field("since", kind.TIME, _("Has this status since"), lambda row, _now: (row.since,)),
            Field("checked", kind.TIME, _("Last check"), lambda row, _now: (row.checked_at,)),
            Field(
                "silent",
                kind.DURATION,
                _("Time since the last check"),
                lambda row, now: (max(0.0, now - row.checked_at),),
                time_dependent=True,
            ),
            Field("url", kind.TEXT, _("Address"), lambda row, _now: text_values(row.url)),
            free_text_field(_text),
        ),
        _text,
        aliases={"name": "provider", "models": "model"},
    )


def _is_up(row: ProviderStatus, _now: float) -> bool | None:
    return {"connected": True, "error": False}.get(row.status)


def _text(row: ProviderStatus) -> str:
    names = row.name, row.kind, row.protocol, row.url, row.status
    return "\n".join((*names, *row.models, row.error)).casefold()
