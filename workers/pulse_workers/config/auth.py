"""Connection options of a worker, from its settings."""

import functools
import re
from collections.abc import Callable
from typing import Any, Final

from pydantic import SecretStr

from pulse_desktop.model.connection_options import DEFINITIONS, ConnectionOptions
from pulse_desktop.nats_client.client_arguments import (
    ConnectionOptionsError,
    client_arguments,
    read_option_file,
)
from pulse_workers.config.known_secrets import KNOWN_SECRETS
from pulse_workers.config.settings import Settings
from pulse_workers.errors import SettingsError

_SEED: Final = re.compile(r"\bS[A-Z][A-Z2-7]{56}\b")
"""The seed of an nkey."""


def connection_options(settings: Settings) -> ConnectionOptions:
    """Return the servers, credentials and certificates of the settings."""
    values: dict[str, Any] = {}
    for name in DEFINITIONS:
        value = getattr(settings, "server" if name == "servers" else name)
        values[name] = value.get_secret_value() if isinstance(value, SecretStr) else value
    return ConnectionOptions(**values)


def login_options(settings: Settings) -> dict[str, Any]:
    """Return the arguments of `nats.connect` for credentials and TLS.

    Raises:
        SettingsError: a file is missing or unreadable or holds something else, or there are two
            logins.
    """
    options = connection_options(settings)
    login: dict[str, Any] = {}
    if not options.has_login and (address := settings.server_login) is not None:
        login = address.login_arguments()
    try:
        arguments = {**login, **client_arguments(options)}
        for name in ("credentials", "nkey_file"):
            if path := getattr(options, name):
                content = read_option_file(name, path).decode(errors="replace")
                KNOWN_SECRETS.add(_SEED.findall(content))
    except ConnectionOptionsError as error:
        variables = " and ".join(DEFINITIONS[name][0] for name in error.fields)
        raise SettingsError(variables, error.value, error.expected) from None
    for name in ("password", "token"):
        if callable(read := arguments.get(name)):
            arguments[name] = functools.partial(_read_known, read)
    return arguments


def _read_known(read: Callable[[], str]) -> str:
    """Read a secret from its file, and mask it from now on."""
    secret = read()
    KNOWN_SECRETS.add([secret])
    return secret
