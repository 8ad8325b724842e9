"""Connection options: servers, credentials, TLS and JetStream, the same for both programs.

Each field carries its environment variable, its command-line option and its description, so that
`pulse-desktop`, `pulse-worker` and the documentation cannot differ. This module reads no file and
imports little: command lines are parsed with it. `client_arguments` turns options into arguments
of nats-py.
"""

import argparse
import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote

from pulse_desktop.text.translation import N_, _, translate

DEFAULT_INBOX_PREFIX: Final = "_INBOX"
DEFAULT_API_PREFIX: Final = "$JS.API"
_TRUE: Final = frozenset({"1", "true", "t", "yes", "y", "on"})
_FALSE: Final = frozenset({"0", "false", "f", "no", "n", "off"})

_USER: Final = ("user", "password", "password_file")
_TOKEN: Final = ("token", "token_file")
_CREDENTIALS: Final = ("credentials", "credentials_content")
_NKEY: Final = ("nkey_seed", "nkey_file")
_LOGINS: Final = (_USER, _TOKEN, _CREDENTIALS, _NKEY)
_ALTERNATIVES: Final = (
    ("password", "password_file"),
    _TOKEN,
    _CREDENTIALS,
    _NKEY,
    ("js_domain", "js_api_prefix"),
)
"""Fields that exclude each other: one of them replaces the others of a source of lower priority."""
SECRETS: Final = frozenset({"password", "token", "credentials_content", "nkey_seed"})
"""Fields that are never in a file of settings."""
MULTILINE_SECRETS: Final = frozenset({"credentials_content"})
SECRETS_OF_A_USER: Final = frozenset({"password"})
"""Secrets beside which a user name is given."""


def _option(
    variable: str, description: str, *flags: str, metavar: str = "FILE", default: Any = ""
) -> Any:
    """Declare a field.

    Args:
        variable: its environment variable.
        description: one line for `--help` and the documentation.
        flags: its command-line options, the main one first; none for a secret, because other users
            can read command lines.
        metavar: placeholder of its value.
        default: its value when it is not set.
    """
    return field(
        default=default,
        repr=bool(flags) and variable != "PULSE_SERVER",
        metadata={
            "variable": variable,
            "description": description,
            "flags": flags,
            "metavar": metavar,
        },
    )


@dataclass(frozen=True)
class ConnectionOptions:
    """Servers, login and TLS settings of a connection.

    At most one login is given: a user with a password, a token, an nkey or a .creds file. A plain
    value; `without_secrets` can be stored.

    Attributes:
        servers: URLs separated by commas; may hold a login, which the fields below override.
        user: user name.
        password: secret.
        password_file: path to a regular file that contains the password.
        token: secret.
        token_file: path to a regular file that contains the token.
        credentials: path to a .creds file.
        credentials_content: secret; the content of such a file.
        nkey_seed: secret; the seed of an nkey.
        nkey_file: path to a regular file that contains such a seed.
        tls_ca: path to the CA certificate to verify the server with, empty for the system's.
        tls_cert: path to the client certificate.
        tls_key: path to its private key, empty when it is in the same file.
        tls_first: whether the TLS handshake comes before the server's INFO.
        inbox_prefix: what reply subjects begin with, empty for `_INBOX`.
        js_domain: JetStream domain, empty for that of the server.
        js_api_prefix: subject prefix of an imported JetStream API, empty for `$JS.API`.
        name: shown in the server's list of connections.
    """

    servers: str = _option(
        "PULSE_SERVER",
        N_("NATS server URL, or several separated by commas"),
        "--server",
        metavar="URL",
    )
    user: str = _option("PULSE_USER", N_("user name"), "--user", metavar="NAME")
    password: str = _option("PULSE_PASSWORD", N_("password of the user"))
    password_file: str = _option(
        "PULSE_PASSWORD_FILE",
        N_("path to a regular file that contains the password"),
        "--password-file",
    )
    token: str = _option("PULSE_TOKEN", N_("token, instead of user and password"))
    token_file: str = _option(
        "PULSE_TOKEN_FILE", N_("path to a regular file that contains the token"), "--token-file"
    )
    credentials: str = _option(
        "PULSE_CREDENTIALS", N_("path to a .creds file"), "--credentials", "--creds"
    )
    credentials_content: str = _option(
        "PULSE_CREDENTIALS_CONTENT", N_("content of a .creds file, instead of its path")
    )
    nkey_seed: str = _option("PULSE_NKEY_SEED", N_("seed of the user's nkey"))
    nkey_file: str = _option(
        "PULSE_NKEY_FILE",
        N_("path to a regular file that contains the user's nkey seed"),
        "--nkey-file",
        "--nkey",
    )
    tls_ca: str = _option(
        "PULSE_TLS_CA", N_("path to the CA certificate used to verify the server"), "--tls-ca"
    )
    tls_cert: str = _option("PULSE_TLS_CERT", N_("path to the client certificate"), "--tls-cert")
    tls_key: str = _option(
        "PULSE_TLS_KEY", N_("path to the client certificate's private key"), "--tls-key"
    )
    tls_first: bool = _option(
        "PULSE_TLS_FIRST",
        N_("TLS handshake first, for servers with handshake_first"),
        "--tls-first",
        default=False,
    )
    inbox_prefix: str = _option(
        "PULSE_INBOX_PREFIX",
        N_("subject prefix of replies, for users with narrow permissions"),
        "--inbox-prefix",
        metavar="SUBJECT",
    )
    js_domain: str = _option(
        "PULSE_JS_DOMAIN",
        N_("JetStream domain, such as that of the hub behind a leaf node"),
        "--js-domain",
        metavar="NAME",
    )
    js_api_prefix: str = _option(
        "PULSE_JS_API_PREFIX",
        N_("subject prefix of a JetStream API imported from another account"),
        "--js-api-prefix",
        metavar="SUBJECT",
    )
    name: str = ""

    @property
    def has_login(self) -> bool:
        """Whether these fields say who connects."""
        return any(getattr(self, name) for login in _LOGINS for name in login)

    @property
    def has_tls(self) -> bool:
        """Whether these fields say how to verify the server."""
        return bool(self.tls_ca or self.tls_cert or self.tls_first)

    @property
    def reads_files(self) -> bool:
        """Whether `client_arguments` reads files, which takes time."""
        files = (self.password_file, self.token_file, self.credentials, self.nkey_file)
        return self.has_tls or any(files) or bool(self.tls_key)

    @property
    def effective_api_prefix(self) -> str:
        """What the subjects of JetStream requests begin with, without the dot at the end."""
        if self.js_domain:
            return f"$JS.{self.js_domain}.API"
        return self.js_api_prefix or DEFAULT_API_PREFIX

    def without_secrets(self) -> "ConnectionOptions":
        """Return a copy to store: without password, token and seed, also in the URLs."""
        user = self.user
        urls = []
        for url in filter(None, (part.strip() for part in self.servers.split(","))):
            scheme, mark, rest = url.partition("://")
            if not mark:
                scheme, rest = "", url
            authority, slash, path = rest.partition("/")
            login, _at, host = authority.rpartition("@")
            if ":" in login and not self.has_login:
                user = user or _decoded_user(login)
            urls.append(f"{scheme}{mark}{host}{slash}{path}")
        secrets: dict[str, Any] = dict.fromkeys(SECRETS, "")
        return dataclasses.replace(self, servers=",".join(urls), user=user, **secrets)


_FIELDS: Final = tuple(each for each in dataclasses.fields(ConnectionOptions) if each.metadata)

DEFINITIONS: Final[Mapping[str, tuple[str, str]]] = {
    each.name: (each.metadata["variable"], each.metadata["description"]) for each in _FIELDS
}
"""Environment variable and description of each option, by field."""


def label(name: str) -> str:
    """Return how an error message names an option: as on the command line, and its variable."""
    each = next(each for each in _FIELDS if each.name == name)
    variable: str = each.metadata["variable"]
    flags = each.metadata["flags"]
    return f"{flags[0]} ({variable})" if flags else variable


def add_connection_options(parser: argparse.ArgumentParser, *, default: Any = None) -> None:
    """Add the options of a connection to a command line, except `--server`."""
    group = parser.add_argument_group(_("connection"))
    for each in _FIELDS:
        flags = each.metadata["flags"]
        if not flags or each.name == "servers":
            continue
        text = f"{translate(each.metadata['description'])} ({each.metadata['variable']})"
        if isinstance(each.default, bool):
            group.add_argument(
                *flags, dest=each.name, action="store_true", default=default, help=text
            )
        else:
            group.add_argument(
                *flags,
                dest=each.name,
                type=str.strip,
                metavar=each.metadata["metavar"],
                default=default,
                help=text,
            )


def read_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the options that environment variables set. An empty variable counts as not set.

    Raises:
        ValueError: PULSE_TLS_FIRST is neither true nor false.
    """
    found: dict[str, Any] = {}
    for each in _FIELDS:
        variable = each.metadata["variable"]
        text = environ.get(variable, "").strip()
        if not text:
            continue
        if isinstance(each.default, bool):
            if text.lower() not in _TRUE | _FALSE:
                message = _("{variable}={text!r}: expected true or false")
                raise ValueError(message.format(variable=variable, text=text))
            found[each.name] = text.lower() in _TRUE
        else:
            found[each.name] = environ[variable] if each.name in SECRETS else text
    return found


def override(weaker: Mapping[str, Any], stronger: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of two sources; a login of the stronger one replaces the other's whole.

    Args:
        weaker: options by field, such as those of the environment.
        stronger: options by field, such as those of the command line; those None are not set.
    """
    given = {name: value for name, value in stronger.items() if value is not None}
    replaced: set[str] = set()
    server = str(given.get("servers") or given.get("server") or "")
    logins = [login for login in _LOGINS if not given.keys().isdisjoint(login)]
    if logins or "@" in server:
        replaced.update(name for login in _LOGINS if login not in logins for name in login)
    for names in _ALTERNATIVES:
        if not given.keys().isdisjoint(names):
            replaced.update(names)
    if "tls_cert" in given:
        replaced.add("tls_key")
    kept = {name: value for name, value in weaker.items() if name not in replaced}
    return {**kept, **given}


def resolve(given: Mapping[str, Any], environ: Mapping[str, str]) -> ConnectionOptions:
    """Return the options to connect with: an option overrides a variable, a variable the default.

    Args:
        given: values of the command line by field; those None are not set.
        environ: the environment variables.

    Raises:
        ValueError: a variable has an impossible value.
    """
    return ConnectionOptions(**override(read_environment(environ), given))


def overridden(
    options: ConnectionOptions, secret: str, given: Mapping[str, Any]
) -> tuple[ConnectionOptions, str]:
    """Return options that others override, and the secret that is still to be added to them.

    Args:
        options: of lower priority.
        secret: the field of `options` whose value is kept elsewhere, empty for none.
        given: options by field that override them.
    """
    own = {each.name: value for each in _FIELDS if (value := getattr(options, each.name))}
    kept = override({**own, **({secret: own.get(secret, "")} if secret else {})}, given)
    return ConnectionOptions(**kept, name=options.name), secret if secret in kept else ""


def option_values(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of `add_connection_options` and `--server` among parsed arguments."""
    values = {each.name: arguments.get(each.name) for each in _FIELDS}
    values["servers"] = arguments.get("server") or None
    return {name: value for name, value in values.items() if value not in (None, "")}


def cleared_environment(names: Iterable[str] = ()) -> dict[str, str]:
    """Return variables that empty all options of a connection, and those in `names`."""
    variables = (each.metadata["variable"] for each in _FIELDS if each.name != "servers")
    return dict.fromkeys((*variables, *names), "")


def _decoded_user(login: str) -> str:
    return unquote(login.partition(":")[0])
