"""What a worker can be told from outside, in one place, read from the environment.

Every field has a default that suits one machine; names of variables begin with `PULSE_`.
"""

import dataclasses
import os
import socket
from collections.abc import Callable, Mapping
from typing import Final

from pulse_desktop.protocol.addresses import mask_address
from workers.errors import SettingsError

DAY: Final = 86_400.0
MIB: Final = 1 << 20

DEFAULT_SERVER: Final = "nats://127.0.0.1:4222"


@dataclasses.dataclass(frozen=True)
class Settings:
    """All settings. Durations are seconds, sizes bytes.

    Attributes:
        server: NATS address; several, separated by commas, for a cluster.
        credentials: path of a `.creds` file, empty for none.
        worker_name: first part of the worker's identity.
        slots: tasks run at the same time by one process.
        task_modules: modules to import besides our own, so that their tasks are known.
        connect_timeout: limit for the first connection; later ones are tried for ever.
        ack_wait: how long JetStream waits before it gives an unanswered task to somebody else.
            Used when the consumer is created; an existing consumer keeps its own.
        pull_timeout: how long one request for tasks may wait on the server.
        drain_timeout: how long running tasks may go on after SIGTERM.
        max_deliveries: a task delivered more often than this is failed instead of run, since it
            probably ends the worker each time. 0 switches this off.
        task_max_age, task_max_bytes: limits of the task stream.
        event_max_age, event_max_bytes: limits of the event history.
        result_ttl, result_max_bytes: limits of the result bucket.
        store_ttl, store_max_bytes: limits of each bucket with messages, scores, knowledge.
        heartbeat_interval, provider_interval, metrics_interval: between two of each event.
        feed_interval: between two slices of the sample.
        replicas: copies of each stream, 1 on one machine, 3 on a cluster.
        log_level: level of the worker's own log.
    """

    server: str = DEFAULT_SERVER
    credentials: str = ""
    worker_name: str = "worker-1"
    slots: int = 8
    task_modules: tuple[str, ...] = ()
    connect_timeout: float = 10.0
    ack_wait: float = 30.0
    pull_timeout: float = 5.0
    drain_timeout: float = 30.0
    max_deliveries: int = 20
    task_max_age: float = 7 * DAY
    task_max_bytes: int = 256 * MIB
    event_max_age: float = 7 * DAY
    event_max_bytes: int = 256 * MIB
    result_ttl: float = 7 * DAY
    result_max_bytes: int = 1024 * MIB
    store_ttl: float = 90 * DAY
    store_max_bytes: int = 128 * MIB
    heartbeat_interval: float = 5.0
    provider_interval: float = 15.0
    metrics_interval: float = 7.0
    feed_interval: float = 4.0
    replicas: int = 1
    log_level: str = "INFO"

    @property
    def servers(self) -> list[str]:
        """The addresses as nats-py wants them."""
        return [part.strip() for part in self.server.split(",") if part.strip()]

    @property
    def shown_server(self) -> str:
        """The address as it may be shown."""
        return mask_address(self.server)

    @property
    def identity(self) -> str:
        """Who this process is: `worker-1@host:4121`."""
        return f"{self.worker_name}@{socket.gethostname()}:{os.getpid()}"


VARIABLES: Final[dict[str, tuple[str, str]]] = {
    "server": ("PULSE_SERVER", "NATS address, several separated by commas"),
    "credentials": ("PULSE_CREDENTIALS", "path of a .creds file"),
    "worker_name": ("PULSE_WORKER_NAME", "first part of the worker's identity"),
    "slots": ("PULSE_WORKER_SLOTS", "tasks at the same time"),
    "task_modules": ("PULSE_WORKER_TASKS", "more modules with tasks, separated by commas"),
    "connect_timeout": ("PULSE_CONNECT_TIMEOUT", "seconds for the first connection"),
    "ack_wait": ("PULSE_ACK_WAIT", "seconds until an unanswered task goes to another worker"),
    "pull_timeout": ("PULSE_PULL_TIMEOUT", "seconds a request for tasks waits on the server"),
    "drain_timeout": ("PULSE_DRAIN_TIMEOUT", "seconds running tasks may go on after SIGTERM"),
    "max_deliveries": ("PULSE_MAX_DELIVERIES", "deliveries until a task is failed unrun; 0: never"),
    "task_max_age": ("PULSE_TASK_MAX_AGE", "seconds tasks are kept"),
    "task_max_bytes": ("PULSE_TASK_MAX_BYTES", "size of the task stream"),
    "event_max_age": ("PULSE_EVENT_MAX_AGE", "seconds events are kept"),
    "event_max_bytes": ("PULSE_EVENT_MAX_BYTES", "size of the event history"),
    "result_ttl": ("PULSE_RESULT_TTL", "seconds results are kept"),
    "result_max_bytes": ("PULSE_RESULT_MAX_BYTES", "size of the result bucket"),
    "store_ttl": ("PULSE_STORE_TTL", "seconds messages and knowledge are kept"),
    "store_max_bytes": ("PULSE_STORE_MAX_BYTES", "size of each of their buckets"),
    "heartbeat_interval": ("PULSE_HEARTBEAT_INTERVAL", "seconds between two heartbeats"),
    "provider_interval": ("PULSE_PROVIDER_INTERVAL", "seconds between two provider checks"),
    "metrics_interval": ("PULSE_METRICS_INTERVAL", "seconds between two metrics events"),
    "feed_interval": ("PULSE_FEED_INTERVAL", "seconds between two slices of the sample"),
    "replicas": ("PULSE_REPLICAS", "copies of each stream: 1, or 3 on a cluster"),
    "log_level": ("PULSE_LOG_LEVEL", "DEBUG, INFO, WARNING or ERROR"),
}
"""Environment variable and meaning of each field. Sizes are bytes."""

_MAY_BE_ZERO: Final = frozenset({"max_deliveries", "drain_timeout"})


def load_settings(environ: Mapping[str, str] = os.environ, **overrides: object) -> Settings:
    """Read the settings.

    Args:
        environ: where the variables are.
        overrides: fields given on the command line; None means "not given".

    Raises:
        SettingsError: a variable cannot be read as what it should be.
    """
    values: dict[str, object] = {}
    for field in dataclasses.fields(Settings):
        variable, _ = VARIABLES[field.name]
        text = environ.get(variable, "").strip()
        if text:
            values[field.name] = _read(field.name, variable, text, type(field.default))
    values.update({name: value for name, value in overrides.items() if value is not None})
    return Settings(**values)  # type: ignore[arg-type]


def _read(name: str, variable: str, text: str, kind: type) -> object:
    if kind is tuple:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if kind is str:
        return text
    read: Callable[[str], float] = int if kind is int else float
    try:
        value = read(text)
    except ValueError:
        raise SettingsError(
            variable, text, "a whole number" if kind is int else "a number"
        ) from None
    if not (value > 0 or (value == 0 and name in _MAY_BE_ZERO)):
        raise SettingsError(variable, text, "a number above 0")
    return value
