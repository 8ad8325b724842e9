"""Topics, subjects, and the names of streams and buckets."""

from typing import Final, Literal, get_args

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
EVENT_STREAM_SUBJECT: Final = "websocket.>"

TASK_SUBJECT: Final = "taskiq_tasks"
TASK_TOPIC: Final = "taskiq"
"""The topic under which messages of the task subject are logged and printed."""

TASK_STREAM: Final = "taskiq_jetstream"
TASK_CONSUMER: Final = "taskiq_durable"
RESULT_BUCKET: Final = "taskiq_results"
EVENT_STREAM: Final = "PULSE_EVENTS"
"""The history stream that our workers create for `websocket.>`."""

MESSAGE_TOPICS: Final = frozenset({"messages", "noise_filtering", "ingestion"})
"""Topics with events about chat messages, older names included."""

AtomType = Literal[
    "problem",
    "solution",
    "decision",
    "question",
    "insight",
    "idea",
    "blocker",
    "risk",
    "requirement",
]
ATOM_TYPES: Final[tuple[AtomType, ...]] = get_args(AtomType)
"""The types of knowledge that agents extract: workers publish them, the desktop counts them."""


def topic_of(subject: str) -> str:
    """Return the topic of an event subject: the part after `websocket.`."""
    return subject.removeprefix(EVENT_PREFIX)


def subject_of(topic: str) -> str:
    """Return the subject on which the events of a topic are published."""
    return EVENT_PREFIX + topic
