"""Server addresses as they may be shown: never with a password, token or key in them."""

import re
from typing import Final

_CREDENTIALS: Final = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)?(?P<login>[^/@\s,]+)@")


def mask_address(address: str) -> str:
    """Return the address, or any text with addresses in it, with the credentials replaced.

    `nats://user:secret@host:4222` becomes `nats://user:***@host:4222`; a lone token becomes `***`.
    """

    def hide(match: re.Match[str]) -> str:
        user, colon, _ = match["login"].partition(":")
        login = f"{user}:***" if colon else "***"
        return f"{match['scheme'] or ''}{login}@"

    return _CREDENTIALS.sub(hide, address)
