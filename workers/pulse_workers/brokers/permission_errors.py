"""Advice about what the server refuses to a worker's user."""

from typing import Final

from nats.aio.client import Client

from pulse_desktop.nats_client.permission_violations import parse_violation

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
    violation = parse_violation(str(client.last_error or "").lower())
    if violation is None:
        return ""
    if violation.action == "publish":
        return f"this user may not publish on {violation.subject}. {WHO_MAY}"
    if violation.subject.startswith(f"{inbox_prefix}.".lower()):
        return f"this user may not hear answers on {inbox_prefix}.>. {ANSWERS_ELSEWHERE}"
    return ""  # something else, which need not be why nothing is answered
