"""Names under which a TaskIQ system keeps its tasks and results on a NATS server."""

from dataclasses import dataclass

from pulse_desktop.protocol.topics import RESULT_BUCKET, TASK_CONSUMER, TASK_SUBJECT


@dataclass(frozen=True)
class TaskiqNames:
    """Names that a broker and its result backend were created with.

    The stream is not among them: it is found by the subject.

    Attributes:
        subject: where tasks are published.
        consumer: durable consumer that the workers share; without one of this name, any consumer
            of the subject that acknowledges counts.
        bucket: Object Store bucket of the results.
    """

    subject: str = TASK_SUBJECT
    consumer: str = TASK_CONSUMER
    bucket: str = RESULT_BUCKET
