"""Names and subjects of the streams that keep the history of a TaskIQ system."""

import re
from typing import Final

from pulse_desktop.model.history_plan import (
    DEFAULT_LIMITS,
    HistoryKind,
    HistoryLimits,
    HistoryStream,
)
from pulse_desktop.protocol.taskiq_names import TaskiqNames
from pulse_desktop.protocol.topics import (
    ADVISORY_STREAM,
    EVENT_STREAM,
    EVENT_STREAM_SUBJECT,
    GIVEN_UP_SUBJECT,
    TASK_SUBJECT,
    with_prefix,
)

TASK_HISTORY_STREAM: Final = "PULSE_TASKS"
"""Copies of the tasks of a core broker.

Not the name that a JetStream broker gives its stream: it would take this one for its queue, and
its workers would run every stored task once more.
"""


def history_stream(
    kind: HistoryKind, names: TaskiqNames, limits: HistoryLimits = DEFAULT_LIMITS
) -> HistoryStream:
    """Return the stream that keeps a kind of history of a system."""
    if kind is HistoryKind.EVENTS:
        # Our workers create the same one, and wait for its confirmation of each event.
        return HistoryStream(
            kind,
            _with_suffix(EVENT_STREAM, names.subject_prefix),
            (with_prefix(EVENT_STREAM_SUBJECT, names.subject_prefix),),
            limits,
        )
    if kind is HistoryKind.ADVISORIES:
        return HistoryStream(kind, ADVISORY_STREAM, (GIVEN_UP_SUBJECT,), limits, acknowledges=False)
    suffix = "" if names.subject == TASK_SUBJECT else names.subject
    # A program that sends a task as a request must not take a confirmation for its answer.
    return HistoryStream(
        kind,
        _with_suffix(TASK_HISTORY_STREAM, suffix),
        (names.subject,),
        limits,
        acknowledges=False,
    )


def is_task_history(stream: str) -> bool:
    """Whether a stream of this name keeps copies of tasks, and is no queue."""
    return stream == TASK_HISTORY_STREAM or stream.startswith(f"{TASK_HISTORY_STREAM}_")


def _with_suffix(name: str, suffix: str) -> str:
    return f"{name}_{re.sub(r'[^A-Za-z0-9_-]', '_', suffix)}" if suffix else name
