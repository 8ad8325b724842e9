"""Number of events and time of the latest per topic, for `status`."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.protocol.topics import topic_of

if TYPE_CHECKING:
    from pulse_desktop.session.session import Session


class TopicCount(NamedTuple):
    """The events of one topic.

    Attributes:
        received: their number.
        last_at: Unix seconds of the latest, None for none.
    """

    received: int
    last_at: float | None


@dataclass(frozen=True)
class TopicCounts:
    """The events of all topics.

    Attributes:
        by_name: by topic; the seven that have a page come first.
        are_complete: whether all that are stored were counted, and not only those that were read.
    """

    by_name: dict[str, TopicCount]
    are_complete: bool


async def read_topics(session: "Session", max_age_s: float) -> TopicCounts:
    """Count the events of the last seconds, on the server if not all of them have been read.

    Args:
        session: which has caught up with the newest part of history.
        max_age_s: seconds.
    """
    from pulse_desktop.transport.ordered_consumer import ConsumerResetError
    from pulse_desktop.transport.stored_subjects import subject_activity

    known = session.state.topics.by_name
    counts = {name: TopicCount(topic.received, topic.last_at) for name, topic in known.items()}
    feed = session.event_feed.status
    if session.history_extent.is_complete or feed.mode != "history":
        return TopicCounts(counts, are_complete=session.history_extent.is_complete)
    prefix = session.names.subject_prefix
    try:
        stored = await subject_activity(
            session.connection,
            feed.stream,
            session.event_feed.subject,
            session.now() - max_age_s,
        )
    except (ConsumerResetError, UserFacingError):
        return TopicCounts(counts, are_complete=False)
    for subject, activity in stored.by_subject.items():
        if activity.count:
            counts[topic_of(subject, prefix)] = TopicCount(activity.count, activity.last_at)
    return TopicCounts(counts, are_complete=stored.is_complete)
