"""Text about failure groups: what makes them, and their state."""

from collections.abc import Callable, Sequence
from typing import Final

from pulse_desktop.model.group_marks import GroupMarks, Mark
from pulse_desktop.query.fingerprint import Fingerprint, GroupedBy
from pulse_desktop.state.failure_group import FailureGroup, GroupState
from pulse_desktop.text import formats
from pulse_desktop.text.run_text import translated_reason
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _, ngettext, pgettext

MUTED: Final = "muted"
"""Stands beside the states: a muted group keeps its state."""

GROUP_LABELS: Final = {
    GroupState.ONGOING.value: (pgettext("group", "ongoing"), "✖", SemanticColor.BAD),
    GroupState.REGRESSED.value: (pgettext("group", "regressed"), "↻", SemanticColor.RETRY),
    GroupState.RECOVERED.value: (pgettext("group", "recovered"), "✔", SemanticColor.GOOD),
    GroupState.RESOLVED.value: (pgettext("group", "resolved"), "✔", SemanticColor.MUTED),
    MUTED: (pgettext("group", "muted"), "‖", SemanticColor.MUTED),
    GroupState.UNKNOWN.value: (pgettext("group", "reading…"), "◌", SemanticColor.MUTED),
}
"""Label, glyph and color of each state, in the order in which they are offered."""

GROUP_MEANINGS: Final = {
    GroupState.ONGOING.value: _("Its tasks still fail, or have not succeeded since"),
    GroupState.REGRESSED.value: _("It failed again after it had recovered or was resolved"),
    GroupState.RECOVERED.value: _(
        "Its tasks have run and succeeded for a while since its last failure"
    ),
    GroupState.RESOLVED.value: _("Marked as resolved; a new failure makes it regressed"),
    MUTED: _("Marked as muted: it does not count as needing attention"),
    GroupState.UNKNOWN.value: _(
        "Unknown while history is read: later runs of its tasks may be found yet"
    ),
}
GROUP_RANKS: Final = {state: number for number, state in enumerate(GROUP_LABELS)}


def shown_state(group: FailureGroup) -> str:
    """Return the key of a group's state in `GROUP_LABELS`."""
    return MUTED if group.marks.muted is not None else group.state.value


def state_text(group: FailureGroup) -> str:
    """Return the state of a group, and of a muted one also whether it is resolved."""
    return " · ".join(GROUP_LABELS[key][0] for key in _states(group))


def state_meaning(group: FailureGroup) -> str:
    """Return what the state of a group means, one line each."""
    return "\n".join(GROUP_MEANINGS[key] for key in _states(group))


def _states(group: FailureGroup) -> Sequence[str]:
    shown = shown_state(group)
    is_both = shown == MUTED and group.marks.resolved is not None
    return (shown, group.state.value) if is_both else (shown,)


def group_title(group: FailureGroup) -> str:
    """Return what fails: the message of the latest failure, which begins with its type."""
    if group.fingerprint.grouped_by is GroupedBy.NOTHING:
        return _("Other failures: there are too many groups")
    return translated_reason(group.message) or group.cause or _("unknown error")


def group_cause(group: FailureGroup) -> str:
    """Return the type of the exception or the code, or what kind of failure it is."""
    if group.cause:
        return group.cause
    if group.fingerprint.grouped_by is GroupedBy.NOTHING:
        return _("others")
    return _("soft failure") if group.fingerprint.soft else _("unknown error")


def tasks_text(group: FailureGroup, task_label: Callable[[str], str]) -> str:
    """Return the short names of a group's tasks."""
    first = task_label(group.tasks[0]) if group.tasks else ""
    others = len(group.tasks) - 1
    if others < 1:
        return first
    text = ngettext("{task} and {count} other", "{task} and {count} others", others)
    return text.format(task=first, count=formats.count(others))


def grouped_by_text(fingerprint: Fingerprint) -> str:
    """Return what the failures of a group have in common, after "grouped by"."""
    chain = " → ".join(fingerprint.types)
    match fingerprint.grouped_by:
        case GroupedBy.FRAMES:
            text = _("{types}, and where it was raised")
        case GroupedBy.FRAMES_AND_MESSAGE:
            text = _("{types}, where it was raised, and the message")
        case GroupedBy.CODE:
            text = _("the task and the error code")
        case GroupedBy.MESSAGE if fingerprint.types:
            text = _("the task, {types} and the message, without a traceback")
        case GroupedBy.MESSAGE:
            text = _("the task and the message")
        case GroupedBy.NOTHING:
            text = _("nothing: there are more groups than are kept apart")
    return text.format(types=chain)


def fingerprint_lines(fingerprint: Fingerprint) -> str:
    """Return the parts of a fingerprint, one per line: frames, the one that raised last; message.

    Lines of code are left out of a fingerprint, so that a deployment makes no new groups.
    """
    return "\n".join((*fingerprint.frames, *filter(None, (fingerprint.message,))))


def count_text(count: int) -> str:
    """Return a number of groups as text."""
    text = ngettext("{count} group", "{count} groups", count)
    return text.format(count=formats.count(count))


def muted_text(count: int) -> str:
    """Return how many groups are muted, empty for none."""
    text = ngettext("{count} muted", "{count} muted", count)
    return text.format(count=formats.count(count)) if count else ""


def runs_text(group: FailureGroup) -> str:
    """Return how many failures a group has, and how many of their runs are retained."""
    count = formats.count(group.count)
    if group.retained == group.count:
        return count
    text = _("{count}, the runs of {retained} of them are retained")
    return text.format(count=count, retained=formats.count(group.retained))


def failures_text(group: FailureGroup, in_range: int | None) -> str:
    """Return how many failures a group has, and how many of them are in the time range.

    Args:
        group: the group.
        in_range: failures in the time range, None if that is everything.
    """
    text = runs_text(group)
    if in_range is None:
        return text
    in_all = _("{count} in this time; of all that is known: {total}")
    return in_all.format(count=formats.count(in_range), total=text)


def marks_text(marks: GroupMarks, now: float) -> str:
    """Return who muted or resolved a group and when, one line each; empty if nobody did."""
    lines = []
    if marks.muted is not None:
        lines.append(_by(_("Muted by {who}, {time}"), marks.muted, now))
    if marks.resolved is not None:
        lines.append(_by(_("Resolved by {who}, {time}"), marks.resolved, now))
    return "\n".join(lines)


def note_source_text(note: Mark, now: float) -> str:
    """Return who wrote a note, and when."""
    return _by(_("{who}, {time}"), note, now)


def _by(text: str, mark: Mark, now: float) -> str:
    return text.format(who=mark.by, time=formats.ago(mark.at, now))


def opened_text(group: FailureGroup) -> str:
    """Return what the table of runs shows of a group, which may get more while it is shown."""
    return _("Runs of {cause}").format(cause=group_cause(group))
