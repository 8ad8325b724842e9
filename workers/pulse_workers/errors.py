"""What can go wrong in a worker, each with a name that stands in the task's result.

The names travel: a stored result says `exc_type`, and failures are grouped by it.
"""

import inspect
from collections.abc import Sequence


class WorkerError(Exception):
    """Base of all our errors."""


class SettingsError(WorkerError):
    """A setting cannot be read. `str()` says where it stands, what it is, what it should be."""

    def __init__(self, variable: str, value: str, wanted: str) -> None:
        given = f"{variable}={value!r}" if value else variable
        super().__init__(f"{given}: expected {wanted}")


class UnknownSettingError(SettingsError):
    """A settings file has a key that is no setting."""

    def __init__(self, key: str, meant: str) -> None:
        hint = f". Did you mean {meant}?" if meant else "; `pulse-worker --help` lists them"
        WorkerError.__init__(self, f"{key}: no such setting{hint}")


class CannotConnectError(WorkerError):
    """No connection to the NATS server. `str()` says which, why, and what to do."""


class TasksRefusedError(WorkerError):
    """The server does not let this user take tasks. `str()` says what is missing."""


class StoppedEarlyError(WorkerError):
    """The process was asked to end before it had begun its work."""


class ProvisionError(WorkerError):
    """A stream or bucket cannot be made. `str()` says which, why, and what to do."""


class UnknownTaskNameError(WorkerError):
    """The task message names a task that this worker does not have."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(
            f"no task named {name!r} on this worker; it has: {', '.join(sorted(known)) or 'none'}"
        )


class UnreadableTaskError(WorkerError):
    """The task message has an id, but is otherwise not a task message."""


class WrongArgumentsError(WorkerError):
    """The task cannot be called with the arguments it was enqueued with; trying again is vain."""

    def __init__(self, signature: inspect.Signature, reason: TypeError) -> None:
        names = ", ".join(signature.parameters) or "nothing"
        super().__init__(f"{reason}; the task takes: {names}")


class TooManyDeliveriesError(WorkerError):
    """The task was handed out again and again and never finished."""

    def __init__(self, deliveries: int) -> None:
        super().__init__(
            f"delivered {deliveries} times and never finished: it probably ends its worker, "
            "so it is not run again"
        )


class ResultNotSerializableError(WorkerError):
    """The task returned something that has no JSON form."""


class ResultNotStoredError(WorkerError):
    """The server refuses to store the result."""


class StoreFullError(WorkerError):
    """A bucket has reached its size limit."""


class ProviderRefusedError(WorkerError):
    """The provider cannot do what is asked, and says so instead of guessing."""


class AttachmentUnreadableError(WorkerError):
    """A file that a message refers to cannot be read."""


class AttachmentMissingError(AttachmentUnreadableError):
    """A file that a message refers to is not there, perhaps not yet."""


class MessageNotFoundError(WorkerError):
    """No message with this id is stored."""


class ExportUnreadableError(WorkerError):
    """The file is not a Telegram Desktop export."""
