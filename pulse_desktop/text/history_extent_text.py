"""Text about how much of the stored history was read."""

from pulse_desktop.model.history_extent import HistoryExtent
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _


def extent_text(extent: HistoryExtent, now: float) -> str:
    """Return how much was read, such as "60,000 of 300,000 messages, back to 21:04:11".

    Args:
        extent: what was read; not everything.
        now: Unix seconds, to tell the day of another one.
    """
    read, total = formats.count(extent.read), formats.count(extent.total)
    if extent.oldest is None:
        return _("{read} of {total} messages").format(read=read, total=total)
    return _("{read} of {total} messages, back to {time}").format(
        read=read, total=total, time=formats.clock(extent.oldest, now)
    )


def reading_text(extent: HistoryExtent, now: float) -> str:
    """Return what is being read, such as "Reading history: 60,000 of 300,000 messages, …"."""
    return _("Reading history: {extent}").format(extent=extent_text(extent, now))


def history_text(extent: HistoryExtent, now: float) -> str:
    """Return which part of history is known, empty for all of it."""
    if extent.is_complete:
        return ""
    return _("History: the newest {extent}").format(extent=extent_text(extent, now))


def looked_at_text(extent: HistoryExtent, now: float) -> str:
    """Return what a command looked at, a sentence; empty if it was everything."""
    if extent.is_complete:
        return ""
    return _("Looked at the newest {extent}.").format(extent=extent_text(extent, now))


def unread_text(extent: HistoryExtent, now: float) -> str:
    """Return what is missing in an answer that needed all of history, empty for nothing."""
    if extent.is_complete:
        return ""
    text = _("older history: only {extent} could be read").format(extent=extent_text(extent, now))
    if extent.problem:
        text = _("{text}: {reason}").format(text=text, reason=extent.problem.rstrip("."))
    return text
