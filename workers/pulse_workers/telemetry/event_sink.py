"""Publishing of events, as tasks and middlewares see it: without connection or buffer."""

from typing import Any, Protocol


class EventSink(Protocol):
    """Publishes events without waiting. `EventPublisher` is one."""

    def publish(self, topic: str, type_: str, data: dict[str, Any]) -> None:
        """Publish an event soon. Never raises.

        Args:
            topic: one of the topics.
            type_: event name.
            data: the event's data; values without a JSON form are sent as text.
        """
