"""A failure group as the command line shows it, for reading."""

from typing import TYPE_CHECKING, Final

from pulse_desktop.cli.output import write_labelled
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _

if TYPE_CHECKING:
    from pulse_desktop.state.failure_group import FailureGroup
    from pulse_desktop.state.run import TaskRun

_LABEL_WIDTH: Final = 11


def write_group(group: "FailureGroup", now: float, tasks: list[str]) -> None:
    """Write what is known of a group.

    Args:
        group: the group.
        now: Unix seconds.
        tasks: short names of its tasks.
    """
    from pulse_desktop.text.group_text import (
        GROUP_LABELS,
        GROUP_MEANINGS,
        fingerprint_lines,
        group_title,
        grouped_by_text,
        marks_text,
        runs_text,
        shown_state,
    )

    key = shown_state(group)
    write_part(_("group"), group.id)
    write_part(_("state"), f"{GROUP_LABELS[key][0]}: {GROUP_MEANINGS[key]}")
    write_part(_("message"), group_title(group))
    write_part(_("runs"), runs_text(group))
    write_part(_("tasks"), ", ".join(tasks))
    for name, at in ((_("first"), group.first_seen), (_("last"), group.last_seen)):
        write_part(name, f"{formats.absolute(at)}, {formats.ago(at, now)}")
    write_part(_("grouped by"), grouped_by_text(group.fingerprint))
    write_part("", fingerprint_lines(group.fingerprint))
    write_part(_("marked"), marks_text(group.marks, now))
    if group.marks.note is not None:
        write_part(_("note"), f"{group.marks.note.text}  ({group.marks.note.by})")


def write_example(example: "TaskRun | None") -> None:
    """Write the latest run of a group, None if it is no longer retained."""
    from pulse_desktop.text.error_report import error_report
    from pulse_desktop.text.run_text import reason_text

    if example is None:
        return
    write_part(_("example"), example.task_id)
    lines = [line.text for line in error_report(example)]
    write_part("", "\n".join(lines) or reason_text(example))


def write_part(label: str, text: str) -> None:
    """Write a part with its label and further lines indented, nothing without a text."""
    if text:
        write_labelled(label, text, _LABEL_WIDTH)
