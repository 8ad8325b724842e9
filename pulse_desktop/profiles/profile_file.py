"""The file of the connection profiles: TOML that a person can edit.

Comments, order and unknown profiles survive every change that the program makes. A profile that
is not valid does not hide the others.

    version = 1

    [profiles.production]
    environment = "production"
    servers = ["nats://a.example:4222", "nats://b.example:4222"]
    user = "monitor"
    secret = "password"
    secret_storage = "keyring"
    tls_ca = "~/certs/ca.pem"
"""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import filelock
import msgspec
import tomlkit
from tomlkit.exceptions import TOMLKitError

from pulse_desktop.atomic_file import write_atomic
from pulse_desktop.model.connection_options import SECRETS, ConnectionOptions
from pulse_desktop.model.errors import CannotConnectError, UserFacingError
from pulse_desktop.nats_client.server_address import parse_server
from pulse_desktop.profiles.profile import (
    EMBEDDED_NAME,
    Color,
    Environment,
    Profile,
    SecretStorage,
    check_name,
)
from pulse_desktop.protocol.taskiq_names import TaskiqNames
from pulse_desktop.regular_file import read_start
from pulse_desktop.text.translation import _

VERSION: Final = 1
FILE_NAME: Final = "profiles.toml"

_MAX_BYTES: Final = 1 << 20
_LOCK_TIMEOUT_S: Final = 5.0
_PLAIN_OPTIONS: Final = tuple(
    each.name
    for each in dataclasses.fields(ConnectionOptions)
    if each.name not in SECRETS | {"servers", "name"}
)
_OF_A_USER: Final = frozenset({"password"})
_NAMES: Final = tuple(each.name for each in dataclasses.fields(TaskiqNames))


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
    monitor_url: str = ""
    secret: str = ""
    secret_storage: SecretStorage = SecretStorage.ASK
    read_only: bool = False
    confirm: bool = False


@dataclass(frozen=True)
class Profiles:
    """What the file holds.

    Attributes:
        by_name: the valid profiles, in the order of the file.
        problems: why others are not valid, by their names.
    """

    by_name: Mapping[str, Profile]
    problems: Mapping[str, str]


class ProfileFile:
    """Reads and changes the profiles of a file, which may not exist yet."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Profiles:
        """Return the profiles.

        Raises:
            ProfileError: the file cannot be read, or is no TOML.
        """
        tables = _tables(self._document())
        found: dict[str, Profile] = {}
        problems: dict[str, str] = {}
        for name, table in tables.items():
            try:
                found[name] = _profile(name, _unwrapped(table))
            except ValueError as error:
                problems[name] = str(error)
        return Profiles(found, problems)

    def get(self, name: str) -> Profile:
        """Return a profile.

        Raises:
            ProfileError: there is none of this name, or it is not valid.
        """
        profiles = self.read()
        if profile := profiles.by_name.get(name):
            return profile
        title = _("No such profile: {name}").format(name=name)
        if problem := profiles.problems.get(name):
            title = _("The profile {name} is not valid").format(name=name)
            advice = _("Correct it in {file}.").format(file=self.path)
            raise ProfileError(title, f"{problem}.", advice)
        names = ", ".join(profiles.by_name)
        detail = _("the profiles are: {names}.").format(names=names) if names else ""
        advice = _("`pulse-desktop profiles list` shows them, `profiles add` adds one.")
        raise ProfileError(title, detail, advice)

    def save(self, profile: Profile, *, replacing: str = "") -> None:
        """Store a profile, without its secrets, in place of one of the same or another name.

        Args:
            profile: the profile.
            replacing: name of the profile that it was, if that changes; empty for a new profile
                or the same name.

        Raises:
            ProfileError: its name or a field is not valid, another profile has its name, or the
                file cannot be written.
        """
        old = replacing or profile.name
        try:
            check_name(profile.name)
            _profile(profile.name, _fields(profile))
        except ValueError as error:
            title = _("The profile cannot be stored")
            raise ProfileError(title, _("expected {reason}.").format(reason=error)) from None
        with self._changed() as tables:
            taken = {name.casefold() for name in tables if name != old}
            if profile.name.casefold() in taken:
                title = _("The profile cannot be stored")
                detail = _("there is another of the name {name}.").format(name=profile.name)
                raise ProfileError(title, detail, _("Choose another name."))
            if old in tables and old != profile.name:
                _rename(tables, old, profile.name)
            table = tables.setdefault(profile.name, tomlkit.table())
            _update(table, _fields(profile))

    def remove(self, name: str) -> None:
        """Remove a profile, valid or not. Raises ProfileError: there is none, or see `save`."""
        with self._changed() as tables:
            if name not in tables:
                raise ProfileError(_("No such profile: {name}").format(name=name))
            del tables[name]

    @contextlib.contextmanager
    def _changed(self) -> Iterator[Any]:
        """Lock the file, yield the tables of its profiles to change, and write it."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with filelock.FileLock(f"{self.path}.lock", timeout=_LOCK_TIMEOUT_S, mode=0o600):
                document = self._document()
                if "profiles" not in document:
                    document["profiles"] = tomlkit.table(is_super_table=True)
                yield document["profiles"]
                document["version"] = VERSION
                write_atomic(self.path, tomlkit.dumps(document).encode(), private=True)
        except filelock.Timeout:
            detail = _("another program is changing {file}.").format(file=self.path)
            raise ProfileError(_("The profiles cannot be stored"), detail) from None
        except OSError as error:
            raise ProfileError(
                _("The profiles cannot be stored"),
                f"{self.path}: {error.strerror or error}.",
                _("Check the folder and the free disk space."),
            ) from None

    def _document(self) -> tomlkit.TOMLDocument:
        title = _("The profiles cannot be read")
        try:
            content = read_start(self.path, _MAX_BYTES, follow_links=True)
            document = tomlkit.parse(content.decode())
            _migrate(document)
        except FileNotFoundError:
            return tomlkit.parse(f"version = {VERSION}\n")
        except OSError as error:
            raise ProfileError(title, f"{self.path}: {error.strerror or error}.") from None
        except (ValueError, RecursionError, TOMLKitError) as error:
            advice = _("Correct the file, or move it away to start with none.")
            raise ProfileError(title, f"{self.path}: {error}.", advice) from None
        return document


def exported(profile: Profile) -> str:
    """Return a profile without secrets as a TOML file of its own, to give to somebody else."""
    document = tomlkit.document()
    document["version"] = VERSION
    table = tomlkit.table()
    _update(table, _fields(profile))
    profiles = tomlkit.table(is_super_table=True)
    profiles[profile.name] = table
    document["profiles"] = profiles
    return tomlkit.dumps(document)


_MIGRATIONS: Final[Mapping[int, Callable[[tomlkit.TOMLDocument], None]]] = {}
"""Changes a document of a version, the key, into one of the next."""


def _migrate(document: tomlkit.TOMLDocument) -> None:
    """Bring a document to the present version. One without a version is of the first.

    Raises:
        ValueError: it is of a later version, which this program would damage.
    """
    version = document.get("version", 1)
    if not isinstance(version, int) or version < 1:
        raise ValueError(_("its version is not a number"))
    if version > VERSION:
        text = _("it was written by a later version of this program (format {version})")
        raise ValueError(text.format(version=int(version)))
    for each in range(version, VERSION):
        _MIGRATIONS[each](document)


def _tables(document: tomlkit.TOMLDocument) -> Mapping[str, Any]:
    tables = document.get("profiles", {})
    if not isinstance(tables, Mapping):
        raise ProfileError(_("The profiles cannot be read"), _("profiles is not a table."))
    return tables


def _unwrapped(table: Any) -> Any:
    return table.unwrap() if hasattr(table, "unwrap") else table


def _profile(name: str, fields: Any) -> Profile:
    """Return the profile of a table. Raises ValueError: with the reason, as part of a sentence."""
    try:
        stored = msgspec.convert(fields, _StoredProfile)
    except msgspec.ValidationError as error:
        raise ValueError(str(error).rstrip(".")) from None
    if name.casefold() == EMBEDDED_NAME:
        raise ValueError(_("its name is that of the embedded server"))
    if not stored.servers:
        raise ValueError(_("it has no servers"))
    servers = ",".join(stored.servers)
    try:
        address = parse_server(servers)
    except CannotConnectError as error:
        raise ValueError(f"servers: {error.detail.rstrip('.')}") from None
    if address.user or address.token:
        raise ValueError(_("servers: a login does not belong here; give user and secret"))
    if stored.secret and stored.secret not in SECRETS:
        expected = ", ".join(sorted(SECRETS))
        raise ValueError(_("secret: expected one of {names}").format(names=expected))
    if stored.secret and stored.secret in _OF_A_USER and not stored.user:
        raise ValueError(_("user: expected a name beside the password"))
    options = {field: getattr(stored, field) for field in _PLAIN_OPTIONS}
    return Profile(
        name,
        ConnectionOptions(servers, **options),
        TaskiqNames(**{field: getattr(stored, field) for field in _NAMES}),
        stored.environment,
        stored.color,
        stored.monitor_url,
        stored.secret,
        stored.secret_storage,
        stored.read_only,
        stored.confirm,
    )


def _fields(profile: Profile) -> dict[str, Any]:
    """Return what the file says of a profile: only what differs from the defaults."""
    options = profile.options.without_secrets()
    stored = _StoredProfile(
        servers=[part.strip() for part in options.servers.split(",") if part.strip()],
        environment=profile.environment,
        color=profile.color,
        monitor_url=profile.monitor_url,
        secret=profile.secret,
        secret_storage=profile.secret_storage,
        read_only=profile.read_only,
        confirm=profile.confirm,
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
        fields["secret_storage"] = profile.secret_storage.value
    return fields


def _update(table: Any, fields: Mapping[str, Any]) -> None:
    for key in [key for key in table if key not in fields]:
        del table[key]
    for key, value in fields.items():
        if key not in table or _unwrapped(table[key]) != value:
            table[key] = value


def _rename(tables: Any, old: str, new: str) -> None:
    """Give a table another name; its comments stay, and it becomes the last one."""
    table = tables[old]
    del tables[old]
    tables[new] = table
