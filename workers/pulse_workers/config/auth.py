"""Connection options of a worker, from its settings."""

from typing import Any

from pulse_desktop.nats_client.connection_options import (
    ConnectionOptions,
    ConnectionOptionsError,
    client_arguments,
)
from pulse_workers.config.settings import VARIABLES, Settings
from pulse_workers.errors import SettingsError


def connection_options(settings: Settings) -> ConnectionOptions:
    """Return the servers, credentials and certificates of the settings."""
    return ConnectionOptions(
        servers=settings.server,
        user=settings.user,
        password=settings.password.get_secret_value(),
        password_file=settings.password_file,
        token=settings.token.get_secret_value(),
        token_file=settings.token_file,
        credentials=settings.credentials,
        nkey_file=settings.nkey_file,
        tls_ca=settings.tls_ca,
        tls_cert=settings.tls_cert,
        tls_key=settings.tls_key,
        inbox_prefix=settings.inbox_prefix,
    )


def login_options(settings: Settings) -> dict[str, Any]:
    """Return the arguments of `nats.connect` for credentials and TLS.

    Raises:
        SettingsError: a file is missing or unreadable or holds something else, or there are two
            logins.
    """
    try:
        return client_arguments(connection_options(settings))
    except ConnectionOptionsError as error:
        variables = " and ".join(VARIABLES[name][0] for name in error.fields)
        raise SettingsError(variables, error.value, error.expected) from None
