"""API keys: read from the environment, a file or the keyring of the system, and never shown."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from pulse_desktop.system_keyring import KeyringError, KeyringMissingError, read_password
from pulse_desktop.text.translation import _
from pulse_workers.config.known_secrets import KNOWN_SECRETS, MIN_SECRET
from pulse_workers.config.secret import Secret
from pulse_workers.config.secret_file import read_secret_file
from pulse_workers.errors import SettingsError


class ApiKey(Secret):
    """The key of a provider."""

    __slots__ = ()

    def __init__(self, value: str) -> None:
        """Keep a key.

        Raises:
            ValueError: it is too short, or cannot be part of an HTTP header.
        """
        if (
            len(value) < MIN_SECRET
            or not value.isascii()
            or not value.isprintable()
            or " " in value
        ):
            raise ValueError("not an API key")
        super().__init__(value)

    @property
    def headers(self) -> dict[str, str]:
        """The HTTP headers that authenticate a request."""
        return {"authorization": f"Bearer {self._value}"}


class KeySource(Protocol):
    """Where a key is kept."""

    async def read(self) -> ApiKey:
        """Return the key.

        Raises:
            SettingsError: there is none, or it may not be read.
        """
        ...


class KeyInEnvironment:
    """A key in an environment variable."""

    def __init__(self, variable: str, environ: Mapping[str, str]) -> None:
        self._variable = variable
        self._environ = environ

    async def read(self) -> ApiKey:
        """Return the key; see `KeySource`."""
        return _make_key(self._variable, self._environ.get(self._variable, ""))


class KeyInFile:
    """A key in a file, which is read for each request: it may be replaced at any time."""

    def __init__(self, path: str) -> None:
        self._path = Path(path).expanduser()

    async def read(self) -> ApiKey:
        """Return the key; see `KeySource`. Files that every user can read are refused."""
        text = read_secret_file("key_file", self._path)
        return _make_key(f"key_file={str(self._path)!r}", text)


class KeyInKeyring:
    """A key in the keyring of the system, by the package `keyring`. It is read once."""

    def __init__(self, entry: str) -> None:
        """Name a key.

        Args:
            entry: `service/user`, as in `keyring set SERVICE USER`.
        """
        self._entry = entry
        self._key: ApiKey | None = None

    async def read(self) -> ApiKey:
        """Return the key; see `KeySource`."""
        if self._key is None:
            self._key = await self._read()
        return self._key

    async def _read(self) -> ApiKey:
        name = f"key_keyring={self._entry!r}"
        service, _slash, user = self._entry.partition("/")
        try:
            value = await read_password(service, user)
        except KeyringMissingError:
            expected = _("the extra keyring: pip install 'pulse-desktop[keyring]'")
            raise SettingsError(name, "", expected) from None
        except KeyringError as error:
            expected = _("a keyring that can be read ({reason})")
            text = expected.format(reason=error.detail.rstrip("."))
            raise SettingsError(name, "", text) from None
        return _make_key(name, value or "")


def _make_key(name: str, text: str) -> ApiKey:
    if not text.strip():
        raise SettingsError(name, "", _("an API key; there is none"))
    try:
        key = ApiKey(text.strip())
    except ValueError:
        expected = _("an API key: printable ASCII without spaces, 4 characters or more")
        raise SettingsError(name, "", expected) from None
    KNOWN_SECRETS.add([text.strip()])
    return key
