"""Redaction: addresses and texts with passwords, tokens and keys masked."""

import re
from typing import Final

# After a scheme a login extends to the last @: tokens in base64 contain slashes. Matches begin at a
# word and backtrack a limited distance, or a long text would take quadratic time.
_LOGIN_OF_URL: Final = (
    r"(?<![A-Za-z0-9+.-])(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*+://)(?P<login>[^\s,\"'<>]{1,4096})@"
)
_CREDENTIALS: Final = re.compile(_LOGIN_OF_URL + r"|(?<![^/@\s,])(?P<bare>[^/@\s,]++)@")
_CREDENTIALS_IN_TEXT: Final = re.compile(
    _LOGIN_OF_URL
    + r"|(?<![^\s,;=\"'<>()\[\]])(?P<bare>[^/@\s,;:=\"'<>()\[\]]++:[^/@\s,\"'<>]{1,4096})@"
)
_WEBSOCKET_PATH: Final = re.compile(
    r"(?<![A-Za-z0-9+.-])(wss?://[^\s/,\"'<>]{1,4096})/[^\s,\"'<>]+", re.IGNORECASE
)
"""A proxy in front of the server may expect a secret in the path or query."""


def redact_url(address: str) -> str:
    """Mask the credentials in an address, or in any text with addresses.

    `nats://user:secret@host:4222` becomes `nats://user:***@host:4222`; a token becomes `***`.
    """
    return _WEBSOCKET_PATH.sub(r"\1/***", _CREDENTIALS.sub(_mask, address))


def redact(text: str) -> str:
    """Mask the credentials of the addresses in a text for people.

    Unlike `redact_url` it keeps names with an @, such as `worker-1@host` or mail addresses: without
    a scheme only `user:secret@` counts as a login.
    """
    return _WEBSOCKET_PATH.sub(r"\1/***", _CREDENTIALS_IN_TEXT.sub(_mask, text))


def _mask(match: re.Match[str]) -> str:
    user, colon, _secret = (match["login"] or match["bare"]).partition(":")
    login = f"{user}:***" if colon else "***"
    return f"{match['scheme'] or ''}{login}@"
