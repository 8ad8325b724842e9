"""The fields of findings: topics, atoms, their versions, extractions and analyses."""

from pulse_desktop.fields.field_values import (
    free_text_field,
    name_values,
    number_values,
    text_values,
)
from pulse_desktop.query.fields import Field, FieldKind, FieldSet
from pulse_desktop.state.knowledge import KnowledgeItem
from pulse_desktop.text.translation import _


def knowledge_fields() -> FieldSet[KnowledgeItem]:
    """Return the fields of findings."""
    kind = FieldKind
    return FieldSet[KnowledgeItem](
        (
            Field("kind", kind.ID, _("Kind"), lambda row, _now: name_values(row.kind)),
            Field("title", kind.TEXT, _("Title"), lambda row, _now: text_values(row.title)),
            Field("type", kind.ID, _("Type"), lambda row, _now: name_values(row.type)),
            Field(
                "confidence",
                kind.NUMBER,
                _("Confidence"),
                lambda row, _now: number_values(row.confidence),
            ),
            Field(
                "quality", kind.NUMBER, _("Quality"), lambda row, _now: number_values(row.quality)
            ),
            Field(
                "messages",
                kind.NUMBER,
                _("Messages"),
                lambda row, _now: number_values(row.messages),
            ),
            Field(
                "version", kind.NUMBER, _("Version"), lambda row, _now: number_values(row.version)
            ),
            Field("found", kind.TIME, _("Found or started"), lambda row, _now: (row.at,)),
            Field(
                "ended",
                kind.TIME,
                _("Found or ended"),
                lambda row, _now: (row.at if row.ended_at is None else row.ended_at,),
            ),
            Field("id", kind.ID, _("Id"), lambda row, _now: text_values(row.item_id)),
            Field("run", kind.ID, _("Task id"), lambda row, _now: text_values(row.task_id)),
            free_text_field(_text),
        ),
        _text,
        aliases={"time": "found"},
    )


def _text(row: KnowledgeItem) -> str:
    names = row.kind.replace("_", " "), row.title, row.type.replace("_", " ")
    return "\n".join((row.kind, row.type, *names, row.item_id, row.task_id)).casefold()
