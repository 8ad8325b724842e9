"""Event topics, NATS subjects, and the names of streams and buckets."""

from typing import Final

TOPICS: Final = (
    "agents",
    "tasks",
    "providers",
    "knowledge",
    "messages",
    "monitoring",
    "metrics",
)
"""The seven topics that have a page of their own, in display order."""

EVENT_PREFIX: Final = "websocket."
EVENT_SUBJECT: Final = "websocket.*"
"""Wildcard that live events are subscribed to by: a topic is one token."""
EVENT_STREAM_SUBJECT: Final = "websocket.>"
"""Wildcard of the subjects that the history stream stores."""

TASK_SUBJECT: Final = "taskiq_tasks"
TASK_TOPIC: Final = "taskiq"
"""The topic under which messages of the task subject are logged and printed."""

TASK_STREAM: Final = "taskiq_jetstream"
TASK_CONSUMER: Final = "taskiq_durable"
RESULT_BUCKET: Final = "taskiq_results"
EVENT_STREAM: Final = "PULSE_EVENTS"
"""The history stream that our workers create for `websocket.>`."""

ADVISORY_PREFIX: Final = "$JS.EVENT.ADVISORY."
"""Advisories are JetStream's own events; they have the form of an event."""
GIVEN_UP_SUBJECT: Final = f"{ADVISORY_PREFIX}CONSUMER.MAX_DELIVERIES.>"
"""Advisories about messages that a consumer delivers no more: tasks that are given up."""
ADVISORY_TOPIC: Final = "advisories"
"""The topic under which advisories are logged and printed."""
ADVISORY_STREAM: Final = "PULSE_ADVISORIES"
GIVEN_UP: Final = "io.nats.jetstream.advisory.v1.max_deliver"
"""Type of these advisories."""

MESSAGE_TOPICS: Final = frozenset({"messages", "noise_filtering", "ingestion"})
"""Topics with events about chat messages, older names included."""


def with_prefix(subject: str, prefix: str) -> str:
    """Return the subject of a system whose events and commands have a prefix, empty for none."""
    return f"{prefix}.{subject}" if prefix else subject


def topic_of(subject: str, prefix: str = "") -> str:
    """Return the topic of an event subject: the part after `websocket.`, or its whole if none.

    Advisories of JetStream are one topic.
    """
    if subject.startswith(ADVISORY_PREFIX):
        return ADVISORY_TOPIC
    return subject.removeprefix(with_prefix(EVENT_PREFIX, prefix))


def subject_of(topic: str, prefix: str = "") -> str:
    """Return the subject on which the events of a topic are published."""
    return with_prefix(EVENT_PREFIX + topic, prefix)
