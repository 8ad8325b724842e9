"""What a recording lacks of what was published, with the reasons."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, NamedTuple

from pulse_desktop.text import recording_text
from pulse_desktop.text.translation import _

if TYPE_CHECKING:
    from pulse_desktop.session.recording.recorder import Recorder
    from pulse_desktop.session.session import Session
    from pulse_desktop.transport.feed_status import FeedStatus, Gap

_MAX_GAPS: Final = 2
"""Gaps of a feed that are listed, the newest."""


class MissingMessages(NamedTuple):
    """What is missing, one text without its full stop for each reason.

    Attributes:
        past: of what was stored before and wanted.
        while_recording: of what was published since.
        notes: whole sentences about what is missing because it was never stored.
    """

    past: list[str]
    while_recording: list[str]
    notes: list[str]


def missing_messages(
    session: "Session", past: list[str] | None, *, unread_results: int | None
) -> MissingMessages:
    """Return what a recording lacks when it ends.

    Args:
        session: that was recorded.
        past: what of the past cannot be read, None if it was not read to its end.
        unread_results: how many of the wanted results are known and not read, None if the latest
            that are stored were.
    """
    if past is None:
        past = _unread_past(session)
    feeds = {_("events"): session.event_feed.status, _("tasks"): session.task_feed.status}
    past = [*past, *(text for name, status in feeds.items() for text in _deleted(name, status))]
    found = [text for name, status in feeds.items() for text in _gaps(name, status.gaps)]
    found.extend(_gaps(_("results"), session.results.watch_status.gaps))
    if not session.connection.connected:
        lost = session.connection.last_alive or session.now()
        found.append(recording_text.connection_lost_text(lost))
        return MissingMessages(past, found, [])
    found.extend(
        recording_text.refused_text(name, status.problem)
        for name, status in feeds.items()
        if status.mode == "off" and status.problem
    )
    found.extend(_unread_results(session, past, unread_results))
    return MissingMessages(past, found, [])


def unwritten(recorder: "Recorder") -> list[str]:
    """Return what had arrived and could not be written before the recording ended."""
    return [recording_text.unwritten_text(recorder.unwritten)] if recorder.unwritten else []


def left_out(recorder: "Recorder") -> list[str]:
    """Return what could not be recorded, and which results are known by size and time alone.

    What came after the largest size of the file is not missing: it is the end that was asked for.
    """
    from pulse_desktop.session.recording.recording_format import MAX_LINE_BYTES
    from pulse_desktop.session.result_loader import MAX_EAGER_READ_BYTES

    found = []
    refused = 0 if recorder.is_full else recorder.dropped - recorder.unwritten - recorder.too_long
    if refused:
        found.append(recording_text.too_slow_text(refused))
    if recorder.too_long:
        found.append(recording_text.too_long_text(recorder.too_long, MAX_LINE_BYTES))
    if recorder.too_large:
        found.append(recording_text.too_large_text(recorder.too_large, MAX_EAGER_READ_BYTES))
    if recorder.unreadable:
        found.append(recording_text.unreadable_results_text(recorder.unreadable))
    return found


def not_stored(session: "Session") -> list[str]:
    """Return whole sentences about messages that no stream stores: they have no past."""
    feeds = {_("events"): session.event_feed.status, _("tasks"): session.task_feed.status}
    return [recording_text.not_stored_text(name) for name, feed in feeds.items() if feed.missing]


def _unread_past(session: "Session") -> list[str]:
    from pulse_desktop.text.unreadable_text import describe_unreadable

    is_connected = session.connection.connected
    found = describe_unreadable(session.unreadable) if is_connected else []
    feeds = (session.event_feed.status, session.task_feed.status)
    unread = sum(status.lag + status.unread for status in feeds) + session.waiting
    return [*found, recording_text.unread_past_text(unread, is_connected=is_connected)]


def _deleted(name: str, status: "FeedStatus") -> list[str]:
    """Return what was deleted before it was read."""
    if (loss := status.loss) is None:
        return []
    return [recording_text.deleted_text(name, loss.start, loss.end, loss.count, loss.reason)]


def _gaps(name: str, gaps: Iterable["Gap"]) -> list[str]:
    """Return the times of which nothing was received, and no stream has it."""
    gaps = [gap for gap in gaps if not gap.filled]
    return [recording_text.gap_text(name, gap.start, gap.end) for gap in gaps[-_MAX_GAPS:]]


def _unread_results(session: "Session", past: list[str], unread: int | None) -> list[str]:
    """Return why results that were stored are missing."""
    from pulse_desktop.text.unreadable_text import describe_unreadable

    if (deleted := session.results.watch_status.deleted_since) is not None:
        return [recording_text.deleted_bucket_text(deleted)]
    reason = session.unreadable.get("results")
    if reason is not None:
        return [text for text in describe_unreadable({"results": reason}) if text not in past]
    return [] if unread is None else [recording_text.unread_results_text(unread)]
