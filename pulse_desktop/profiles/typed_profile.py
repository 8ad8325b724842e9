"""What a person types into a form as a profile: its problems by field, and logins in addresses."""

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pulse_desktop.model.connection_options import SECRETS, SECRETS_OF_A_USER
from pulse_desktop.model.errors import CannotConnectError
from pulse_desktop.model.file_content import (
    FILE_OPTIONS,
    is_file_content,
    with_content_as_secret,
)
from pulse_desktop.nats_client.server_address import parse_server
from pulse_desktop.profiles.profile import Profile, check_name
from pulse_desktop.protocol.taskiq_names import BUCKET, STREAM_OR_CONSUMER, SUBJECT
from pulse_desktop.text.translation import N_, _, translate

_A_SUBJECT: Final = N_("A subject has no spaces, no * and no >, and no dot at its ends.")
_A_NAME: Final = N_("A name has no spaces, no dots, slashes, * and >.")
_PATTERNS: Final[Mapping[str, tuple[re.Pattern[str], str]]] = {
    "js_domain": (STREAM_OR_CONSUMER, _A_NAME),
    "js_api_prefix": (SUBJECT, _A_SUBJECT),
    "inbox_prefix": (SUBJECT, _A_SUBJECT),
    "subject": (SUBJECT, _A_SUBJECT),
    "subject_prefix": (SUBJECT, _A_SUBJECT),
    "stream": (STREAM_OR_CONSUMER, _A_NAME),
    "consumer": (STREAM_OR_CONSUMER, _A_NAME),
    "bucket": (BUCKET, N_("A bucket is named with letters, digits, - and _.")),
}


def field_problems(profile: Profile) -> dict[str, str]:
    """Return why a profile cannot be stored or used: a sentence for each field that has a problem.

    Files are looked for, so this takes a moment.
    """
    options = profile.options
    found = {
        "name": _name_problem(profile.name),
        "servers": _servers_problem(options.servers),
        "monitor_url": _monitor_problem(profile.monitor_url),
        **{field: _file_problem(getattr(options, field)) for field in FILE_OPTIONS},
    }
    if profile.secret in SECRETS_OF_A_USER and not options.user:
        found["user"] = _("Give the user that the password belongs to.")
    if options.tls_key and not options.tls_cert:
        found["tls_cert"] = _("Give the certificate that the private key belongs to.")
    for field, (pattern, sentence) in _PATTERNS.items():
        value = getattr(options, field, "") or getattr(profile.names, field, "")
        if value and not pattern.fullmatch(value):
            found[field] = translate(sentence)
    if options.js_domain and options.js_api_prefix:
        found["js_api_prefix"] = _("Give either this or the JetStream domain.")
    return {field: problem for field, problem in found.items() if problem}


def separate_login(profile: Profile) -> tuple[Profile, str]:
    """Return a profile whose options hold no secret, and its secret.

    A login in the addresses, a secret in the options, or one instead of the path of its file
    becomes the profile's own.
    """
    options = with_content_as_secret(profile.options)
    profile = replace(profile, options=options)
    try:
        address = parse_server(options.servers)
    except CannotConnectError:
        return _without_secret(profile) if _value_of(profile) else profile, _value_of(profile)
    if (address.user or address.token) and not options.has_login:
        kind = "password" if address.user else "token"
        secret = address.password or address.token
        plain = replace(options, servers=",".join(address.urls), user=address.user)
        return replace(profile, options=plain, secret=kind), secret
    return _without_secret(profile), _value_of(profile)


def _without_secret(profile: Profile) -> Profile:
    return replace(profile, secret=_secret_of(profile)).without_secrets()


def _secret_of(profile: Profile) -> str:
    """Return the field of the options that holds a secret, or is the profile's own."""
    given = (field for field in sorted(SECRETS) if getattr(profile.options, field))
    return next(given, profile.secret)


def _value_of(profile: Profile) -> str:
    field = _secret_of(profile)
    value: Any = getattr(profile.options, field) if field else ""
    return str(value)


def _name_problem(name: str) -> str:
    if not name:
        return _("Give the connection a name.")
    try:
        check_name(name)
    except ValueError as error:
        return _("Expected {reason}.").format(reason=error)
    return ""


def _servers_problem(servers: str) -> str:
    try:
        address = parse_server(servers)
    except CannotConnectError as error:
        return f"{error.detail[:1].upper()}{error.detail[1:]} {error.advice}"
    if address.has_path:
        return _("Leave out the path behind the host: it may be secret, and is not stored.")
    has_login = address.user or address.token
    return _("A login belongs into the fields below.") if has_login else ""


def _file_problem(path: str) -> str:
    if not path:
        return ""
    if is_file_content(path):
        return _("Give the path of a file, not its content.")
    try:
        file = Path(path).expanduser()
        is_file = file.is_file()
    except (OSError, RuntimeError, ValueError):  # no file can have that name; an unknown user
        return _("There is no such file.")
    if not is_file:
        return _("There is no such file.")
    return "" if os.access(file, os.R_OK) else _("The file cannot be read.")


def _monitor_problem(url: str) -> str:
    try:
        parts = urlsplit(url)
        valid = not url or (parts.scheme in ("http", "https") and bool(parts.hostname))
        _port = parts.port
    except ValueError:
        valid = False
    if not valid:
        return _("Write it like http://host:8222.")
    return _("A login does not belong here.") if url and "@" in parts.netloc else ""
