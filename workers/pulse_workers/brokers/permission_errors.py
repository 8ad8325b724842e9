"""What the server refuses to this user: it says so on the side, and never answers the request."""

import re
from typing import Final

from nats.aio.client import Client

_VIOLATION: Final = re.compile(
    r'permissions violation for (publish|subscription) to "([^"]+)"', re.IGNORECASE
)
WHO_MAY: Final = "packaging/nats/accounts.conf shows who may do what."
ANSWERS_ELSEWHERE: Final = (
    "Set PULSE_INBOX_PREFIX to where this user may hear answers; with packaging/nats/accounts.conf "
    "that is _INBOX_worker for workers."
)


def refusal_of(client: Client, inbox_prefix: str) -> str:
    """Return what the server refused last on a connection, as a sentence; empty if nothing.

    Args:
        client: of the connection.
        inbox_prefix: where it hears answers.
    """
    found = _VIOLATION.search(str(client.last_error or "").lower())
    if found is None:
        return ""
    verb, subject = found.groups()
    if verb == "publish":
        return f"this user may not publish on {subject}. {WHO_MAY}"
    if subject.startswith(f"{inbox_prefix}.".lower()):
        return f"this user may not hear answers on {inbox_prefix}.>. {ANSWERS_ELSEWHERE}"
    return ""  # something else, which need not be why nothing is answered
