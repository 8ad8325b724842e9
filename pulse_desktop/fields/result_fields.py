"""The fields of stored results."""

from typing import Final

from pulse_desktop.fields.field_values import choices, free_text_field, text_values
from pulse_desktop.fields.names import task_values
from pulse_desktop.query.fields import Field, FieldKind, FieldSet
from pulse_desktop.state.stored_results import StoredResult
from pulse_desktop.text.translation import _, pgettext

DELETED: Final = "deleted"
UNREADABLE: Final = "unreadable"
UNREAD: Final = "unread"


def result_outcome(row: StoredResult) -> str:
    """Return the outcome of a result, or why there is none: deleted, unreadable, or not read."""
    if row.stored.deleted:
        return DELETED
    if row.problem:
        return UNREADABLE
    return row.outcome or UNREAD


def result_fields() -> FieldSet[StoredResult]:
    """Return the fields of stored results."""
    kind = FieldKind
    labels = {
        "succeeded": pgettext("result", "value"),
        "soft_failed": pgettext("result", "soft failure"),
        "failed": pgettext("result", "error"),
        "cancelled": pgettext("result", "cancelled"),
        DELETED: pgettext("result", "deleted"),
        UNREADABLE: pgettext("result", "unreadable"),
        UNREAD: pgettext("result", "not read"),
    }
    return FieldSet[StoredResult](
        (
            Field("key", kind.ID, _("Key"), lambda row, _now: (row.key,)),
            Field("task", kind.TEXT, _("Task"), lambda row, _now: task_values(row.task_name)),
            Field(
                "outcome",
                kind.CHOICE,
                _("Outcome"),
                lambda row, _now: (result_outcome(row),),
                choices(labels, {"soft failure": "soft_failed"}),
            ),
            Field("size", kind.SIZE, _("Size"), lambda row, _now: (row.stored.size,)),
            Field("stored", kind.TIME, _("Stored"), lambda row, _now: (row.stored.stored_at,)),
            Field("format", kind.ID, _("Format"), lambda row, _now: text_values(row.format)),
            Field(
                "problem",
                kind.TEXT,
                _("Why it is unreadable"),
                lambda row, _now: text_values(row.problem),
            ),
            Field("bucket", kind.ID, _("Bucket"), lambda row, _now: text_values(row.stored.bucket)),
            Field("chunks", kind.NUMBER, _("Chunks"), lambda row, _now: (row.stored.chunks,)),
            free_text_field(_text),
        ),
        _text,
        aliases={"id": "key", "run": "key"},
    )


def _text(row: StoredResult) -> str:
    return f"{row.key}\n{row.task_name}\n{row.problem}".casefold()
