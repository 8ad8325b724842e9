"""Server addresses as people write them, taken apart once.

nats-py neither unquotes credentials in a URL nor keeps them out of what it later shows, so they
are taken out here and handed over separately.
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from pulse_desktop.model.errors import CannotConnectError
from pulse_desktop.model.redaction import redact_url

DEFAULT_PORT: Final = 4222
SCHEMES: Final = frozenset({"nats", "tls", "ws", "wss"})


@dataclass(frozen=True)
class ServerAddress:
    """One server, or the several of a cluster.

    Attributes:
        urls: `scheme://host:port`, without credentials.
        user: user name, empty when none was given.
        password: secret.
        token: secret; given when the URL has a name and no password.
    """

    urls: tuple[str, ...]
    user: str = ""
    password: str = ""
    token: str = ""

    def __repr__(self) -> str:
        return f"ServerAddress({self.shown!r})"

    @property
    def shown(self) -> str:
        """The address as it may be shown and logged."""
        login = f"{self.user}:***@" if self.user else "***@" if self.token else ""
        return ",".join(url.replace("://", f"://{login}", 1) for url in self.urls)

    @property
    def hosts(self) -> str:
        """`host:port`, comma separated, as a sentence needs it."""
        return ", ".join(url.partition("://")[2] for url in self.urls)

    def mask(self, text: str) -> str:
        """Return a text without the secrets it may hold."""
        text = redact_url(text)
        for secret in (self.password, self.token):
            if secret:
                text = text.replace(secret, "***")
        return text


def parse_server(server: str) -> ServerAddress:
    """Take `nats://user:password@host:4222`, `token@host`, `host`, or several of them apart.

    Credentials are percent-decoded; those of the first address that has any count for all.

    Raises:
        CannotConnectError: this is no address.
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
        raise _no_address("it is empty")
    if len({url.startswith("ws") for url in urls}) > 1:
        raise _no_address("it mixes WebSocket and plain addresses")
    return ServerAddress(tuple(urls), *login)


def _parse_one(address: str) -> tuple[str, tuple[str, str, str]]:
    scheme, mark, rest = address.partition("://")
    if not mark:
        scheme, rest = "nats", address
    scheme = scheme.lower()
    if scheme not in SCHEMES:
        raise _no_address(f"{redact_url(f'{scheme}://')} is not spoken by NATS")
    authority, slash, path = rest.partition("/")
    login, _, place = authority.rpartition("@")
    try:
        parts = urlsplit(f"{scheme}://{place}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise _no_address("its port is not a number from 1 to 65535") from None
    if not host or any(c.isspace() for c in place):
        raise _no_address("it names no host")
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


def _no_address(reason: str) -> CannotConnectError:
    return CannotConnectError(
        "Not a server address", f"{reason}.", "Write it like nats://host:4222."
    )
