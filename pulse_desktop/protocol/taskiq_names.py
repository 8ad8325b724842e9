"""Names under which a TaskIQ system keeps its tasks and results on a NATS server."""

import re
from dataclasses import dataclass
from typing import Final

from pulse_desktop.protocol.topics import RESULT_BUCKET, TASK_CONSUMER, TASK_SUBJECT

SUBJECT: Final = re.compile(r"[^\s*>.]+(\.[^\s*>.]+)*")
"""A subject without wildcards."""
BUCKET: Final = re.compile(r"[A-Za-z0-9_-]+")
STREAM_OR_CONSUMER: Final = re.compile(r"[^\s.*>/\\]+")


@dataclass(frozen=True)
class TaskiqNames:
    """Names that a broker and its result backend were created with.

    Attributes:
        subject: where tasks are published.
        consumer: durable consumer that the workers share; without one of this name, any consumer
            of the subject that acknowledges counts.
        bucket: Object Store bucket of the results.
        stream: stores the tasks; empty to find it by the subject, which takes a permission.
        subject_prefix: what the subjects of events and commands begin with, without the dot before
            `websocket`, such as where another account imports them; empty for none.
    """

    subject: str = TASK_SUBJECT
    consumer: str = TASK_CONSUMER
    bucket: str = RESULT_BUCKET
    stream: str = ""
    subject_prefix: str = ""
