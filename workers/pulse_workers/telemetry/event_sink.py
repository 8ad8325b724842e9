"""Publishing of events, as tasks and middlewares see it: without connection or buffer."""

from typing import Any, Protocol


class EventSink(Protocol):
    """Publishes events without waiting. `EventPublisher` is one."""

    def publish(self, topic: str, type_: str, data: dict[str, Any], *, key: str = "") -> None:
        """Publish an event soon. Never raises.

        Args:
            topic: one of the topics.
            type_: event name.
            data: the event's data; values without a JSON form are sent as text.
            key: what the event tells, if it can happen only once. Events of one type and key have
                the same id: a stream stores one that is published again after a crash only once.
        """
