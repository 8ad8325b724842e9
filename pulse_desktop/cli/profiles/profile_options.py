"""Options for the fields of a profile, and the profile that they describe."""

import argparse
from argparse import BooleanOptionalAction, Namespace
from dataclasses import replace
from typing import Any, Final

from pulse_desktop.cli.argument_types import server
from pulse_desktop.cli.parser import NAME_OPTIONS, add_json_option, add_name_options
from pulse_desktop.model.connection_options import (
    SECRETS,
    ConnectionOptions,
    add_connection_options,
)
from pulse_desktop.profiles.profile import Color, Environment, Profile, SecretStorage
from pulse_desktop.text.translation import _

NONE: Final = "none"
ENVIRONMENTS: Final = tuple(each.value for each in Environment)
_COLORS: Final = tuple(each.value for each in Color)
_STORAGES: Final = tuple(each.value for each in SecretStorage)
_ENUMS: Final = {"environment": Environment, "color": Color, "secret_storage": SecretStorage}
_PLAIN_FIELDS: Final = ("monitor_url", "read_only", "confirm")


def add_storage_option(command: argparse.ArgumentParser) -> None:
    """Add `--secret-storage`."""
    command.add_argument(
        "--secret-storage",
        choices=_STORAGES,
        help=_(
            "where the secret is kept: keyring (the default), a file that only you can read, or "
            "nowhere: ask each time"
        ),
    )


def add_profile_options(command: argparse.ArgumentParser) -> None:
    """Add an option for each field of a profile, and `--json`."""
    add_json_option(command)
    command.add_argument(
        "--server",
        type=server,
        metavar="URL",
        default=argparse.SUPPRESS,
        help=_("address, or several separated by commas"),
    )
    add_name_options(command, default=argparse.SUPPRESS)
    add_connection_options(command, default=argparse.SUPPRESS)
    command.add_argument(
        "--no-tls-first", dest="tls_first", action="store_false", default=argparse.SUPPRESS,
        help=_("no TLS handshake first"),
    )  # fmt: skip
    group = command.add_argument_group(_("profile"))
    group.add_argument(
        "--environment", choices=(*ENVIRONMENTS, NONE), help=_("kind of system; none for no kind")
    )
    group.add_argument(
        "--color", choices=(*_COLORS, NONE), help=_("in the window; none for the environment's")
    )
    group.add_argument(
        "--monitor-url", metavar="URL", help=_("HTTP address of the server's monitoring port")
    )
    group.add_argument(
        "--secret",
        choices=(*sorted(SECRETS), NONE),
        help=_("which secret logs in (default: password, with --user)"),
    )
    add_storage_option(command)
    group.add_argument("--secret-stdin", action="store_true", help=_("read the secret from stdin"))
    group.add_argument(
        "--read-only", action=BooleanOptionalAction, help=_("refuse every action on this system")
    )
    group.add_argument(
        "--confirm",
        action=BooleanOptionalAction,
        help=_("ask before every action; in production always"),
    )


def has_profile_options(arguments: Namespace) -> bool:
    """Return whether one of `add_profile_options` was given."""
    fields = (*_ENUMS, *_PLAIN_FIELDS, *NAME_OPTIONS, "secret")
    is_given = any(getattr(arguments, field, None) is not None for field in fields)
    return is_given or arguments.secret_stdin or bool(_connection_options(arguments))


def with_profile_options(profile: Profile, arguments: Namespace) -> tuple[Profile, str]:
    """Return a profile with the fields that were given, and a secret that the address held."""
    from pulse_desktop.model.connection_options import overridden

    given, secret_kind, secret = _login(arguments)
    options, kept_kind = overridden(profile.options, profile.secret, given)
    if secret_kind is None:
        secret_kind = kept_kind
    names = {name: value for name in NAME_OPTIONS if (value := getattr(arguments, name, None))}
    fields: dict[str, Any] = {
        field: value
        for field in (*_ENUMS, *_PLAIN_FIELDS)
        if (value := getattr(arguments, field)) is not None
    }
    for field, kind in _ENUMS.items():
        if field in fields:
            fields[field] = None if fields[field] == NONE else kind(fields[field])
    changed = replace(
        profile,
        options=options.without_secrets(),
        names=replace(profile.names, **names),
        secret=secret_kind,
        **fields,
    )
    return changed, secret


def _login(arguments: Namespace) -> tuple[dict[str, Any], str | None, str]:
    """Return the options of the connection, and the login that they and the address describe.

    Returns:
        The options that were given, with a placeholder for a secret that is still to be read, so
        that it replaces another login; the field of the secret, empty for none and None for the
        present one; its value if the address, or the option of a path, held it.
    """
    from pulse_desktop.profiles.typed_profile import separate_login

    given = _connection_options(arguments)
    typed, secret = separate_login(Profile(options=ConnectionOptions(**given)))
    if typed.secret:
        given = {field: getattr(typed.options, field) for field in given}
        given |= {"user": typed.options.user} if typed.options.user else {}
        given[typed.secret] = secret
    kind = arguments.secret
    if kind is None and given.get("user") and not given.get("password_file"):
        kind = "password"
    if kind == NONE:
        return given | dict.fromkeys(SECRETS, ""), "", ""
    if kind is not None and not secret:
        given[kind] = "*"
    return given, next((field for field in SECRETS if given.get(field)), None), secret


def _connection_options(arguments: Namespace) -> dict[str, Any]:
    """Return the options of a connection that were given, also the empty ones."""
    from pulse_desktop.model.connection_options import DEFINITIONS

    values = {name: getattr(arguments, name, None) for name in DEFINITIONS}
    values["servers"] = getattr(arguments, "server", None)
    return {name: value for name, value in values.items() if value is not None}
