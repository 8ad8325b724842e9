"""A connection profile: a server, its login and names, and how carefully to act on it.

Plain values without I/O, which the window may use as well.
"""

import enum
import unicodedata
from dataclasses import dataclass, field, replace
from typing import Any, Final

from pulse_desktop.model.connection_options import ConnectionOptions
from pulse_desktop.model.same_servers import same_servers
from pulse_desktop.protocol.taskiq_names import TaskiqNames
from pulse_desktop.text.translation import N_, _, translate

MAX_NAME: Final = 60
_NOT_IN_NAMES: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Categories of characters that are not shown, or do not exist."""
_SECRETS: Final = {
    "password": N_("password"),
    "token": N_("token"),
    "nkey_seed": N_("nkey seed"),
    "credentials_content": N_("content of the .creds file"),
}
EMBEDDED_NAME: Final = "local"
"""The profile of the embedded server, which is always there and is not stored."""
CONTEXT_PREFIX: Final = "nats:"
"""What the name of a profile begins with that is a context of the NATS CLI; it is not stored."""


class Environment(enum.StrEnum):
    """Kind of system that a server belongs to. The values are stored."""

    LOCAL = "local"
    DEVELOPMENT = "development"
    STAGING = "staging"
    PRODUCTION = "production"


class Color(enum.StrEnum):
    """Color of a profile in the window. The values are stored."""

    RED = "red"
    ORANGE = "orange"
    YELLOW = "yellow"
    GREEN = "green"
    TEAL = "teal"
    BLUE = "blue"
    PURPLE = "purple"
    GRAY = "gray"


class SecretStorage(enum.StrEnum):
    """Where the secret of a profile is kept. The values are stored."""

    ASK = "ask"
    KEYRING = "keyring"
    FILE = "file"


ENVIRONMENT_COLORS: Final = {
    Environment.LOCAL: Color.GREEN,
    Environment.DEVELOPMENT: Color.BLUE,
    Environment.STAGING: Color.ORANGE,
    Environment.PRODUCTION: Color.RED,
}


@dataclass(frozen=True)
class Profile:
    """A server, its login and names, and how carefully to act on it.

    Attributes:
        name: unique among the profiles; empty for a server that was given without a profile.
        options: servers, login, TLS and JetStream. Without secrets, unless the profile is used to
            connect.
        names: of the TaskIQ system.
        environment: kind of system, None when it is not stated.
        color: None for that of the environment.
        monitor_url: HTTP address of the server's monitoring port; guessed when empty.
        secret: the field of `options` whose value is kept elsewhere, empty for none.
        secret_storage: where it is kept.
        read_only: whether nothing may be enqueued, cancelled or commanded.
        confirm: whether every such action is confirmed first; in production it always is.
    """

    name: str = ""
    options: ConnectionOptions = field(default_factory=ConnectionOptions)
    names: TaskiqNames = field(default_factory=TaskiqNames)
    environment: Environment | None = None
    color: Color | None = None
    monitor_url: str = ""
    secret: str = ""
    secret_storage: SecretStorage = SecretStorage.ASK
    read_only: bool = False
    confirm: bool = False

    @property
    def query_name(self) -> str:
        """What `profile:` in a query compares with: its name, else its servers without logins.

        The same in every program and language, unlike what the window calls a connection.
        """
        servers = self.options.servers.split(",")
        hosts = (each.rpartition("@")[2].rpartition("://")[2].strip() for each in servers)
        return self.name or ", ".join(filter(None, hosts))

    @property
    def is_embedded(self) -> bool:
        """Whether this is the profile of the embedded server."""
        return self.name == EMBEDDED_NAME

    @property
    def is_context(self) -> bool:
        """Whether this is a context of the NATS CLI."""
        return self.name.startswith(CONTEXT_PREFIX)

    @property
    def is_complete(self) -> bool:
        """Whether one can connect with it: it has no secret, or its options hold it."""
        return not self.secret or bool(self.secret_value)

    @property
    def can_ask(self) -> bool:
        """Whether a person can be asked for its secret; that of a context is in its file."""
        return bool(self.secret) and not self.is_context

    @property
    def secret_value(self) -> str:
        """The secret that its options hold, empty for none."""
        value: str = getattr(self.options, self.secret) if self.secret else ""
        return value

    @property
    def asks_before_acting(self) -> bool:
        """Whether every action is confirmed first."""
        return self.confirm or self.environment is Environment.PRODUCTION

    @property
    def effective_color(self) -> Color | None:
        """Its own color, or that of its environment; None without both."""
        if self.color is not None or self.environment is None:
            return self.color
        return ENVIRONMENT_COLORS[self.environment]

    def keeps_secret_of(self, old: "Profile") -> bool:
        """Whether a secret that was given for `old` is for this one too.

        It is only for the same kind of login of the same user on the same servers, however these
        are written.
        """
        mine, others = self.options, old.options
        same_login = (self.secret, mine.user) == (old.secret, others.user)
        return bool(self.secret) and same_login and same_servers(mine.servers, others.servers)

    def with_secret(self, value: str) -> "Profile":
        """Return a copy to connect with, whose options hold the secret."""
        secret: dict[str, Any] = {self.secret: value}
        return replace(self, options=replace(self.options, **secret))

    def without_secrets(self) -> "Profile":
        """Return a copy to store or show, whose options hold no secret."""
        return replace(self, options=self.options.without_secrets())


def secret_noun(field: str) -> str:
    """Return how a field of the options that is a secret is called, such as "nkey seed"."""
    return translate(_SECRETS[field])


def embedded_profile(server: str = "", monitor_url: str = "") -> Profile:
    """Return the profile of the embedded server.

    Args:
        server: its address with its token; empty while it has not started.
        monitor_url: HTTP address of its monitoring port.
    """
    return Profile(
        EMBEDDED_NAME,
        ConnectionOptions(server),
        environment=Environment.LOCAL,
        monitor_url=monitor_url,
    )


def recognized(profile: Profile, server: str, monitor_url: str) -> Profile:
    """Return the embedded profile if one leads to the embedded server, which runs; else this one.

    The address that the embedded server prints leads to it as well. The names stay those of the
    profile.

    Args:
        profile: of any server.
        server: address of the embedded server, with its token.
        monitor_url: HTTP address of its monitoring port.
    """
    if profile.is_embedded or profile.options.servers == server:
        return replace(embedded_profile(server, monitor_url), names=profile.names)
    return profile


def server_profile(
    server: str,
    monitor_url: str = "",
    options: ConnectionOptions = ConnectionOptions(),  # noqa: B008 - a frozen value
    **fields: Any,
) -> Profile:
    """Return the profile of a server that was given without one.

    Args:
        server: address, or several separated by commas; may hold a login.
        monitor_url: HTTP address of its monitoring port; guessed when empty.
        options: login, TLS and JetStream.
        fields: others of the profile.
    """
    options = replace(options, servers=server)
    return Profile(options=options, monitor_url=monitor_url, **fields)


def check_name(name: str) -> None:
    """Check the name of a profile that is about to be stored.

    Raises:
        ValueError: with the reason, as part of a sentence.
    """
    if not name.strip() or name != name.strip():
        raise ValueError(_("a name that neither begins nor ends with a space"))
    if len(name) > MAX_NAME:
        raise ValueError(_("a name of at most {count} characters").format(count=MAX_NAME))
    if name.startswith(("-", CONTEXT_PREFIX)):
        raise ValueError(_("a name that does not begin with - or nats:"))
    if any(unicodedata.category(character) in _NOT_IN_NAMES for character in name):
        raise ValueError(_("a name without line breaks and control characters"))
    if name.casefold() == EMBEDDED_NAME:
        raise ValueError(_("another name: local is the embedded server"))
