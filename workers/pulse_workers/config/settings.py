"""Settings of workers: read from command-line options, environment variables and TOML files.

Every setting has a default that suits a single machine. An option overrides a variable, a variable
overrides a file. Variables begin with `PULSE_`; keys in a file are the field names.
"""

import contextlib
import os
import socket
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Final, Literal, Self

from pydantic import SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from pulse_desktop.model.connection_options import DEFAULT_INBOX_PREFIX, override
from pulse_desktop.model.errors import CannotConnectError
from pulse_desktop.model.history_plan import DEFAULT_LIMITS
from pulse_desktop.model.redaction import redact
from pulse_desktop.nats_client.server_address import ServerAddress, parse_server, redact_server
from pulse_desktop.text.translation import _
from pulse_workers.config.settings_file import read_settings_file, settings_files
from pulse_workers.config.settings_values import (
    Bucket,
    ChatIds,
    Count,
    CountOrZero,
    Expected,
    Flag,
    Folders,
    Group,
    Key,
    LogLevel,
    Modules,
    Name,
    Path,
    Replicas,
    Seconds,
    SecondsOrZero,
    Secret,
    Server,
    Subject,
    Text,
    connection_setting,
    setting,
    split_list,
)
from pulse_workers.errors import SettingsError

DAY: Final = 86_400.0
MIB: Final = 1 << 20

DEFAULT_SERVER: Final = "nats://127.0.0.1:4222"


class Settings(BaseSettings):
    """All settings of a worker, immutable. Durations are in seconds, sizes in bytes.

    The constructor uses its arguments and the defaults only; `load_settings` reads the environment
    and the settings files.
    """

    model_config = SettingsConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    server: Server = connection_setting("servers", DEFAULT_SERVER)
    user: Text = connection_setting("user")
    password: Secret = connection_setting("password", SecretStr(""))
    password_file: Path = connection_setting("password_file")
    token: Secret = connection_setting("token", SecretStr(""))
    token_file: Path = connection_setting("token_file")
    credentials: Path = connection_setting("credentials")
    credentials_content: Secret = connection_setting("credentials_content", SecretStr(""))
    nkey_seed: Secret = connection_setting("nkey_seed", SecretStr(""))
    nkey_file: Path = connection_setting("nkey_file")
    tls_ca: Path = connection_setting("tls_ca")
    tls_cert: Path = connection_setting("tls_cert")
    tls_key: Path = connection_setting("tls_key")
    tls_first: Flag = connection_setting("tls_first", False)
    inbox_prefix: Subject = connection_setting("inbox_prefix", DEFAULT_INBOX_PREFIX)
    js_domain: Text = connection_setting("js_domain")
    js_api_prefix: Text = connection_setting("js_api_prefix")
    broker: Annotated[Literal["jetstream", "core"], Expected(_("jetstream or core"))] = setting(
        "jetstream",
        "PULSE_BROKER",
        _("jetstream, or core to share tasks with workers that use NatsBroker"),
    )
    queue_group: Group = setting(
        "taskiq", "PULSE_QUEUE_GROUP", _("queue group of the workers of a core broker")
    )
    control: Flag = setting(True, "PULSE_CONTROL", _("whether this worker accepts commands"))
    task_log: Flag = setting(
        True, "PULSE_TASK_LOG", _("whether the log lines of tasks are published as events")
    )
    worker_name: Name = setting(
        "worker-1", "PULSE_WORKER_NAME", _("first part of the worker's identity")
    )
    slots: Count = setting(8, "PULSE_WORKER_SLOTS", _("number of tasks run concurrently"))
    task_modules: Modules = setting(
        (), "PULSE_WORKER_TASKS", _("additional modules with tasks, separated by commas")
    )
    chat_folders: Folders = setting(
        (),
        "PULSE_CHAT_FOLDERS",
        _("folders that chat exports may be read from, separated by commas"),
    )
    telegram_token: Secret = setting(
        SecretStr(""), "PULSE_TELEGRAM_TOKEN", _("token of the Telegram bot to receive messages of")
    )
    telegram_token_file: Path = setting(
        "", "PULSE_TELEGRAM_TOKEN_FILE", _("path to a regular file that contains the bot's token")
    )
    telegram_url: Text = setting(
        "https://api.telegram.org",
        "PULSE_TELEGRAM_URL",
        _("base URL of the Telegram Bot API, such as that of a local server"),
    )
    telegram_chats: ChatIds = setting(
        (),
        "PULSE_TELEGRAM_CHATS",
        _("ids of the chats to receive, separated by commas; none: all chats of the bot"),
    )
    missing_interval: SecondsOrZero = setting(
        3_600.0,
        "PULSE_MISSING_INTERVAL",
        _("seconds after which the receiver enqueues what stored messages miss; 0: never"),
    )
    connect_timeout: Seconds = setting(
        10.0,
        "PULSE_CONNECT_TIMEOUT",
        _("seconds to wait for the first connection; reconnecting has no limit"),
    )
    ack_wait: Seconds = setting(
        30.0,
        "PULSE_ACK_WAIT",
        _("seconds until an unacknowledged task is redelivered to another worker"),
    )
    pull_timeout: Seconds = setting(
        5.0, "PULSE_PULL_TIMEOUT", _("seconds until a pull request for tasks expires")
    )
    drain_timeout: SecondsOrZero = setting(
        30.0, "PULSE_DRAIN_TIMEOUT", _("seconds running tasks may take to finish after SIGTERM")
    )
    max_deliveries: CountOrZero = setting(
        20,
        "PULSE_MAX_DELIVERIES",
        _("deliveries before the task is failed without running; 0: no limit"),
    )
    task_max_age: Seconds = setting(
        7 * DAY, "PULSE_TASK_MAX_AGE", _("seconds tasks are kept in the task stream")
    )
    task_max_bytes: Count = setting(
        256 * MIB, "PULSE_TASK_MAX_BYTES", _("maximum size of the task stream")
    )
    event_max_age: Seconds = setting(
        DEFAULT_LIMITS.max_age_s,
        "PULSE_EVENT_MAX_AGE",
        _("seconds events are kept in the event stream"),
    )
    event_max_bytes: Count = setting(
        DEFAULT_LIMITS.max_bytes, "PULSE_EVENT_MAX_BYTES", _("maximum size of the event stream")
    )
    result_format: Annotated[Literal["json", "pickle"], Expected(_("json or pickle"))] = setting(
        "json",
        "PULSE_RESULT_FORMAT",
        _("json, or pickle for clients with the default of taskiq-nats"),
    )
    result_ttl: Seconds = setting(7 * DAY, "PULSE_RESULT_TTL", _("seconds results are kept"))
    result_max_bytes: Count = setting(
        1024 * MIB, "PULSE_RESULT_MAX_BYTES", _("maximum size of the result bucket")
    )
    store_ttl: Seconds = setting(
        90 * DAY, "PULSE_STORE_TTL", _("seconds messages, scores, vectors and knowledge are kept")
    )
    store_max_bytes: Count = setting(
        256 * MIB, "PULSE_STORE_MAX_BYTES", _("maximum size of each of their buckets")
    )
    heartbeat_interval: Seconds = setting(
        5.0, "PULSE_HEARTBEAT_INTERVAL", _("seconds between heartbeats")
    )
    provider_interval: Seconds = setting(
        15.0, "PULSE_PROVIDER_INTERVAL", _("seconds between provider checks")
    )
    metrics_interval: Seconds = setting(
        7.0, "PULSE_METRICS_INTERVAL", _("seconds between metrics events")
    )
    feed_interval: Seconds = setting(
        4.0, "PULSE_FEED_INTERVAL", _("seconds between slices of the sample chat")
    )
    schedule_bucket: Bucket = setting(
        "taskiq_schedules", "PULSE_SCHEDULE_BUCKET", _("bucket of the schedules")
    )
    schedule_prefix: Key = setting(
        "schedule", "PULSE_SCHEDULE_PREFIX", _("prefix of the schedules' keys, without the dot")
    )
    schedule_max_bytes: Count = setting(
        16 * MIB, "PULSE_SCHEDULE_MAX_BYTES", _("maximum size of the schedule bucket")
    )
    providers_file: Path = setting(
        "", "PULSE_PROVIDERS_FILE", _("path to a TOML file with model providers and agents")
    )
    model_url: Text = setting(
        "", "PULSE_MODEL_URL", _("base URL of a server of language models, without such a file")
    )
    model_api: Annotated[Literal["openai", "ollama"], Expected(_("openai or ollama"))] = setting(
        "openai", "PULSE_MODEL_API", _("protocol of that server: openai or ollama")
    )
    model_key: Secret = setting(SecretStr(""), "PULSE_MODEL_KEY", _("API key of that server"))
    model_key_file: Path = setting(
        "", "PULSE_MODEL_KEY_FILE", _("path to a regular file that contains the API key")
    )
    model: Text = setting(
        "", "PULSE_MODEL", _("model that judges, reads and summarises, instead of rules")
    )
    embedding_model: Text = setting(
        "", "PULSE_EMBEDDING_MODEL", _("model that embeds, instead of word statistics")
    )
    replicas: Replicas = setting(
        1, "PULSE_REPLICAS", _("replicas of each stream: 1, or 3 on a cluster")
    )
    log_level: LogLevel = setting("INFO", "PULSE_LOG_LEVEL", _("DEBUG, INFO, WARNING or ERROR"))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Use only constructor arguments: `load_settings` reads the other sources."""
        return (init_settings,)

    @property
    def servers(self) -> list[str]:
        """The server URLs, as nats-py takes them.

        nats-py neither decodes a login in a URL nor finds every one. It gets one login as its
        arguments (`server_login`); only servers with different ones keep theirs.
        """
        if self.server_login is None:
            return list(split_list(self.server))
        return list(parse_server(self.server).urls)

    @property
    def server_login(self) -> ServerAddress | None:
        """The login in the server URLs, with empty fields without one; None if they differ."""
        addresses = [parse_server(part) for part in split_list(self.server)]
        logins = {(each.user, each.password, each.token): each for each in addresses}
        logins.pop(("", "", ""), None)
        if len(logins) > 1:
            return None
        return next(iter(logins.values()), addresses[0])

    @property
    def single_servers(self) -> list[str]:
        """The server URLs, each with the login with which it is connected to."""
        login = self.server_login
        if login is None:
            return self.servers
        return [replace(login, urls=(url,)).with_login for url in self.servers]

    @property
    def redacted_server(self) -> str:
        """The server URLs without passwords, for logs and messages."""
        return redact_server(self.server)

    @property
    def identity(self) -> str:
        """The identity of this process, such as `worker-1@host:4121`."""
        return f"{self.worker_name}@{socket.gethostname()}:{os.getpid()}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secrets among the settings, for masking; those in files are not included."""
        values = (getattr(self, name) for name in type(self).model_fields)
        secrets = [each.get_secret_value() for each in values if isinstance(each, SecretStr)]
        with contextlib.suppress(CannotConnectError):  # no address: connecting will say so
            for login in map(parse_server, split_list(self.server)):
                secrets += [login.password, login.token]
        return tuple(secret for secret in secrets if secret)

    def with_name(self, worker_name: str) -> Self:
        """Return a copy for a process with another name."""
        return self.model_copy(update={"worker_name": worker_name})

    def __repr_args__(self) -> Any:
        """Redact the server URLs; passwords and tokens are `SecretStr`, which redact themselves."""
        for name, value in super().__repr_args__():
            yield name, redact_server(value) if name == "server" else value


VARIABLES: Final[dict[str, tuple[str, str]]] = {
    name: (str(field.validation_alias), field.description or "")
    for name, field in Settings.model_fields.items()
}
"""Environment variable and description of each setting."""

_OPTIONS: Final = {
    "worker_name": "--name",
    "feed_interval": "--interval",
}
"""Command-line options that are not named like the setting."""


def load_settings(
    environ: Mapping[str, str] = os.environ, *, config: str | None = None, **overrides: object
) -> Settings:
    """Read the settings from all sources.

    Args:
        environ: the environment variables.
        config: the only settings file to read; None for the one that PULSE_CONFIG names, else
            the system's and the user's.
        overrides: settings given as command-line options; None means "not given".

    Raises:
        SettingsError: a value is invalid, a key is unknown, or a file cannot be read.
    """
    values: dict[str, object] = {}
    origins: dict[str, str] = {}
    variables = {name: variable for name, (variable, _description) in VARIABLES.items()}
    for file in settings_files(environ, config):
        found = read_settings_file(file, variables)
        values = override(values, found)
        origins.update({name: f"{file}: {name}" for name in found})
    variables_set = _EnvironmentSource(environ).values()
    values = override(values, variables_set)
    origins.update({name: variables[name] for name in variables_set})
    values = override(values, overrides)
    for name, value in overrides.items():
        if value is not None:
            origins[name] = _OPTIONS.get(name, f"--{name.replace('_', '-')}")
    try:
        return Settings(**values)  # type: ignore[arg-type]
    except ValidationError as error:
        raise _settings_error(error, values, origins) from None


class _EnvironmentSource(EnvSettingsSource):
    """Environment variables, from any mapping. A variable with an empty value counts as not set."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        super().__init__(Settings, case_sensitive=True, env_ignore_empty=True)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name: text for name, text in self._environ.items() if text.strip()}

    def values(self) -> dict[str, str]:
        """Return the text of each setting that has one."""
        found: dict[str, str] = {}
        for name, field in Settings.model_fields.items():
            text, _key, _is_complex = self.get_field_value(field, name)
            if text is not None:
                found[name] = text
        return found


def _settings_error(
    error: ValidationError, values: Mapping[str, object], origins: Mapping[str, str]
) -> SettingsError:
    """Name the first invalid value, where it comes from, and what is expected instead."""
    location = error.errors(include_url=False, include_input=False)[0]["loc"]
    by_variable = {variable: name for name, (variable, _description) in VARIABLES.items()}
    name = by_variable.get(str(location[0]), str(location[0]))
    if name not in values:
        raise error
    field = Settings.model_fields[name]
    expected = next(
        (part.text for part in field.metadata if isinstance(part, Expected)), _("another value")
    )
    given = "***" if isinstance(field.default, SecretStr) else redact(str(values[name]))
    if name == "server":
        given = redact_server(str(values[name]))
    return SettingsError(origins[name], given, expected)
