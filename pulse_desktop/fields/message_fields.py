"""The fields of chat messages."""

from typing import Final

from pulse_desktop.fields.field_values import (
    flag,
    free_text_field,
    name_values,
    number_values,
    text_values,
)
from pulse_desktop.query.fields import Field, FieldKind, FieldSet, Values
from pulse_desktop.state.chat_messages import MessageRow
from pulse_desktop.text.translation import _

UNSCORED: Final = "unscored"
"""Class of a message that has none yet."""


def message_fields() -> FieldSet[MessageRow]:
    """Return the fields of chat messages."""
    kind = FieldKind
    return FieldSet[MessageRow](
        (
            Field("author", kind.TEXT, _("Author"), lambda row, _now: text_values(row.author)),
            Field(
                "content",
                kind.TEXT,
                _("Text of the message"),
                lambda row, _now: text_values(row.content or row.placeholder),
            ),
            Field("score", kind.NUMBER, _("Score"), lambda row, _now: number_values(row.score)),
            Field("class", kind.ID, _("Class"), _class),
            flag(
                "mismatch",
                _("Class and score differ"),
                lambda row, _now: None if row.score is None else row.label_mismatch,
            ),
            Field("source", kind.TEXT, _("Chat"), lambda row, _now: text_values(row.source_name)),
            Field("sent", kind.TIME, _("Sent"), lambda row, _now: number_values(row.sent_at)),
            Field("seen", kind.TIME, _("Last seen"), lambda row, _now: (row.last_seen,)),
            Field("first_seen", kind.TIME, _("First seen"), lambda row, _now: (row.first_seen,)),
            Field("scored", kind.TIME, _("Scored"), lambda row, _now: number_values(row.scored_at)),
            Field("id", kind.ID, _("Message id"), _ids),
            Field("run", kind.ID, _("Task id"), lambda row, _now: text_values(row.task_id)),
            free_text_field(_text),
        ),
        _text,
        aliases={"time": "seen"},
    )


def _class(row: MessageRow, _now: float) -> Values:
    return name_values(row.classification or UNSCORED)


def _ids(row: MessageRow, _now: float) -> Values:
    return tuple(dict.fromkeys(filter(None, (row.message_id, row.key))))


def _text(row: MessageRow) -> str:
    names = row.author, row.source_name, row.message_id, row.key, row.classification
    return "\n".join((*names, row.content or row.placeholder)).casefold()
