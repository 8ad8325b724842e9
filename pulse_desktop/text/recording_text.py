"""Text about recordings: how one is damaged, and what it lacks. Texts without full stops."""

from typing import Final

from pulse_desktop.model.recording_damage import Counted, RecordingDamage
from pulse_desktop.protocol.value_limits import format_mib
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _, ngettext

_DIFFERENCES: Final = {
    Counted.MESSAGES: _("{found} messages instead of {stated}"),
    Counted.RESULTS: _("{found} results instead of {stated}"),
    Counted.LINES: _("{found} lines instead of {stated}"),
}


def damage_texts(damage: RecordingDamage) -> list[str]:
    """Return how a recording is damaged."""
    found = []
    if not damage.has_header:
        found.append(_("the beginning is damaged: which connection was recorded is not known"))
    if damage.parts:
        text = ngettext(
            "{count} part of the file is damaged",
            "{count} parts of the file are damaged",
            damage.parts,
        )
        found.append(text.format(count=formats.count(damage.parts)))
    if damage.lines:
        text = ngettext("{count} line is damaged", "{count} lines are damaged", damage.lines)
        found.append(text.format(count=formats.count(damage.lines)))
    if not damage.has_end:
        found.append(_("the recording was cut off: its end is missing"))
    if damage.differences:
        differences = ", ".join(
            _DIFFERENCES[each.counted].format(
                found=formats.count(each.found), stated=formats.count(each.stated)
            )
            for each in damage.differences
        )
        found.append(_("the file holds {differences}").format(differences=differences))
    return found


def unwritten_text(count: int) -> str:
    """Return what had arrived and could not be written before the recording ended."""
    text = ngettext(
        "{count} message that had arrived: the recording was stopped before it was written",
        "{count} messages that had arrived: the recording was stopped before they were written",
        count,
    )
    return text.format(count=formats.count(count))


def too_slow_text(count: int) -> str:
    """Return how many messages arrived faster than they could be written."""
    text = ngettext(
        "{count} message: the disk is too slow", "{count} messages: the disk is too slow", count
    )
    return text.format(count=formats.count(count))


def too_long_text(count: int, max_bytes: int) -> str:
    """Return how many messages are longer than what is recorded of one."""
    text = ngettext(
        "{count} message: it is longer than {size}",
        "{count} messages: they are longer than {size}",
        count,
    )
    return text.format(count=formats.count(count), size=format_mib(max_bytes))


def too_large_text(count: int, max_bytes: int) -> str:
    """Return how many results are larger than what is recorded of one."""
    text = ngettext(
        "{count} result: it is larger than {size}",
        "{count} results: they are larger than {size}",
        count,
    )
    return text.format(count=formats.count(count), size=format_mib(max_bytes))


def unreadable_results_text(count: int) -> str:
    """Return how many results cannot be read."""
    text = ngettext(
        "{count} result: it cannot be read", "{count} results: they cannot be read", count
    )
    return text.format(count=formats.count(count))


def unread_past_text(unread: int, *, is_connected: bool) -> str:
    """Return why stored messages that were wanted are missing.

    Args:
        unread: about how many, 0 if that is not known.
        is_connected: whether the connection was there until the end.
    """
    if is_connected:
        reason = _("the past: the recording ended before all of it was read")
    else:
        reason = _("the past: the connection was lost before all of it was read")
    if not unread:
        return reason
    text = ngettext(
        "{reason}; about {count} stored message is missing",
        "{reason}; about {count} stored messages are missing",
        unread,
    )
    return text.format(reason=reason, count=formats.count(unread))


def deleted_text(name: str, start: float, end: float, count: int, reason: str) -> str:
    """Return what was deleted on the server before it was read."""
    text = ngettext(
        "{name} from {start} to {end}, about {count} stored message: {reason}",
        "{name} from {start} to {end}, about {count} stored messages: {reason}",
        count,
    )
    return text.format(
        name=name,
        start=formats.absolute(start),
        end=formats.absolute(end),
        count=formats.count(count),
        reason=reason,
    )


def unread_results_text(count: int) -> str:
    """Return that the recording ended before results were read.

    Args:
        count: of those that are known, 0 if it is not known whether there are any.
    """
    if not count:
        return _("the latest results: the recording ended before they were read")
    text = ngettext(
        "{count} result: the recording ended before it was read",
        "{count} results: the recording ended before they were read",
        count,
    )
    return text.format(count=formats.count(count))


def deleted_bucket_text(since: float) -> str:
    """Return that there is no bucket of results any more."""
    text = _("results since {time}: their bucket was deleted")
    return text.format(time=formats.absolute(since))


def not_stored_text(name: str) -> str:
    """Return that no stream stores messages, a whole sentence."""
    text = _("No stream stores {name}: only those that arrived while recording are in the file.")
    return text.format(name=name)


def refused_text(name: str, problem: str) -> str:
    """Return that nothing is received, and why."""
    return _("{name}: {problem}").format(name=name, problem=problem)


def gap_text(name: str, start: float, end: float) -> str:
    """Return that nothing could be received for a time."""
    text = _("{name} from {start} to {end}: they could not be received")
    return text.format(name=name, start=formats.absolute(start), end=formats.absolute(end))


def connection_lost_text(since: float) -> str:
    """Return that the recording ended without a connection."""
    text = _("what was published since {time}: the connection was lost")
    return text.format(time=formats.absolute(since))
