"""The format of a context of the NATS CLI, and the profile that it is.

Fields that this program cannot follow, such as a proxy or a login by `nsc`, are errors: connecting
without them would reach another server, or another account.
"""

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import msgspec

from pulse_desktop.model.connection_options import SECRETS, ConnectionOptions
from pulse_desktop.model.errors import CannotConnectError, UserFacingError
from pulse_desktop.model.file_content import credentials_text, is_file_content
from pulse_desktop.nats_client.server_address import parse_server
from pulse_desktop.profiles.context_references import ContextReferences
from pulse_desktop.profiles.profile import CONTEXT_PREFIX, Color, Profile
from pulse_desktop.text.translation import _

DEFAULT_URL: Final = "nats://127.0.0.1:4222"

_SEED: Final = re.compile(r"^\s*(SU[A-Z2-7]{56})\s*$", re.MULTILINE)
_COLORS: Final = {
    "red": Color.RED,
    "yellow": Color.YELLOW,
    "green": Color.GREEN,
    "cyan": Color.TEAL,
    "blue": Color.BLUE,
    "magenta": Color.PURPLE,
}


Value = TypeVar("Value")


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


def read_context(name: str, content: bytes, environ: Mapping[str, str]) -> NatsContext:
    """Return the context that a file holds.

    Args:
        name: of the context.
        content: of its file.
        environ: the environment variables, which it may refer to.

    Raises:
        NatsContextError: it is no context, or cannot be followed.
    """
    try:
        stored = msgspec.json.decode(content, type=_StoredContext)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        advice = _("Correct it: nats context edit {name}.").format(name=shlex.quote(name))
        raise NatsContextError(name, _reason(error), advice) from None
    return _Reader(name, stored, environ).context()


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


class _Reader:
    """Turns one stored context into a profile."""

    def __init__(self, name: str, stored: _StoredContext, environ: Mapping[str, str]) -> None:
        self._name = name
        self._stored = stored
        self._references = ContextReferences(environ)

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
            f"{CONTEXT_PREFIX}{self._name}",
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
        if self._is_path("creds"):
            return {"credentials": self._path("creds")}
        return {"credentials_content": self._text("creds").rstrip("\r\n") + "\n"}

    def _nkey(self) -> dict[str, Any]:
        if self._is_path("nkey"):
            return {"nkey_file": self._path("nkey")}
        seed = _SEED.search(self._text("nkey"))
        if seed is None:
            raise self._error("nkey", _("it contains no seed of a user"))
        return {"nkey_seed": seed[1]}

    def _jwt_and_seed(self) -> dict[str, Any]:
        jwt, seed = self._text("user_jwt"), self._text("user_seed")
        return {"credentials_content": credentials_text(jwt, seed)}

    def _text(self, field: str) -> str:
        return self._follow(field, self._references.text)

    def _is_path(self, field: str) -> bool:
        """Return whether a field names a file; the NATS CLI takes its content as well."""
        is_reference = self._follow(field, self._references.content) is not None
        return not is_reference and not is_file_content(getattr(self._stored, field))

    def _path(self, field: str) -> str:
        return self._follow(field, self._references.path)

    def _follow(self, field: str, read: Callable[[str], Value]) -> Value:
        """Return what a field stands for. Raises NatsContextError: with the reason."""
        try:
            return read(getattr(self._stored, field) or "")
        except ValueError as error:
            raise self._error(field, str(error)) from None

    def _error(self, field: str, reason: str, advice: str = "") -> NatsContextError:
        return NatsContextError(self._name, f"{field}: {reason}", advice)


def _reason(error: Exception) -> str:
    """Return why a file is no context. The texts of msgspec contain no values."""
    unknown = re.search(r"unknown field `(.*)`", str(error))
    if unknown:
        return _("the field {name} is not known").format(name=unknown[1])
    if isinstance(error, msgspec.ValidationError):
        return str(error).rstrip(".")
    if isinstance(error, msgspec.DecodeError):
        return _("it is not JSON ({reason})").format(reason=str(error).rstrip("."))
    if isinstance(error, RecursionError):
        return _("it is nested too deeply")
    return _("it is not JSON")
