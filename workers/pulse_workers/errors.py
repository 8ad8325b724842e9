"""Errors of a worker.

The class names of those that a task can fail with are part of the wire format: a stored result
holds `exc_type`, and failures are grouped by it.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from nats.errors import Error as NatsError

from pulse_desktop.text.translation import _

OUTAGE_ERRORS: Final = (NatsError, OSError, asyncio.TimeoutError)
"""Errors of a call while the server is unreachable, or when it rejects the call."""

_MAX_NAME: Final = 200


class WorkerError(Exception):
    """Base class of all errors here."""


class SettingsError(WorkerError):
    """A setting is invalid. `str()` gives the setting, its value and the expected value."""

    def __init__(self, variable: str, value: str, expected: str) -> None:
        given = f"{variable}={value!r}" if value else variable
        super().__init__(
            _("{setting}: expected {expected}").format(setting=given, expected=expected)
        )


class UnknownSettingError(SettingsError):
    """A settings file has an unknown key."""

    def __init__(self, key: str, suggestion: str) -> None:
        if suggestion:
            text = _("{key}: no such setting. Did you mean {suggestion}?")
        else:
            text = _("{key}: no such setting; `pulse-worker --help` lists them")
        WorkerError.__init__(self, text.format(key=key, suggestion=suggestion))


class ConnectionFailedError(WorkerError):
    """No connection to the NATS server. `str()` gives the server, the reason and advice."""


class TasksNotPermittedError(WorkerError):
    """The server does not permit this user to receive tasks. `str()` gives the permission."""


class ShutdownRequestedError(WorkerError):
    """Shutdown was requested before the process had started its work."""


class ProvisionError(WorkerError):
    """A stream or bucket cannot be created. `str()` gives the server, the reason and advice."""


class UnknownTaskNameError(WorkerError):
    """The task message names a task that this worker does not have."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(
            f"no task named {name[:_MAX_NAME]!r} on this worker; "
            f"it has: {', '.join(sorted(known)) or 'none'}"
        )


class UnreadableTaskError(WorkerError):
    """The task message has an id, but cannot be run as it is."""


class WrongArgumentsError(WorkerError):
    """The task cannot be called with the arguments it was enqueued with; it is not retried."""


class TooManyDeliveriesError(WorkerError):
    """The task was delivered again and again and never finished."""

    def __init__(self, deliveries: int) -> None:
        super().__init__(
            f"delivered {deliveries} times and never finished: it probably crashes its worker, "
            "so it is not run again"
        )


class ResultNotSerializableError(WorkerError):
    """The task returned a value that has no JSON form."""


class ResultNotStoredError(WorkerError):
    """The server rejected the result."""


class StoreFullError(WorkerError):
    """A bucket has reached its size limit."""


class ValueRefusedError(WorkerError):
    """A value that cannot be stored, now or later: too large, or its key is invalid."""


class TopicNotStoredError(WorkerError):
    """The server does not accept the head of a topic, with its present settings."""


class ConcurrentChangeError(WorkerError):
    """A record was changed by others each time that it was to be changed."""


class ScheduleNotFoundError(WorkerError):
    """There is no valid schedule with this ID."""


class ScheduleBusyError(WorkerError):
    """Other programs keep changing the schedule."""


class ScheduleNotSentError(WorkerError):
    """The task of a schedule was not enqueued."""


class ProviderRefusedError(WorkerError):
    """The provider does not support the request."""


class TooManyMessagesError(ProviderRefusedError):
    """The request has too many messages; the provider may accept them in several requests."""


class AttachmentUnreadableError(WorkerError):
    """A file that a message refers to cannot be read."""


class AttachmentMissingError(AttachmentUnreadableError):
    """A file that a message refers to does not exist, perhaps not yet."""


class MessageNotFoundError(WorkerError):
    """No message with this id is stored."""


class InvalidPeriodError(WorkerError):
    """The start or end of a period cannot be read, or the end is not after the start."""


class PathNotAllowedError(WorkerError):
    """The path is outside the folders that this worker may read."""


class ExportUnreadableError(WorkerError):
    """The file is not a Telegram Desktop export."""
