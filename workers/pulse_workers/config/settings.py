"""What a worker can be told from outside: by option, environment variable or TOML file.

Every field has a default that suits one machine. Names of variables begin with `PULSE_`, keys of
the file are the names of the fields. An option wins over a variable, a variable over a file.
"""

import os
import socket
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from pulse_desktop.model.redaction import redact_url
from pulse_workers.config.settings_file import read_settings_file, settings_files
from pulse_workers.config.settings_sources import Environment
from pulse_workers.config.settings_values import (
    Bucket,
    Count,
    CountOrNone,
    Expected,
    Flag,
    Group,
    Key,
    LogLevel,
    Modules,
    Name,
    Path,
    Replicas,
    Seconds,
    SecondsOrNone,
    Secret,
    Server,
    Subject,
    Text,
    setting,
    split,
)
from pulse_workers.errors import SettingsError

DAY: Final = 86_400.0
MIB: Final = 1 << 20

DEFAULT_SERVER: Final = "nats://127.0.0.1:4222"


class Settings(BaseSettings):
    """All settings, unchangeable. Durations are seconds, sizes bytes.

    Made directly, it holds what it is given and the defaults, and looks at nothing else:
    `load_settings` reads the environment and the files.
    """

    model_config = SettingsConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    server: Server = setting(
        DEFAULT_SERVER, "PULSE_SERVER", "NATS address, several separated by commas"
    )
    user: Text = setting("", "PULSE_USER", "user name")
    password: Secret = setting(SecretStr(""), "PULSE_PASSWORD", "the user's password")
    password_file: Path = setting("", "PULSE_PASSWORD_FILE", "path of a file that holds it")
    token: Secret = setting(SecretStr(""), "PULSE_TOKEN", "token, instead of user and password")
    token_file: Path = setting("", "PULSE_TOKEN_FILE", "path of a file that holds it")
    credentials: Path = setting("", "PULSE_CREDENTIALS", "path of a .creds file")
    nkey_file: Path = setting("", "PULSE_NKEY_FILE", "path of a file with the user's nkey seed")
    tls_ca: Path = setting("", "PULSE_TLS_CA", "path of the CA that the server's certificate is of")
    tls_cert: Path = setting("", "PULSE_TLS_CERT", "path of this client's certificate")
    tls_key: Path = setting("", "PULSE_TLS_KEY", "path of its key")
    inbox_prefix: Subject = setting(
        "_INBOX", "PULSE_INBOX_PREFIX", "where answers come to, for users with narrow permissions"
    )
    broker: Annotated[Literal["jetstream", "core"], Expected("jetstream or core")] = setting(
        "jetstream", "PULSE_BROKER", "jetstream, or core to join workers that use NatsBroker"
    )
    queue_group: Group = setting(
        "taskiq", "PULSE_QUEUE_GROUP", "group that shares the tasks of a core broker"
    )
    control: Flag = setting(True, "PULSE_CONTROL", "whether this worker may be controlled")
    worker_name: Name = setting(
        "worker-1", "PULSE_WORKER_NAME", "first part of the worker's identity"
    )
    slots: Count = setting(8, "PULSE_WORKER_SLOTS", "tasks at the same time")
    task_modules: Modules = setting(
        (), "PULSE_WORKER_TASKS", "more modules with tasks, separated by commas"
    )
    connect_timeout: Seconds = setting(
        10.0, "PULSE_CONNECT_TIMEOUT", "seconds for the first connection; later: for ever"
    )
    ack_wait: Seconds = setting(
        30.0, "PULSE_ACK_WAIT", "seconds until an unanswered task goes to another worker"
    )
    pull_timeout: Seconds = setting(
        5.0, "PULSE_PULL_TIMEOUT", "seconds a request for tasks waits on the server"
    )
    drain_timeout: SecondsOrNone = setting(
        30.0, "PULSE_DRAIN_TIMEOUT", "seconds running tasks may go on after SIGTERM"
    )
    max_deliveries: CountOrNone = setting(
        20, "PULSE_MAX_DELIVERIES", "deliveries until a task is failed unrun; 0: never"
    )
    task_max_age: Seconds = setting(7 * DAY, "PULSE_TASK_MAX_AGE", "seconds tasks are kept")
    task_max_bytes: Count = setting(256 * MIB, "PULSE_TASK_MAX_BYTES", "size of the task stream")
    event_max_age: Seconds = setting(7 * DAY, "PULSE_EVENT_MAX_AGE", "seconds events are kept")
    event_max_bytes: Count = setting(
        256 * MIB, "PULSE_EVENT_MAX_BYTES", "size of the event history"
    )
    result_ttl: Seconds = setting(7 * DAY, "PULSE_RESULT_TTL", "seconds results are kept")
    result_max_bytes: Count = setting(
        1024 * MIB, "PULSE_RESULT_MAX_BYTES", "size of the result bucket"
    )
    store_ttl: Seconds = setting(
        90 * DAY, "PULSE_STORE_TTL", "seconds messages and knowledge are kept"
    )
    store_max_bytes: Count = setting(
        128 * MIB, "PULSE_STORE_MAX_BYTES", "size of each of their buckets"
    )
    heartbeat_interval: Seconds = setting(
        5.0, "PULSE_HEARTBEAT_INTERVAL", "seconds between two heartbeats"
    )
    provider_interval: Seconds = setting(
        15.0, "PULSE_PROVIDER_INTERVAL", "seconds between two provider checks"
    )
    metrics_interval: Seconds = setting(
        7.0, "PULSE_METRICS_INTERVAL", "seconds between two metrics events"
    )
    feed_interval: Seconds = setting(
        4.0, "PULSE_FEED_INTERVAL", "seconds between two slices of the sample"
    )
    schedule_bucket: Bucket = setting(
        "taskiq_schedules", "PULSE_SCHEDULE_BUCKET", "bucket with schedules"
    )
    schedule_prefix: Key = setting(
        "schedule", "PULSE_SCHEDULE_PREFIX", "what its keys begin with, before a dot"
    )
    schedule_max_bytes: Count = setting(16 * MIB, "PULSE_SCHEDULE_MAX_BYTES", "size of that bucket")
    replicas: Replicas = setting(1, "PULSE_REPLICAS", "copies of each stream: 1, or 3 on a cluster")
    log_level: LogLevel = setting("INFO", "PULSE_LOG_LEVEL", "DEBUG, INFO, WARNING or ERROR")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take only what is passed in: `load_settings` says where each value comes from."""
        return (init_settings,)

    @property
    def servers(self) -> list[str]:
        """The addresses as nats-py wants them."""
        return list(split(self.server))

    @property
    def shown_server(self) -> str:
        """The address as it may be shown."""
        return redact_url(self.server)

    @property
    def identity(self) -> str:
        """Who this process is: `worker-1@host:4121`."""
        return f"{self.worker_name}@{socket.gethostname()}:{os.getpid()}"

    def named(self, worker_name: str) -> Self:
        """Return the same settings for a process of another name."""
        return self.model_copy(update={"worker_name": worker_name})

    def __repr_args__(self) -> Any:
        """Show the address without its login; passwords and tokens hide themselves."""
        for name, value in super().__repr_args__():
            yield name, redact_url(value) if name == "server" else value


VARIABLES: Final[dict[str, tuple[str, str]]] = {
    name: (str(field.validation_alias), field.description or "")
    for name, field in Settings.model_fields.items()
}
"""Environment variable and meaning of each field. Sizes are bytes."""

_OPTIONS: Final = {
    "worker_name": "--name",
    "feed_interval": "--interval",
}
"""Options that are not called like the field."""


def load_settings(
    environ: Mapping[str, str] = os.environ, *, config: str | None = None, **overrides: object
) -> Settings:
    """Read the settings.

    Args:
        environ: where the variables are.
        config: the only file to read; None for the one that PULSE_CONFIG names, else the
            machine's and the user's.
        overrides: fields given on the command line; None means "not given".

    Raises:
        SettingsError: a value cannot be read as what it should be, or a key is unknown.
    """
    values: dict[str, object] = {}
    origins: dict[str, str] = {}
    variables = {name: variable for name, (variable, _) in VARIABLES.items()}
    for file in settings_files(environ, config):
        found = read_settings_file(file, variables)
        values.update(found)
        origins.update({name: f"{file}: {name}" for name in found})
    for name, text in Environment(Settings, environ).values().items():
        values[name] = text
        origins[name] = variables[name]
    for name, value in overrides.items():
        if value is not None:
            values[name] = value
            origins[name] = _OPTIONS.get(name, f"--{name.replace('_', '-')}")
    try:
        return Settings(**values)  # type: ignore[arg-type]
    except ValidationError as error:
        raise _problem(error, values, origins) from None


def _problem(
    error: ValidationError, values: Mapping[str, object], origins: Mapping[str, str]
) -> SettingsError:
    """Say which value cannot be read, where it stands, and what is expected there."""
    location = error.errors(include_url=False, include_input=False)[0]["loc"]
    by_variable = {variable: name for name, (variable, _) in VARIABLES.items()}
    name = by_variable.get(str(location[0]), str(location[0]))
    if name not in values:
        raise error
    field = Settings.model_fields[name]
    wanted = next((part.text for part in field.metadata if isinstance(part, Expected)), "another")
    given = "***" if isinstance(field.default, SecretStr) else redact_url(str(values[name]))
    return SettingsError(origins[name], given, wanted)
