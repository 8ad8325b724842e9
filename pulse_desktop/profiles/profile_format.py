"""The format of the file of connection profiles: TOML, validated, with a version.

Only `servers` is required; `secret = "password"` needs a `user`. Example:

    version = 1

    [profiles.production]
    environment = "production"
    servers = ["nats://a.example:4222", "nats://b.example:4222"]
    user = "monitor"
    secret = "password"
    secret_storage = "keyring"
    tls_ca = "~/certs/ca.pem"
"""

import dataclasses
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from pulse_desktop.model.connection_options import SECRETS, SECRETS_OF_A_USER, ConnectionOptions
from pulse_desktop.model.errors import CannotConnectError, UserFacingError
from pulse_desktop.model.file_content import FILE_OPTIONS, is_file_content
from pulse_desktop.nats_client.server_address import parse_server
from pulse_desktop.profiles.profile import (
    Color,
    Environment,
    Profile,
    SecretStorage,
    check_name,
)
from pulse_desktop.profiles.toml_tables import TomlTables
from pulse_desktop.protocol.taskiq_names import (
    BUCKET,
    STREAM_OR_CONSUMER,
    SUBJECT,
    TaskiqNames,
)
from pulse_desktop.text.translation import _

VERSION: Final = 1

_PLAIN_OPTIONS: Final = tuple(
    each.name
    for each in dataclasses.fields(ConnectionOptions)
    if each.name not in SECRETS | {"servers", "name"}
)
_OPTIONAL_SUBJECT: Final = re.compile(rf"({SUBJECT.pattern})?")
_OPTIONAL_NAME: Final = re.compile(rf"({STREAM_OR_CONSUMER.pattern})?")
_NO_TEXT: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Line breaks, other control characters, and what was no UTF-8."""
_PATTERNS: Final = {
    "subject": SUBJECT,
    "consumer": STREAM_OR_CONSUMER,
    "bucket": BUCKET,
    "stream": _OPTIONAL_NAME,
    "subject_prefix": _OPTIONAL_SUBJECT,
    "inbox_prefix": _OPTIONAL_SUBJECT,
    "js_domain": _OPTIONAL_NAME,
    "js_api_prefix": _OPTIONAL_SUBJECT,
}
_NAMES: Final = tuple(each.name for each in dataclasses.fields(TaskiqNames))
_OWN: Final = tuple(
    each.name
    for each in dataclasses.fields(Profile)
    if each.name not in {"name", "options", "names"}
)
"""Fields of the profile that are neither options of the connection nor names."""


class ProfileError(UserFacingError):
    """Profiles cannot be read or stored, or there is none of a name."""


class _StoredProfile(msgspec.Struct, forbid_unknown_fields=True):
    """A profile as it is written in the file. Its fields are those of the options and names."""

    servers: list[str] = []
    environment: Environment | None = None
    color: Color | None = None
    user: str = ""
    password_file: str = ""
    token_file: str = ""
    credentials: str = ""
    nkey_file: str = ""
    tls_ca: str = ""
    tls_cert: str = ""
    tls_key: str = ""
    tls_first: bool = False
    inbox_prefix: str = ""
    js_domain: str = ""
    js_api_prefix: str = ""
    subject: str = TaskiqNames.subject
    consumer: str = TaskiqNames.consumer
    bucket: str = TaskiqNames.bucket
    stream: str = ""
    subject_prefix: str = ""
    monitor_url: str = ""
    secret: str = ""
    secret_storage: SecretStorage = SecretStorage.ASK
    read_only: bool = False
    confirm: bool = False


@dataclass(frozen=True)
class StoredProfiles:
    """What the file holds.

    Attributes:
        by_name: the valid profiles, in the order of the file.
        problems: why others are not valid, by their names.
    """

    by_name: Mapping[str, Profile]
    problems: Mapping[str, str]


def toml_of(*profiles: Profile) -> str:
    """Return profiles as a TOML file of its own, to be shared.

    It has neither secrets nor where they are kept here.

    Raises:
        ProfileError: one cannot be stored elsewhere, such as by its name, or two have one name.
    """
    tables = TomlTables.parse("").with_value("version", VERSION)
    names: set[str] = set()
    for profile in profiles:
        try:
            check_profile(profile)
            check_free(profile.name, names, old=None)
        except ProfileError as error:
            title = _("{name} cannot be exported").format(name=profile.name)
            raise ProfileError(title, error.detail) from None
        names.add(profile.name)
        fields = fields_of(profile)
        fields.pop("secret_storage", None)
        tables = tables.with_table(table_path(profile.name), fields)
    return str(tables)


def table_path(name: str) -> tuple[str, str]:
    """Return the keys of the table of a profile."""
    return ("profiles", name)


def decode_document(content: bytes, path: Path) -> tuple[str, Mapping[str, Any]]:
    """Return a file of profiles as a text, without marks of Windows, and its values.

    Raises:
        ProfileError: it is no TOML, of a later version, or has no tables of profiles.
    """
    title = _("The profiles cannot be read")
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")  # the editor of Windows marks it
        if "\0" in text:
            raise ValueError(_("it holds zeros in place of text"))  # noqa: TRY301
        document = tomllib.loads(text)
        _check_version(document)
    except (ValueError, RecursionError) as error:
        advice = _("Correct the file, or move it away to start with none.")
        nested = _("it is nested too deeply") if isinstance(error, RecursionError) else ""
        raise ProfileError(title, f"{path}: {nested or error}.", advice) from None
    if not isinstance(document.get("profiles", {}), dict):
        raise ProfileError(title, _("profiles is not a table."))
    return text, document


def profiles_of(document: Mapping[str, Any]) -> StoredProfiles:
    """Return the profiles of a document."""
    found: dict[str, Profile] = {}
    problems: dict[str, str] = {}
    names: set[str] = set()
    for name, fields in document.get("profiles", {}).items():
        try:
            if name.casefold() in names:
                raise ValueError(_("there is another of this name"))  # noqa: TRY301
            found[name] = _profile(name, fields)
            names.add(name.casefold())
        except ValueError as error:
            problems[name] = str(error)
    return StoredProfiles(found, problems)


def check_profile(profile: Profile) -> None:
    """Check a profile that is about to be stored. Raises ProfileError."""
    try:
        _profile(profile.name, fields_of(profile))
    except ValueError as error:
        raise ProfileError(_("The profile cannot be stored"), f"{error}.") from None


def check_free(name: str, names: Iterable[str], *, old: str | None) -> None:
    """Check that no other profile has a name, case apart. Raises ProfileError.

    Args:
        name: the name.
        names: of the stored profiles.
        old: name of the profile that is replaced, None for a new one.
    """
    if name.casefold() in {each.casefold() for each in names if each != old}:
        detail = _("there is another profile of the name {name}.").format(name=name)
        advice = _("Choose another name, or change that profile.")
        raise ProfileError(_("The profile cannot be stored"), detail, advice)


def _check_version(document: Mapping[str, Any]) -> None:
    """Check the version of a document. One without a version is of the first.

    Raises:
        ValueError: it is of a later version, which this program would damage.
    """
    version = document.get("version", 1)
    if not isinstance(version, int) or version < 1:
        raise ValueError(_("its version is not a number"))
    if version > VERSION:
        text = _("it was written by a later version of this program (format {version})")
        raise ValueError(text.format(version=version))


def _profile(name: str, fields: Any) -> Profile:
    """Return the profile of a table. Raises ValueError: with the reason, as part of a sentence."""
    try:
        stored = msgspec.convert(fields, _StoredProfile)
    except msgspec.ValidationError as error:
        raise ValueError(str(error).rstrip(".")) from None
    try:
        check_name(name)
    except ValueError as error:
        raise ValueError(_("name: expected {reason}").format(reason=error)) from None
    _check_texts(stored)
    if not stored.servers:
        raise ValueError(_("it has no servers"))
    servers = ",".join(stored.servers)
    try:
        address = parse_server(servers)
    except CannotConnectError as error:
        raise ValueError(f"servers: {error.detail.rstrip('.')}") from None
    if address.user or address.token:
        raise ValueError(_("servers: a login does not belong here; give user and secret"))
    if address.has_path:
        raise ValueError(_("servers: a path or query does not belong here, it may be secret"))
    if stored.secret and stored.secret not in SECRETS:
        expected = ", ".join(sorted(SECRETS))
        raise ValueError(_("secret: expected one of {names}").format(names=expected))
    if stored.secret in SECRETS_OF_A_USER and not stored.user:
        raise ValueError(_("user: expected a name beside the password"))
    _check_monitor(stored.monitor_url)
    for field, pattern in _PATTERNS.items():
        if not pattern.fullmatch(value := getattr(stored, field)):
            raise ValueError(_("{field}: {value!r} is not a name").format(field=field, value=value))
    options = {field: getattr(stored, field) for field in _PLAIN_OPTIONS}
    return Profile(
        name=name,
        options=ConnectionOptions(servers, **options),
        names=TaskiqNames(**{field: getattr(stored, field) for field in _NAMES}),
        **{field: getattr(stored, field) for field in _OWN},
    )


def _check_texts(stored: _StoredProfile) -> None:
    """Raise ValueError: a field is no text of one line, or the content of a file; see there."""
    for field, value in msgspec.structs.asdict(stored).items():
        for text in value if isinstance(value, list) else [value]:
            if not isinstance(text, str):
                continue
            if field in FILE_OPTIONS and is_file_content(text):
                reason = _("{field}: expected the path of a file, not its content")
                raise ValueError(reason.format(field=field))
            if _NO_TEXT.search(text):
                reason = _("{field}: expected text of one line")
                raise ValueError(reason.format(field=field))


def _check_monitor(url: str) -> None:
    """Raise ValueError: it is no HTTP address, or holds a login, which would be a secret here."""
    parts = urlsplit(url)
    if url and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise ValueError(_("monitor_url: expected http://HOST:PORT"))
    if "@" in parts.netloc:
        raise ValueError(_("monitor_url: a login does not belong here"))


def fields_of(profile: Profile) -> dict[str, Any]:
    """Return what the file says of a profile: only what differs from the defaults."""
    options = profile.options.without_secrets()
    stored = _StoredProfile(
        servers=[part.strip() for part in options.servers.split(",") if part.strip()],
        **{field: getattr(profile, field) for field in _OWN},
        **{field: getattr(options, field) for field in _PLAIN_OPTIONS},
        **{field: getattr(profile.names, field) for field in _NAMES},
    )
    defaults = msgspec.to_builtins(_StoredProfile())
    fields = {
        key: value
        for key, value in msgspec.to_builtins(stored).items()
        if value != defaults[key] or key == "servers"
    }
    if profile.secret:
        fields["secret_storage"] = profile.secret_storage.value  # also the default
    else:
        fields.pop("secret_storage", None)
    return fields
