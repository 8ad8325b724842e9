"""Server addresses as operators write them, parsed into URLs and a login.

nats-py neither decodes credentials in a URL nor keeps them out of what it shows, so they are
removed from the URLs here and passed separately.
"""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from pulse_desktop.model.errors import CannotConnectError
from pulse_desktop.model.redaction import redact
from pulse_desktop.text.translation import N_, _, translate

DEFAULT_PORT: Final = 4222
_MIN_PART: Final = 6
"""A secret of this length is masked within words as well."""
SCHEMES: Final = frozenset({"nats", "tls", "ws", "wss"})

_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]{0,15}")
_ENCODE: Final = N_(
    "its login has a character that ends it; write / as %2F, a comma as %2C and a space as %20"
)

_Login = tuple[str, str, str]


@dataclass(frozen=True)
class ServerAddress:
    """One server, or the several of a cluster, and the login.

    Attributes:
        urls: `scheme://host:port`, without credentials.
        user: user name, empty without one.
        password: secret.
        token: secret; the part before the @ of a URL without a password.
    """

    urls: tuple[str, ...]
    user: str = ""
    password: str = ""
    token: str = ""

    def __repr__(self) -> str:
        return f"ServerAddress({self.redacted!r})"

    @property
    def redacted(self) -> str:
        """The address without secrets, for the window and the log."""
        login = f"{self.user}:***@" if self.user else "***@" if self.token else ""
        return ",".join(_without_path(url).replace("://", f"://{login}", 1) for url in self.urls)

    @property
    def with_login(self) -> str:
        """The address with its secrets, percent-encoded."""
        login = quote(self.token, safe="")
        if self.user:
            login = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}"
        return ",".join(
            url.replace("://", f"://{login}@", 1) if login else url for url in self.urls
        )

    @property
    def has_path(self) -> bool:
        """Whether it has a path or query, which a proxy may take for a secret."""
        return any(_without_path(url) != url for url in self.urls)

    @property
    def hosts(self) -> str:
        """`host:port`, comma separated, for use in a sentence."""
        return ", ".join(_without_path(url).partition("://")[2] for url in self.urls)

    def login_arguments(self) -> dict[str, str]:
        """Return the login as arguments of nats-py's `connect`."""
        if self.user:
            return {"user": self.user, "password": self.password}
        return {"token": self.token} if self.token else {}

    def redact(self, text: str) -> str:
        """Return a text without the secrets of this address."""
        text = redact(text)
        for secret in (self.password, self.token):
            if secret:
                text = _without(secret, text)
        for url in self.urls:  # the client of WebSocket names them with the scheme http
            path = url.removeprefix(_without_path(url))
            if len(path) > 1:
                text = text.replace(path, "/***")
        return text


def parse_server(server: str) -> ServerAddress:
    """Parse `nats://user:password@host:4222`, `token@host`, `host`, or several with commas.

    Credentials are percent-decoded; those of the first address that has any apply to all.

    A login with a character that ends it, such as `nats://user:123/abc@host`, is not an address of
    the host `user`: it is refused, and no part of it is repeated.

    Raises:
        CannotConnectError: it is no valid address.
    """
    urls: list[str] = []
    login = ("", "", "")
    addresses = [part.strip() for part in server.split(",") if part.strip()]
    for number, address in enumerate(addresses):
        if number and "@" in address and "://" not in address:
            # The part before the comma may be one of a password.
            raise _invalid(_ENCODE)
        url, found = _parse_one(address)
        urls.append(url)
        login = login if any(login) else found
    if not urls:
        raise _invalid(_("it is empty"))
    if len({url.startswith("ws") for url in urls}) > 1:
        raise _invalid(_("it mixes WebSocket and other addresses"))
    return ServerAddress(tuple(urls), *login)


def _parse_one(address: str) -> tuple[str, _Login]:
    scheme, mark, rest = address.partition("://")
    if not mark:
        scheme, rest = "nats", address
    scheme = scheme.lower()
    if not _SCHEME.fullmatch(scheme):
        raise _invalid(_ENCODE)
    if scheme not in SCHEMES:
        text = _("NATS does not support {scheme}")
        raise _invalid(text.format(scheme=f"{scheme}://"))
    authority, slash, path = rest.partition("/")
    login, _at, location = authority.rpartition("@")
    if "@" in path or any(c.isspace() for c in login):
        raise _invalid(_ENCODE)
    if path and not scheme.startswith("ws"):
        raise _invalid(_("it has a path behind the host name"))
    if "?" in location or "#" in location:
        raise _invalid(_("it has a ? or # behind the host name"))
    url = f"{scheme}://{_host_and_port(scheme, location)}"
    if scheme.startswith("ws") and path:
        url += slash + path
    user, colon, password = login.partition(":")
    if colon:
        return url, (unquote(user), unquote(password), "")
    return url, ("", "", unquote(user))


def _host_and_port(scheme: str, location: str) -> str:
    wrong_port = _("its port is not a number from 1 to 65535")
    try:
        parts = urlsplit(f"{scheme}://{location}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise _invalid(wrong_port) from None
    if port == 0:
        raise _invalid(wrong_port)
    if not host or any(c.isspace() for c in location):
        raise _invalid(_("it has no host name"))
    if ":" in host:
        host = f"[{host}]"
    return f"{host}:{port or {'ws': 80, 'wss': 443}.get(scheme, DEFAULT_PORT)}"


def _without(secret: str, text: str) -> str:
    """Return a text without a secret; a short one is masked as a word only.

    Parts of other words are not the secret, and masked they would tell it.
    """
    if len(secret) >= _MIN_PART:
        return text.replace(secret, "***")
    return re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "***", text)


def redact_server(server: str) -> str:
    """Return an address, or several with commas, as written, but without secrets.

    Of what is no valid address nothing is returned: any part of it may be one of a password.
    """
    try:
        parse_server(server)
    except CannotConnectError:
        return "***"
    return ",".join(_redact_one(part.strip()) for part in server.split(",") if part.strip())


def _redact_one(address: str) -> str:
    scheme, mark, rest = address.partition("://")
    if not mark:
        scheme, rest = "", address
    login, at, host = rest.partition("/")[0].rpartition("@")
    user, colon, _password = login.partition(":")
    masked = f"{user}:***" if colon else "***" if login else ""
    return f"{scheme}{mark}{masked}{at}{host}"


def _without_path(url: str) -> str:
    """Return a URL without path and query, which may be secret."""
    scheme, mark, rest = url.partition("://")
    return f"{scheme}{mark}{rest.partition('/')[0]}"


def _invalid(reason: str) -> CannotConnectError:
    return CannotConnectError(
        _("Not a server address"), f"{translate(reason)}.", _("Write it like nats://host:4222.")
    )
