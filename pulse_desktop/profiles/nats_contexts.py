"""Contexts of the NATS CLI (`nats context`) as connection profiles. Its files are only read.

A context is a JSON file in `nats/context/` of the configuration folder; `nats/context.txt` names
the selected one. References to secrets are resolved as the NATS CLI does: `env://NAME`,
`file://PATH`, and `data:;base64,…`, which `nats context --embed` writes. Fields that this program
cannot follow, such as a proxy or a login by `nsc`, are errors: connecting without them would reach
another server, or another account.
"""

import base64
import binascii
import contextlib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from pulse_desktop.model.connection_options import SECRETS, ConnectionOptions
from pulse_desktop.model.errors import CannotConnectError, UserFacingError
from pulse_desktop.nats_client.server_address import parse_server
from pulse_desktop.profiles.profile import CONTEXT_PREFIX, Color, Profile
from pulse_desktop.regular_file import read_start
from pulse_desktop.text.translation import _

PREFIX: Final = CONTEXT_PREFIX
CONTEXT_VARIABLE: Final = "NATS_CONTEXT"
DEFAULT_URL: Final = "nats://127.0.0.1:4222"

_SUFFIX: Final = ".json"
_MAX_BYTES: Final = 1 << 20
_SCHEME: Final = re.compile(r"(file|env|data|op|nsc):", re.IGNORECASE)
_VARIABLE: Final = re.compile(r"\$(?:\{(?P<braced>[^{}]*)\}|(?P<plain>[A-Za-z_]\w*))")
_SEED: Final = re.compile(rb"^\s*(SU[A-Z2-7]{56})\s*$", re.MULTILINE)
_CREDENTIALS: Final = (
    "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n"
    "-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
)
_COLORS: Final = {
    "red": Color.RED,
    "yellow": Color.YELLOW,
    "green": Color.GREEN,
    "cyan": Color.TEAL,
    "blue": Color.BLUE,
    "magenta": Color.PURPLE,
}


class NatsContextError(UserFacingError):
    """A context of the NATS CLI does not exist, is damaged, or cannot be followed."""

    def __init__(self, name: str, reason: str, advice: str = "") -> None:
        """Describe the error.

        Args:
            name: of the context.
            reason: why it cannot be used, as part of a sentence; without secrets.
            advice: what to do about it.
        """
        title = _("The NATS context {name} cannot be used").format(name=name)
        super().__init__(title, f"{reason}.", advice)


class _StoredContext(msgspec.Struct, forbid_unknown_fields=True):
    """A context as the NATS CLI writes it. Go reads null as an empty value."""

    name: str | None = None
    description: str | None = None
    url: str | None = None
    socks_proxy: str | None = None
    token: str | None = None
    user: str | None = None
    password: str | None = None
    creds: str | None = None
    nkey: str | None = None
    cert: str | None = None
    key: str | None = None
    ca: str | None = None
    nsc: str | None = None
    jetstream_domain: str | None = None
    jetstream_api_prefix: str | None = None
    jetstream_event_prefix: str | None = None
    inbox_prefix: str | None = None
    user_jwt: str | None = None
    user_seed: str | None = None
    color_scheme: str | None = None
    tls_first: bool | None = None
    windows_cert_store: str | None = None
    windows_cert_match_by: str | None = None
    windows_cert_match: str | None = None
    windows_ca_certs_match: list[str] | None = None


@dataclass(frozen=True)
class NatsContext:
    """A context of the NATS CLI, and the profile that it is.

    Attributes:
        name: of the context.
        description: as its owner wrote it, empty for none.
        profile: named `nats:NAME`, to connect with: its options hold the secret.
        ignored: fields that are set and mean nothing to this program.
    """

    name: str
    description: str
    profile: Profile
    ignored: tuple[str, ...] = ()

    @property
    def secret(self) -> str:
        """The secret that was found, by its field of `ConnectionOptions`; empty for none."""
        return self.profile.secret


@dataclass(frozen=True)
class NatsContextList:
    """The contexts of a person.

    Attributes:
        by_name: those that can be used, sorted.
        problems: why others cannot, by their names.
        selected: name of the selected one, empty for none.
    """

    by_name: Mapping[str, NatsContext]
    problems: Mapping[str, str]
    selected: str = ""


class NatsContexts:
    """Reads the contexts of the NATS CLI."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        """Find the folder.

        Args:
            environ: the environment variables, for the folder and what the contexts refer to.
        """
        self._environ = environ
        configured = environ.get("XDG_CONFIG_HOME", "")
        self.folder = (Path(configured) if configured else Path.home() / ".config") / "nats"

    def names(self) -> list[str]:
        """Return the names of the contexts, usable or not, sorted."""
        try:
            files = list((self.folder / "context").iterdir())
        except OSError:
            return []
        return sorted(
            each.stem
            for each in files
            if each.suffix == _SUFFIX and _is_name(each.stem) and _has_content(each)
        )

    def selected(self) -> str:
        """Return the name of the selected context, empty for none: $NATS_CONTEXT, context.txt."""
        if name := self._environ.get(CONTEXT_VARIABLE, "").strip():
            return name
        try:
            content = read_start(self.folder / "context.txt", _MAX_BYTES, follow_links=True)
            return content.decode().strip()
        except (OSError, UnicodeError):
            return ""

    def read(self) -> NatsContextList:
        """Return all contexts."""
        found: dict[str, NatsContext] = {}
        problems: dict[str, str] = {}
        for name in self.names():
            try:
                found[name] = self.get(name)
            except NatsContextError as error:
                problems[name] = error.detail.rstrip(".")
        return NatsContextList(found, problems, self.selected())

    def get(self, name: str = "") -> NatsContext:
        """Return a context.

        Args:
            name: of a context, or the path of such a file as the NATS CLI accepts it; empty for
                the selected context.

        Raises:
            NatsContextError: there is none of this name, or it cannot be used.
        """
        name = name or self.selected()
        if not name:
            reason = _("none is selected; $NATS_CONTEXT is not set")
            advice = _("Select one with `nats context select`, or name it: nats:NAME.")
            raise NatsContextError(PREFIX, reason, advice)
        path = Path(name)
        if not (path.suffix == _SUFFIX and path.is_file()):
            if not _is_name(name):
                raise NatsContextError(name, _("it is not the name of a context"))
            path = self.folder / "context" / f"{name}{_SUFFIX}"
        try:
            content = read_start(path, _MAX_BYTES, follow_links=True)
            stored = msgspec.json.decode(content, type=_StoredContext)
        except FileNotFoundError:
            raise self._missing(name) from None
        except OSError as error:
            raise NatsContextError(name, f"{path}: {error.strerror or error}") from None
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            reason = f"{path}: {_reason(error)}"
            raise NatsContextError(name, reason, _("Correct it: nats context edit.")) from None
        return _Reader(path.stem, stored, self._environ).context()

    def _missing(self, name: str) -> NatsContextError:
        names = ", ".join(self.names())
        advice = _("The contexts are: {names}.").format(names=names) if names else ""
        reason = _("there is none of this name in {folder}").format(folder=self.folder / "context")
        return NatsContextError(name, reason, advice)


class _Reader:
    """Turns one stored context into a profile."""

    def __init__(self, name: str, stored: _StoredContext, environ: Mapping[str, str]) -> None:
        self._name = name
        self._stored = stored
        self._environ = environ

    def context(self) -> NatsContext:
        """Return the context. Raises NatsContextError."""
        stored = self._stored
        self._refuse_unsupported()
        try:
            address = parse_server(stored.url or DEFAULT_URL)
        except CannotConnectError as error:
            raise self._error("url", error.detail.rstrip(".")) from None
        login = self._login()
        if not login or not login.keys().isdisjoint({"user", "token"}):
            # The NATS CLI prefers the login in the address as well.
            if address.user:
                login = {"user": address.user, "password": address.password}
            elif address.token:
                login = {"token": address.token}
        options = ConnectionOptions(
            servers=",".join(address.urls),
            tls_ca=self._path("ca"),
            tls_cert=self._path("cert"),
            tls_key=self._path("key"),
            tls_first=bool(stored.tls_first),
            inbox_prefix=stored.inbox_prefix or "",
            js_domain=stored.jetstream_domain or "",
            js_api_prefix=stored.jetstream_api_prefix or "",
            **login,
        )
        profile = Profile(
            f"{PREFIX}{self._name}",
            options,
            color=_COLORS.get(stored.color_scheme or ""),
            secret=next((field for field in login if field in SECRETS and login[field]), ""),
        )
        ignored = ("jetstream_event_prefix",) if stored.jetstream_event_prefix else ()
        return NatsContext(self._name, stored.description or "", profile, ignored)

    def _refuse_unsupported(self) -> None:
        stored = self._stored
        creds = _(
            "Write the credentials to a file with `nsc generate creds`, and name it in creds."
        )
        if stored.nsc:
            raise self._error("nsc", _("logins by nsc are not supported"), creds)
        if stored.user_jwt and not stored.user_seed:
            reason = _("a JWT without the seed of its user is not supported")
            raise self._error("user_jwt", reason, creds)
        if stored.socks_proxy:
            raise self._error("socks_proxy", _("proxies are not supported"))
        if stored.windows_cert_store:
            reason = _("the certificate store of Windows is not supported")
            raise self._error("windows_cert_store", reason, _("Name files in cert, key and ca."))
        if stored.jetstream_domain and stored.jetstream_api_prefix:
            reason = _("only one of it and jetstream_api_prefix can be used")
            raise self._error("jetstream_domain", reason)

    def _login(self) -> dict[str, Any]:
        stored = self._stored
        kinds: dict[str, Callable[[], dict[str, Any]]] = {
            "user": lambda: {"user": stored.user, "password": self._text("password")},
            "creds": self._credentials,
            "nkey": self._nkey,
            "user_jwt": self._jwt_and_seed,
            "token": lambda: {"token": self._text("token")},
        }
        given = [field for field in kinds if getattr(stored, field)]
        if len(given) > 1:
            raise self._error(", ".join(given), _("only one of them can be used"))
        return kinds[given[0]]() if given else {}

    def _credentials(self) -> dict[str, Any]:
        content = self._content("creds")
        if content is None:
            return {"credentials": self._path("creds")}
        return {"credentials_content": self._decoded("creds", content)}

    def _nkey(self) -> dict[str, Any]:
        content = self._content("nkey")
        if content is None:
            return {"nkey_file": self._path("nkey")}
        seed = _SEED.search(content)
        if seed is None:
            raise self._error("nkey", _("it contains no seed of a user"))
        return {"nkey_seed": seed[1].decode()}

    def _jwt_and_seed(self) -> dict[str, Any]:
        jwt, seed = self._text("user_jwt"), self._text("user_seed")
        return {"credentials_content": _CREDENTIALS.format(jwt=jwt, seed=seed)}

    def _text(self, field: str) -> str:
        """Return a secret that is given as it is, or by a reference."""
        value: str = getattr(self._stored, field) or ""
        content = self._content(field)
        if content is None and value[:5].lower() == "file:":
            try:
                content = read_start(Path(self._path(field)), _MAX_BYTES, follow_links=True)
            except OSError as error:
                raise self._error(field, error.strerror or str(error)) from None
        return value if content is None else self._decoded(field, content).rstrip("\r\n")

    def _content(self, field: str) -> bytes | None:
        """Return what a reference other than to a file stands for, None if there is none."""
        value: str = getattr(self._stored, field) or ""
        match _SCHEME.match(value):
            case None:
                return None
            case found:
                scheme = found[1].lower()
        if scheme == "file":
            return None
        if scheme == "env":
            name = value.removeprefix("env://")
            if not (text := self._environ.get(name, "")):
                reason = _("the variable {name} is not set").format(name=name)
                raise self._error(field, reason)
            return text.encode()
        if scheme == "data":
            header, _comma, encoded = value.removeprefix("data:").partition(",")
            if "base64" in [part.strip() for part in header.split(";")]:
                with contextlib.suppress(binascii.Error, ValueError):
                    return base64.b64decode(encoded, validate=True)
            raise self._error(field, _("its embedded content is damaged"))
        reason = _("references to {scheme}: are not supported").format(scheme=scheme)
        raise self._error(field, reason)

    def _decoded(self, field: str, content: bytes) -> str:
        try:
            return content.decode()
        except UnicodeError:
            raise self._error(field, _("its content is not text")) from None

    def _path(self, field: str) -> str:
        """Return a path with its variables and `~` replaced. An unset variable is an error."""
        value: str = getattr(self._stored, field) or ""
        found = _SCHEME.match(value)
        if found and found[1].lower() != "file":
            reason = _("references to {scheme}: are not supported here")
            raise self._error(field, reason.format(scheme=found[1]))
        if found:
            value = value.removeprefix("file://")

        def replace(match: re.Match[str]) -> str:
            name = match["braced"] or match["plain"] or ""
            if name not in self._environ:
                reason = _("the variable {name} is not set").format(name=name)
                raise self._error(field, reason)
            return self._environ[name]

        path = _VARIABLE.sub(replace, value)
        return f"{Path.home()}{path[1:]}" if path.startswith("~") else path

    def _error(self, field: str, reason: str, advice: str = "") -> NatsContextError:
        return NatsContextError(self._name, f"{field}: {reason}", advice)


def _is_name(name: str) -> bool:
    return name.isprintable() and ".." not in name and not set(name) & set("/\\\0")


def _has_content(path: Path) -> bool:
    try:
        return path.is_file() and path.stat().st_size > 0
    except OSError:
        return False


def _reason(error: Exception) -> str:
    """Return why a file is no context. The texts of msgspec contain no values."""
    unknown = re.search(r"unknown field `(.*)`", str(error))
    if unknown:
        return _("the field {name} is not known").format(name=unknown[1])
    if isinstance(error, msgspec.ValidationError):
        return str(error).rstrip(".")
    if isinstance(error, msgspec.DecodeError):
        return _("it is not JSON ({reason})").format(reason=str(error).rstrip("."))
    return _("it is not JSON")
