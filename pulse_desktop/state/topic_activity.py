"""Activity of each topic: number of events, time of the latest, and rate."""

from collections.abc import Sequence

from pulse_desktop.protocol.topics import TOPICS
from pulse_desktop.state.series import TimeBuckets, long_counts

ACTIVE_WITHIN_S = 60.0
HISTORY_S = 600
MAX_TOPICS = 100
OTHER_TOPICS = "…"
"""Name that topics beyond the first hundred share."""


class TopicActivity:
    """Activity of one topic.

    Attributes:
        topic: subject suffix.
        received: events received since the start of the program, replayed ones included.
        unreadable: how many of them were unreadable.
        last_at: Unix seconds of the latest event, None before the first.
        rate: events per bucket of 1 s for ten minutes, and in wider ones for two weeks.
    """

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.received = 0
        self.unreadable = 0
        self.last_at: float | None = None
        self.rate = TimeBuckets(1.0, HISTORY_S, long_counts())

    def count_all(self, times: Sequence[float]) -> None:
        """Count events by the times at which they arrived, without whether they are readable."""
        self.received += len(times)
        last = max(times)
        if self.last_at is None or last > self.last_at:
            self.last_at = last
        self.rate.add_all(times)

    def active(self, now: float) -> bool:
        """Return whether an event arrived in the last minute."""
        return self.last_at is not None and now - self.last_at <= ACTIVE_WITHIN_S

    def per_second(self, now: float, seconds: int = 10) -> float:
        """Return the mean rate over the last complete seconds."""
        return sum(self.rate.window(now, seconds)[1]) / seconds


class Topics:
    """Activity of the seven topics, and of every other topic with events.

    Attributes:
        by_name: the seven first, then others in order of arrival (at most 100, since senders choose
            the names).
    """

    def __init__(self) -> None:
        self.by_name: dict[str, TopicActivity] = {name: TopicActivity(name) for name in TOPICS}

    def of(self, topic: str) -> TopicActivity:
        """Return the activity of a topic; beyond the first hundred, all others share one."""
        activity = self.by_name.get(topic)
        if activity is None:
            if len(self.by_name) >= MAX_TOPICS:
                topic = OTHER_TOPICS
            activity = self.by_name.setdefault(topic, TopicActivity(topic))
        return activity

    def active_count(self, now: float) -> int:
        """Return how many of the seven topics are active."""
        return sum(self.by_name[name].active(now) for name in TOPICS)

    def per_second(self, now: float, seconds: int = 5) -> float:
        """Return the mean rate of all topics together."""
        return sum(activity.per_second(now, seconds) for activity in self.by_name.values())

    @property
    def received(self) -> int:
        """Events received on all topics."""
        return sum(activity.received for activity in self.by_name.values())
