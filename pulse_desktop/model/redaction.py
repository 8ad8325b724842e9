"""Server addresses as they may be shown: never with a password, token or key in them."""

import re
from typing import Final

# After a scheme a login reaches to the last @: tokens in base64 have slashes in them. Matches begin
# at the beginning of a word and go back only so far, or a long text would take for ever.
_LOGIN_OF_URL: Final = (
    r"(?<![A-Za-z0-9+.-])(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*+://)(?P<login>[^\s,\"'<>]{1,4096})@"
)
_CREDENTIALS: Final = re.compile(_LOGIN_OF_URL + r"|(?<![^/@\s,])(?P<bare>[^/@\s,]++)@")
_CREDENTIALS_IN_TEXT: Final = re.compile(
    _LOGIN_OF_URL
    + r"|(?<![^\s,;=\"'<>()\[\]])(?P<bare>[^/@\s,;:=\"'<>()\[\]]++:[^/@\s,\"'<>]{1,4096})@"
)


def redact_url(address: str) -> str:
    """Return the address, or any text with addresses in it, with the credentials replaced.

    `nats://user:secret@host:4222` becomes `nats://user:***@host:4222`; a lone token becomes `***`.
    """
    return _CREDENTIALS.sub(_hide, address)


def redact(text: str) -> str:
    """Return a text for people with the credentials of the addresses in it replaced.

    Unlike `redact_url` it leaves names with an @ alone, such as `worker-1@host` or those of mail:
    without a scheme only `user:secret@` counts as a login.
    """
    return _CREDENTIALS_IN_TEXT.sub(_hide, text)


def _hide(match: re.Match[str]) -> str:
    user, colon, _ = (match["login"] or match["bare"]).partition(":")
    login = f"{user}:***" if colon else "***"
    return f"{match['scheme'] or ''}{login}@"
