"""Content of a file where its path is expected, such as a pasted seed: it is never repeated."""

import re
from dataclasses import replace
from typing import Final

from pulse_desktop.model.connection_options import ConnectionOptions

FILE_OPTIONS: Final = (
    "password_file",
    "token_file",
    "credentials",
    "nkey_file",
    "tls_ca",
    "tls_cert",
    "tls_key",
)
"""Fields of `ConnectionOptions` that are paths."""

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SEED: Final = re.compile(r"(?<![A-Za-z0-9])S[A-Z][A-Z2-7]{56}(?![A-Za-z0-9])")
_JWT: Final = re.compile(r"eyJ[\w-]*\.[\w-]+\.[\w-]+")
_CREDENTIALS: Final = (
    "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n"
    "-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
)


def is_file_content(text: str) -> bool:
    """Return whether a text is not a path: it has several lines, or holds a seed, JWT or key."""
    return "-----BEGIN" in text or any(pattern.search(text) for pattern in (_CONTROL, _SEED, _JWT))


def credentials_text(jwt: str, seed: str) -> str:
    """Return the content of a .creds file with a JWT and the seed of its user."""
    return _CREDENTIALS.format(jwt=jwt, seed=seed)


def with_content_as_secret(options: ConnectionOptions) -> ConnectionOptions:
    """Return options in which a seed or credentials instead of a path are the secret themselves.

    Line breaks that were lost on the way, such as by pasting into one line, are restored.
    """
    given = options.nkey_file or options.credentials
    seed, jwt = _SEED.search(given), _JWT.search(given)
    if seed is None:
        return options
    if jwt is None:
        return replace(options, nkey_file="", credentials="", nkey_seed=seed[0])
    content = credentials_text(jwt[0], seed[0])
    return replace(options, nkey_file="", credentials="", credentials_content=content)
