"""The fields of failure groups."""

from collections.abc import Callable
from dataclasses import replace

from pulse_desktop.fields.field_values import choices, flag, free_text_field, text_values
from pulse_desktop.fields.names import task_values
from pulse_desktop.fields.shared_condition import shared_condition
from pulse_desktop.query.fields import Field, FieldKind, FieldSet, Values
from pulse_desktop.state.failure_group import FailureGroup
from pulse_desktop.text.group_text import GROUP_LABELS, shown_state
from pulse_desktop.text.translation import _


def group_fields(
    count: Callable[[FailureGroup], int],
    shown: Callable[[FailureGroup], FailureGroup] = lambda row: row,
) -> FieldSet[FailureGroup]:
    """Return the fields of failure groups.

    Args:
        count: returns the failures of a group within the time range.
        shown: returns a group as it is shown, such as at the end of a frozen time range.
    """
    kind = FieldKind
    labels = {name: label for name, (label, *_look) in GROUP_LABELS.items()}

    def text(row: FailureGroup) -> str:
        return _text(shown(row))

    def of_shown(field: Field[FailureGroup]) -> Field[FailureGroup]:
        get = field.get
        return replace(field, get=lambda row, now: get(shown(row), now))

    fields: tuple[Field[FailureGroup], ...] = (
        Field("state", kind.CHOICE, _("State"), _state, choices(labels)),
        flag("muted", _("Muted"), lambda row, _now: row.marks.muted is not None),
        Field("count", kind.NUMBER, _("Failures"), lambda row, _now: (count(row),)),
        Field("cause", kind.TEXT, _("Cause"), lambda row, _now: text_values(row.cause)),
        Field("message", kind.TEXT, _("Message"), lambda row, _now: text_values(row.message)),
        Field("task", kind.TEXT, _("Task"), _tasks),
        Field("shared", kind.TEXT, _("What failures share"), _shared),
        flag("soft", _("Soft failures"), lambda row, _now: row.fingerprint.soft),
        Field("first", kind.TIME, _("First failure"), lambda row, _now: (row.first_seen,)),
        Field("last", kind.TIME, _("Latest failure"), lambda row, _now: (row.last_seen,)),
        Field("note", kind.TEXT, _("Note"), lambda row, _now: text_values(_note(row))),
        Field("id", kind.ID, _("Group id"), lambda row, _now: (row.id,)),
        free_text_field(text),
    )
    return FieldSet[FailureGroup](
        map(of_shown, fields), text, aliases={"group": "id", "error": "message"}
    )


def _state(row: FailureGroup, _now: float) -> Values:
    return (shown_state(row),)


def _tasks(row: FailureGroup, _now: float) -> Values:
    return tuple(form for name in row.tasks for form in task_values(name))


def _shared(row: FailureGroup, _now: float) -> Values:
    """Return `args.language=pl`, `language=pl`, and how it is shown: `args.task="a b"`."""
    found: dict[str, None] = {}
    for each in row.shared:
        short = each.field.removeprefix("args.").removeprefix("label.")
        texts = f"{each.field}={each.value}", f"{short}={each.value}", shared_condition(each)
        found.update(dict.fromkeys(texts))
    return tuple(found)


def _note(row: FailureGroup) -> str:
    return row.marks.note.text if row.marks.note is not None else ""


def _text(row: FailureGroup) -> str:
    parts = row.id, row.cause, row.message, *row.tasks, *_shared(row, 0.0), _note(row)
    return "\n".join(parts).casefold()
