"""Columns of the table of stored results, and the labels of their outcomes."""

from collections.abc import Callable, Sequence
from typing import Final

from pulse_desktop.protocol.task_formats import FORMAT_NAMES
from pulse_desktop.state.stored_results import StoredResult
from pulse_desktop.text import formats
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _, ngettext, pgettext
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.common_columns import muted, time_column

OUTCOME_LABELS: Final = {
    "succeeded": (pgettext("result", "value"), "✔", SemanticColor.GOOD),
    "soft_failed": (pgettext("result", "soft failure"), "!", SemanticColor.WARNING),
    "failed": (pgettext("result", "error"), "✖", SemanticColor.BAD),
    "cancelled": (pgettext("result", "cancelled"), "⊘", SemanticColor.MUTED),
}
"""Label, glyph and color of each outcome, in the order of the facets."""
DELETED: Final = (pgettext("result", "deleted"), "delete", SemanticColor.MUTED)
NOT_READ: Final = (pgettext("result", "not read"), "○", SemanticColor.MUTED)
UNREADABLE: Final = (pgettext("result", "unreadable"), "?", SemanticColor.WARNING)
_FORMATS: Final = {
    **FORMAT_NAMES,
    "pickle": _("pickle, read safely"),
    "unreadable": _("unreadable"),
}


def outcome_label(row: StoredResult) -> tuple[str, str, SemanticColor]:
    """Return label, glyph and color of an outcome; blank until the result has been looked at."""
    if row.stored.deleted:
        return DELETED
    if row.problem:
        return UNREADABLE
    if row.too_large:
        return NOT_READ
    return OUTCOME_LABELS.get(row.outcome, ("", "", SemanticColor.TEXT))


def unread_text(row: StoredResult) -> str:
    """Return why a result was not read, empty if it was or will be."""
    return _("Too large to be read automatically: open it to read it.") if row.too_large else ""


def format_label(row: StoredResult) -> str:
    """Return the format of a result as shown."""
    return _FORMATS.get(row.format, row.format)


def _size_tooltip(row: StoredResult, _now: float) -> str:
    chunks = row.stored.chunks
    return ngettext(
        "{bytes} bytes in {chunks} chunk", "{bytes} bytes in {chunks} chunks", chunks
    ).format(bytes=formats.count(row.stored.size), chunks=formats.count(chunks))


def _faint_if_deleted(row: StoredResult) -> SemanticColor | None:
    return SemanticColor.FAINT if row.stored.deleted else None


def result_columns(task_label: Callable[[str], str]) -> Sequence[Column[StoredResult]]:
    """Return the columns of the table of stored results.

    Args:
        task_label: returns the short name of a task.
    """
    return (
        Column(
            _("Key"),
            "key",
            lambda row, _now: row.key,
            width=168,
            mono=True,
            color=_faint_if_deleted,
        ),
        Column(
            _("Task"),
            "task",
            lambda row, _now: task_label(row.task_name),
            width=170,
            stretch=True,
            tooltip=lambda row, _now: row.task_name,
            color=_faint_if_deleted,
        ),
        Column(
            _("Outcome"),
            "outcome",
            lambda row, _now: outcome_label(row)[0],
            width=124,
            color=lambda row: outcome_label(row)[2],
            glyph=lambda row: outcome_label(row)[1],
            tooltip=lambda row, _now: row.problem or unread_text(row) or outcome_label(row)[0],
        ),
        Column(
            _("Size"),
            "size",
            lambda row, _now: formats.size(row.stored.size),
            width=84,
            align="right",
            mono=True,
            sort=lambda row: row.stored.size,
            tooltip=_size_tooltip,
        ),
        time_column(lambda row: row.stored.stored_at, _("Stored"), "stored", hide_below=640),
        Column(
            _("Format"),
            "format",
            lambda row, _now: format_label(row),
            width=140,
            color=muted,
            hide_below=760,
        ),
    )
