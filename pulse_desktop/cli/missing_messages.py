"""What a recording lacks of what was published, with the reasons."""

from typing import TYPE_CHECKING, Final, NamedTuple

from pulse_desktop.text import formats
from pulse_desktop.text.translation import _, ngettext

if TYPE_CHECKING:
    from pulse_desktop.session.recording.recorder import Recorder
    from pulse_desktop.session.session import Session
    from pulse_desktop.transport.feed_status import FeedStatus

_MAX_GAPS: Final = 2
"""Gaps of a feed that are listed, the newest."""


class MissingMessages(NamedTuple):
    """What is missing, one text without its full stop for each reason.

    Attributes:
        past: of what was stored before and wanted.
        while_recording: of what was published since.
    """

    past: list[str]
    while_recording: list[str]


def missing_messages(session: "Session", past: list[str] | None) -> MissingMessages:
    """Return what a recording lacks when it ends.

    Args:
        session: that was recorded.
        past: what of the past cannot be read, None if it was not read to its end.
    """
    if past is None:
        past = _unread_past(session)
    feeds = {_("events"): session.event_feed.status, _("tasks"): session.task_feed.status}
    past = [*past, *(text for name, status in feeds.items() for text in _deleted(name, status))]
    found = [text for name, status in feeds.items() for text in _gaps(name, status)]
    if not session.connection.connected:
        lost = session.connection.last_alive or session.now()
        text = _("what was published since {time}: the connection was lost")
        found.append(text.format(time=formats.absolute(lost)))
    return MissingMessages(past, found)


def unwritten(recorder: "Recorder") -> list[str]:
    """Return what had arrived and could not be written before the recording ended."""
    if not recorder.unwritten:
        return []
    text = ngettext(
        "{count} message that had arrived: the recording was stopped before it was written",
        "{count} messages that had arrived: the recording was stopped before they were written",
        recorder.unwritten,
    )
    return [text.format(count=formats.count(recorder.unwritten))]


def left_out(recorder: "Recorder") -> list[str]:
    """Return what could not be recorded, and which results are known by size and time alone.

    What came after the largest size of the file is not missing: it is the end that was asked for.
    """
    too_long = ngettext(
        "{count} message: it is longer than 16 MiB",
        "{count} messages: they are longer than 16 MiB",
        recorder.too_long,
    )
    too_large = ngettext(
        "{count} result: it is larger than 1 MiB",
        "{count} results: they are larger than 1 MiB",
        recorder.too_large,
    )
    unreadable = ngettext(
        "{count} result: it cannot be read",
        "{count} results: they cannot be read",
        recorder.unreadable,
    )
    refused = 0 if recorder.is_full else recorder.dropped - recorder.unwritten - recorder.too_long
    too_slow = ngettext(
        "{count} message: the disk is too slow", "{count} messages: the disk is too slow", refused
    )
    counts = (
        (refused, too_slow),
        (recorder.too_long, too_long),
        (recorder.too_large, too_large),
        (recorder.unreadable, unreadable),
    )
    return [text.format(count=formats.count(count)) for count, text in counts if count]


def _unread_past(session: "Session") -> list[str]:
    from pulse_desktop.text.unreadable_text import describe_unreadable

    found: list[str] = []
    if session.connection.connected:
        found = describe_unreadable(session.unreadable)
        reason = _("the past: the recording ended before all of it was read")
    else:
        reason = _("the past: the connection was lost before all of it was read")
    feeds = (session.event_feed.status, session.task_feed.status)
    unread = sum(status.lag + status.unread for status in feeds) + session.waiting
    if not unread:
        return [*found, reason]
    text = ngettext(
        "{reason}; about {count} stored message is missing",
        "{reason}; about {count} stored messages are missing",
        unread,
    )
    return [*found, text.format(reason=reason, count=formats.count(unread))]


def _deleted(name: str, status: "FeedStatus") -> list[str]:
    """Return what was deleted before it was read."""
    if (loss := status.loss) is None:
        return []
    text = ngettext(
        "{name} from {start} to {end}, about {count} stored message: {reason}",
        "{name} from {start} to {end}, about {count} stored messages: {reason}",
        loss.count,
    )
    return [
        text.format(
            name=name,
            start=formats.absolute(loss.start),
            end=formats.absolute(loss.end),
            count=formats.count(loss.count),
            reason=loss.reason,
        )
    ]


def _gaps(name: str, status: "FeedStatus") -> list[str]:
    """Return the times of which nothing was received, and no stream has it."""
    gaps = [gap for gap in status.gaps if not gap.filled]
    return [
        _("{name} from {start} to {end}: they could not be received").format(
            name=name, start=formats.absolute(gap.start), end=formats.absolute(gap.end)
        )
        for gap in gaps[-_MAX_GAPS:]
    ]
