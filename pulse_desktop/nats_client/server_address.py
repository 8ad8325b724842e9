"""Server addresses as operators write them, parsed into URLs and a login.

nats-py neither decodes credentials in a URL nor keeps them out of what it shows, so they are
removed from the URLs here and passed separately.
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from pulse_desktop.model.errors import CannotConnectError
from pulse_desktop.model.redaction import redact_url
from pulse_desktop.text.translation import _

DEFAULT_PORT: Final = 4222
SCHEMES: Final = frozenset({"nats", "tls", "ws", "wss"})

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
        return ",".join(url.replace("://", f"://{login}", 1) for url in self.urls)

    @property
    def hosts(self) -> str:
        """`host:port`, comma separated, for use in a sentence."""
        return ", ".join(url.partition("://")[2] for url in self.urls)

    def redact(self, text: str) -> str:
        """Return a text without the secrets of this address."""
        text = redact_url(text)
        for secret in (self.password, self.token):
            if secret:
                text = text.replace(secret, "***")
        return text


def parse_server(server: str) -> ServerAddress:
    """Parse `nats://user:password@host:4222`, `token@host`, `host`, or several with commas.

    Credentials are percent-decoded; those of the first address that has any apply to all.

    Raises:
        CannotConnectError: it is no valid address.
    """
    urls: list[str] = []
    login = ("", "", "")
    for part in server.split(","):
        address = part.strip()
        if address:
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
    if scheme not in SCHEMES:
        text = _("NATS does not support {scheme}")
        raise _invalid(text.format(scheme=redact_url(f"{scheme}://")))
    authority, slash, path = rest.partition("/")
    login, _at, location = authority.rpartition("@")
    try:
        parts = urlsplit(f"{scheme}://{location}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise _invalid(_("its port is not a number from 1 to 65535")) from None
    if not host or any(c.isspace() for c in location):
        raise _invalid(_("it has no host name"))
    if ":" in host:
        host = f"[{host}]"
    default = {"ws": 80, "wss": 443}.get(scheme, DEFAULT_PORT)
    url = f"{scheme}://{host}:{port or default}"
    if scheme.startswith("ws") and path:
        url += slash + path
    user, colon, password = login.partition(":")
    if colon:
        return url, (unquote(user), unquote(password), "")
    return url, ("", "", unquote(user))


def _invalid(reason: str) -> CannotConnectError:
    return CannotConnectError(
        _("Not a server address"), f"{reason}.", _("Write it like nats://host:4222.")
    )
