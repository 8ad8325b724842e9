"""Arguments of `NatsClient.connect`, from connection options and the files that they name.

Secrets in files are read again for each connection, so that a changed one needs no restart.
"""

import itertools
import os
import re
import ssl
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import nkeys
from nats.aio.client import RawCredentials

from pulse_desktop.model.connection_options import (
    DEFAULT_API_PREFIX,
    DEFAULT_INBOX_PREFIX,
    ConnectionOptions,
    label,
)
from pulse_desktop.model.errors import CannotConnectError
from pulse_desktop.model.file_content import is_file_content
from pulse_desktop.regular_file import read_start
from pulse_desktop.text.translation import _

_SECRET_SOURCES: Final = (
    "password",
    "password_file",
    "token",
    "token_file",
    "credentials",
    "credentials_content",
    "nkey_seed",
    "nkey_file",
)
SECRET_FILES: Final = (
    "password_file",
    "token_file",
    "credentials",
    "nkey_file",
    "tls_key",
    "tls_cert",
)
MAX_FILE_SIZE: Final = 4 * 1024 * 1024
"""Bytes; the certificates of every public authority are a quarter of a megabyte."""
_TOKEN: Final = re.compile(r"[!-)+-\-/-=?-~]+")
"""Printable ASCII without dots, spaces and wildcards."""
_SUBJECT: Final = re.compile(rf"{_TOKEN.pattern}(\.{_TOKEN.pattern})*")
_JWT: Final = b"BEGIN NATS USER JWT"
_SEED: Final = b"BEGIN USER NKEY SEED"


class _EncryptedKeyError(Exception):
    """A private key is encrypted."""


def _no_passphrase() -> str:
    """Raise instead of letting OpenSSL ask in the terminal, which would hold up the program."""
    raise _EncryptedKeyError


class ConnectionOptionsError(CannotConnectError):
    """Options that cannot be used: a file is missing or holds something else, or two conflict.

    Attributes:
        fields: the fields of `ConnectionOptions` that are wrong.
        value: what the field holds, empty when it is missing or may be a secret.
        expected: what it should be.
    """

    def __init__(self, fields: tuple[str, ...], value: str, expected: str) -> None:
        if is_file_content(value):  # it may be a secret
            value, expected = "", _("the path of a file, not its content")
        self.fields = fields
        self.value = value
        self.expected = expected
        names = ", ".join(label(name) for name in fields)
        given = f"{names} = {value!r}" if value else names
        super().__init__(
            _("Cannot connect"),
            _("{option}: expected {expected}.").format(option=given, expected=expected),
            _("Correct the connection settings."),
        )


def client_arguments(options: ConnectionOptions) -> dict[str, Any]:
    """Return the keyword arguments of `NatsClient.connect`, without the servers.

    Raises:
        ConnectionOptionsError: a file is missing or unreadable or holds something else, or there
            are two logins.
    """
    _check_login(options)
    _check_subjects(options)
    arguments: dict[str, Any] = {}
    if options.name:
        arguments["name"] = options.name
    if options.inbox_prefix not in ("", DEFAULT_INBOX_PREFIX):
        arguments["inbox_prefix"] = options.inbox_prefix
    arguments.update(_login_arguments(options))
    if context := _tls_context(options):
        arguments["tls"] = context
    if options.tls_cert:
        arguments["client_certificate"] = True
    if options.tls_first:
        arguments["tls_handshake_first"] = True
    if options.effective_api_prefix != DEFAULT_API_PREFIX:
        arguments["api_prefix"] = options.effective_api_prefix
    return arguments


def _login_arguments(options: ConnectionOptions) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    if options.user:
        arguments["user"] = options.user
        arguments["password"] = options.password
    if options.password_file:
        arguments["password"] = _file_reader("password_file", options.password_file)
    if options.token:
        arguments["token"] = options.token
    if options.token_file:
        arguments["token"] = _file_reader("token_file", options.token_file)
    if options.credentials:
        arguments["user_credentials"] = _credentials_path(options.credentials)
    if options.credentials_content:
        arguments["user_credentials"] = RawCredentials(_checked_content(options))
    if options.nkey_seed:
        arguments["nkeys_seed_str"] = _checked_seed(options.nkey_seed)
    if options.nkey_file:
        arguments["nkeys_seed"] = _seed_path(options.nkey_file)
    return arguments


def readable_by_others(options: ConnectionOptions) -> list[str]:
    """Return a sentence for each secret in a file that every user of this machine can read."""
    if os.name != "posix":
        return []
    found = []
    for name in SECRET_FILES:
        path = getattr(options, name)
        if name == "tls_cert" and options.tls_key:
            continue
        try:
            mode = Path(path).expanduser().stat().st_mode if path else 0
            if not (stat.S_ISREG(mode) and mode & stat.S_IROTH):
                continue
            if name == "tls_cert" and b"PRIVATE KEY" not in read_option_file(name, path):
                continue
        except (OSError, ValueError, RuntimeError, ConnectionOptionsError):
            continue  # reported when connecting
        text = _("{option}: every user of this machine can read {file}; run chmod 600 on it.")
        found.append(text.format(option=label(name), file=path))
    return found


def read_option_file(name: str, path: str) -> bytes:
    """Return what is in a file that an option names.

    It never waits: a FIFO, a device and a folder are errors.

    Args:
        name: field of `ConnectionOptions`.
        path: of the file; a symbolic link is followed, and `~` is the home folder.

    Raises:
        ConnectionOptionsError: there is no regular file, it cannot be read, or it is too large.
    """
    try:
        content = read_start(Path(path).expanduser(), MAX_FILE_SIZE + 1, follow_links=True)
    except (OSError, ValueError, RuntimeError) as error:  # a NUL, or the home of an unknown user
        reason = error.strerror if isinstance(error, OSError) else str(error)
        expected = _("a readable file ({reason})").format(reason=reason)
        raise ConnectionOptionsError((name,), path, expected) from None
    if len(content) > MAX_FILE_SIZE:
        expected = _("a file of at most {size} MB").format(size=MAX_FILE_SIZE // 1024**2)
        raise ConnectionOptionsError((name,), path, expected)
    return content


def _check_subjects(options: ConnectionOptions) -> None:
    for name in ("inbox_prefix", "js_api_prefix"):
        value = getattr(options, name)
        if value and not _SUBJECT.fullmatch(value):
            raise ConnectionOptionsError((name,), value, _("a subject without wildcards"))
    if options.js_domain and not _TOKEN.fullmatch(options.js_domain):
        expected = _("a name without dots, spaces and wildcards")
        raise ConnectionOptionsError(("js_domain",), options.js_domain, expected)
    if options.js_domain and options.js_api_prefix:
        raise ConnectionOptionsError(("js_domain", "js_api_prefix"), "", _("only one of them"))


def _check_login(options: ConnectionOptions) -> None:
    given = tuple(name for name in _SECRET_SOURCES if getattr(options, name))
    if len(given) > 1:
        raise ConnectionOptionsError(given, "", _("only one of them"))
    if given and given[0].startswith("password") and not options.user:
        raise ConnectionOptionsError(("user",), "", _("a name beside the password"))


def _checked_path(name: str, path: str) -> str:
    """Return the path of a file that can be read; OpenSSL and nats-py would wait for others."""
    read_option_file(name, path)
    return str(Path(path).expanduser())


def _seed_path(path: str) -> str:
    """Return the path of a seed's file; with anything else nats-py raises errors of its own."""
    if not _is_seed(read_option_file("nkey_file", path).strip()):
        expected = _("a file with the seed of an nkey, SU and 56 more letters and digits")
        raise ConnectionOptionsError(("nkey_file",), path, expected)
    return str(Path(path).expanduser())


def _checked_seed(seed: str) -> str:
    if not _is_seed(seed.strip().encode()):
        expected = _("the seed of an nkey, SU and 56 more letters and digits")
        raise ConnectionOptionsError(("nkey_seed",), "", expected)
    return seed.strip()


def _credentials_path(path: str) -> str:
    """Return the path of a file with both parts; without the JWT nats-py never stops reading."""
    if not _is_credentials(read_option_file("credentials", path)):
        expected = _("a .creds file as nsc makes it, with a JWT and a seed")
        raise ConnectionOptionsError(("credentials",), path, expected)
    return str(Path(path).expanduser())


def _checked_content(options: ConnectionOptions) -> str:
    """Return the content of a .creds file with a line end behind each line, as nsc writes it."""
    lines = options.credentials_content.strip().splitlines()
    content = "".join(f"{line.strip()}\n" for line in lines)
    if not _is_credentials(content.encode()):
        expected = _("the content of a .creds file, with a JWT and a seed")
        raise ConnectionOptionsError(("credentials_content",), "", expected)
    return content


def _is_credentials(content: bytes) -> bool:
    lines = content.splitlines(keepends=True)
    after = dict(itertools.pairwise(lines))
    jwt, seed = (
        next((text for line, text in after.items() if mark in line), b"") for mark in (_JWT, _SEED)
    )
    return bool(jwt.strip()) and _is_seed(seed[:-1])  # nats-py takes the last byte for a line end


def _is_seed(text: bytes) -> bool:
    try:
        nkeys.from_seed(text)
    except (nkeys.NkeysError, ValueError, TypeError):
        return False
    return True


def _file_reader(name: str, path: str) -> Callable[[], str]:
    """Return a function that reads a secret from a file, without the line end editors add."""

    def read() -> str:
        try:
            return read_option_file(name, path).decode().rstrip("\r\n")
        except UnicodeDecodeError:
            raise ConnectionOptionsError((name,), path, _("a file with a text")) from None

    read()
    return read


def _tls_context(options: ConnectionOptions) -> ssl.SSLContext | None:
    """Return how to verify certificates, None to leave TLS to the scheme of the address."""
    if options.tls_key and not options.tls_cert:
        raise ConnectionOptionsError(("tls_cert",), "", _("the certificate of the private key"))
    if not options.has_tls:
        return None
    ca = _checked_path("tls_ca", options.tls_ca) if options.tls_ca else None
    try:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=ca)
    except ssl.SSLError:
        expected = _("a CA certificate in PEM form")
        raise ConnectionOptionsError(("tls_ca",), options.tls_ca, expected) from None
    if options.tls_cert:
        certificate = _checked_path("tls_cert", options.tls_cert)
        key = _checked_path("tls_key", options.tls_key) if options.tls_key else None
        try:
            context.load_cert_chain(certificate, key, password=_no_passphrase)
        except _EncryptedKeyError:
            name = "tls_key" if key else "tls_cert"
            expected = _("a private key without a passphrase; `openssl pkey` removes one")
            raise ConnectionOptionsError((name,), getattr(options, name), expected) from None
        except ssl.SSLError:
            expected = _("a certificate in PEM form, with its private key")
            raise ConnectionOptionsError(("tls_cert",), options.tls_cert, expected) from None
    return context
