"""Serialize failure groups as JSON-ready objects and as cells.

Scripts rely on the names and values; they never change and are never translated.
"""

from typing import Any, Final

import msgspec

from pulse_desktop.model.group_marks import MarkKind
from pulse_desktop.protocol.timestamps import format_timestamp
from pulse_desktop.state.failure_group import FailureGroup


def group_to_dict(group: FailureGroup) -> dict[str, Any]:
    """Return a group as a JSON-ready object."""
    fingerprint, marks = group.fingerprint, group.marks
    return {
        "group": group.id,
        "fingerprint_version": fingerprint.version,
        "grouped_by": fingerprint.grouped_by,
        "soft": fingerprint.soft,
        "types": fingerprint.types,
        "frames": fingerprint.frames,
        "pattern": fingerprint.message or None,
        "message": group.message,
        "tasks": group.tasks,
        "state": group.state,
        "count": group.count,
        "retained": group.retained,
        "first_seen": format_timestamp(group.first_seen),
        "last_seen": format_timestamp(group.last_seen),
        "example": group.example or None,
        "shared": [msgspec.structs.asdict(each) for each in group.shared],
        "marks": {
            kind.value: {"at": format_timestamp(mark.at), "by": mark.by, "text": mark.text}
            for kind in MarkKind
            if (mark := marks.of(kind)) is not None
        },
    }


def listed_group_to_dict(group: FailureGroup, count: int) -> dict[str, Any]:
    """Return a group of a list as a JSON-ready object.

    Args:
        group: the group.
        count: its failures within the time that is listed, or its matching runs.
    """
    return {**group_to_dict(group), "count_since": count}


GROUP_CELLS: Final = (
    "group",
    "state",
    "count",
    "count_since",
    "first_seen",
    "last_seen",
    "tasks",
    "types",
    "message",
    "shared",
    "grouped_by",
    "muted",
    "resolved",
    "note",
    "example",
)
"""Headings of the cells of a group. Scripts rely on them and on their order."""


def group_to_cells(group: FailureGroup, count: int) -> list[str]:
    """Return a group as the cells of a table, see `GROUP_CELLS`; what is unknown is empty.

    Args:
        group: the group.
        count: its failures within the time that is listed, or its matching runs.
    """
    marks = group.marks
    return [
        group.id,
        str(group.state),
        str(group.count),
        str(count),
        format_timestamp(group.first_seen),
        format_timestamp(group.last_seen),
        ", ".join(group.tasks),
        ", ".join(group.fingerprint.types),
        group.message,
        ", ".join(f"{each.field}={each.value}" for each in group.shared),
        str(group.fingerprint.grouped_by),
        *(format_timestamp(mark.at) if mark else "" for mark in (marks.muted, marks.resolved)),
        marks.note.text if marks.note else "",
        group.example,
    ]
