"""Who a worker is for the server: password, token, nkey or credentials, and certificates.

Passwords in files are read again at each connection, so that a changed one needs no restart.
"""

import itertools
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import nkeys  # type: ignore[import-untyped]
from pydantic import SecretStr

from pulse_workers.config.settings import VARIABLES, Settings
from pulse_workers.errors import SettingsError

_WAYS: Final = (
    "password",
    "password_file",
    "token",
    "token_file",
    "credentials",
    "nkey_file",
)
_NOT_GIVEN: Final = ("", SecretStr(""))
_JWT: Final = b"BEGIN NATS USER JWT"
_SEED: Final = b"BEGIN USER NKEY SEED"


def login_options(settings: Settings) -> dict[str, Any]:
    """Return the arguments of `nats.connect` that say who connects, and how it is secured.

    Raises:
        SettingsError: a file is missing or unreadable or holds something else, or two ways to log
            in are given at once.
    """
    _only_one_way(settings)
    options: dict[str, Any] = {}
    if settings.inbox_prefix != "_INBOX":
        options["inbox_prefix"] = settings.inbox_prefix
    if settings.user:
        options["user"] = settings.user
        options["password"] = settings.password.get_secret_value()
    if settings.password_file:
        options["password"] = _reader("password_file", settings.password_file)
    if token := settings.token.get_secret_value():
        options["token"] = token
    if settings.token_file:
        options["token"] = _reader("token_file", settings.token_file)
    if settings.credentials:
        options["user_credentials"] = _credentials("credentials", settings.credentials)
    if settings.nkey_file:
        options["nkeys_seed"] = _nkey("nkey_file", settings.nkey_file)
    if context := _tls(settings):
        options["tls"] = context
    return options


def _only_one_way(settings: Settings) -> None:
    given = [name for name in _WAYS if getattr(settings, name) not in _NOT_GIVEN]
    if len(given) > 1:
        names = " and ".join(VARIABLES[name][0] for name in given)
        raise SettingsError(names, "", "only one of them")
    if given and given[0].startswith("password") and not settings.user:
        raise SettingsError(VARIABLES["user"][0], "", "a name beside the password")


def _readable(name: str, path: str) -> str:
    file = Path(path).expanduser()
    try:
        with file.open("rb"):
            return str(file)
    except OSError as error:
        wanted = f"a readable file ({error.strerror})"
        raise SettingsError(VARIABLES[name][0], path, wanted) from None


def _nkey(name: str, path: str) -> str:
    """Return the path of a file with a seed. The client library ends with its own errors else."""
    file = _readable(name, path)
    if not _is_seed(Path(file).read_bytes().strip()):
        wanted = "a file with the seed of an nkey, SU and 56 more letters and digits"
        raise SettingsError(VARIABLES[name][0], path, wanted)
    return file


def _credentials(name: str, path: str) -> str:
    """Return the path of a file with both parts; without the first the client reads on for ever."""
    file = _readable(name, path)
    lines = Path(file).read_bytes().splitlines(keepends=True)
    after = dict(itertools.pairwise(lines))
    jwt, seed = (
        next((text for line, text in after.items() if mark in line), b"") for mark in (_JWT, _SEED)
    )
    if not jwt.strip() or not _is_seed(seed[:-1]):  # the client takes the last byte for a line end
        wanted = "a .creds file as nsc makes it, with a JWT and a seed"
        raise SettingsError(VARIABLES[name][0], path, wanted)
    return file


def _is_seed(text: bytes) -> bool:
    try:
        nkeys.from_seed(text)
    except (nkeys.NkeysError, ValueError, TypeError):
        return False
    return True


def _reader(name: str, path: str) -> Callable[[], str]:
    """Return what reads a secret from a file; the line end that editors add is no part of it."""
    file = Path(_readable(name, path))

    def read() -> str:
        return file.read_text(encoding="utf-8").rstrip("\r\n")

    return read


def _tls(settings: Settings) -> ssl.SSLContext | None:
    """Return what certificates are checked with, None to leave that to the address's scheme."""
    if settings.tls_key and not settings.tls_cert:
        raise SettingsError(VARIABLES["tls_cert"][0], "", "the certificate of PULSE_TLS_KEY")
    if not settings.tls_ca and not settings.tls_cert:
        return None
    ca = _readable("tls_ca", settings.tls_ca) if settings.tls_ca else None
    try:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=ca)
    except ssl.SSLError:
        raise SettingsError(VARIABLES["tls_ca"][0], settings.tls_ca, "a CA in PEM form") from None
    if settings.tls_cert:
        certificate = _readable("tls_cert", settings.tls_cert)
        key = _readable("tls_key", settings.tls_key) if settings.tls_key else None
        try:
            context.load_cert_chain(certificate, key)
        except ssl.SSLError:
            wanted = "a certificate in PEM form, with its key in PULSE_TLS_KEY"
            raise SettingsError(VARIABLES["tls_cert"][0], settings.tls_cert, wanted) from None
    return context
