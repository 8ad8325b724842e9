"""Why a connection failed, in words that help: the client's own errors tell a person nothing."""

import errno
import re
import socket
import ssl
from typing import Final

from nats import errors

from pulse_desktop.model.redaction import redact_url
from pulse_desktop.nats_client.client import TLSRequiredError

_REFUSED: Final = re.compile(r"Errno (111|61)\b|WinError (1225|10061)\b")
_UNREACHABLE: Final = re.compile(r"Errno (101|113|51|65)\b|WinError (1231|10051|10065)\b")
_CREDENTIALS: Final = (
    "authorization violation",
    "authentication expired",
    "authentication revoked",
    "authentication timeout",
    "authorization failed",
)


def describe_connect_error(error: BaseException | None, hosts: str) -> tuple[str, str]:
    """Return what happened and what to do about it.

    Args:
        error: what the client raised or reported, None when it said nothing in time.
        hosts: `host:port` of the server, without credentials.
    """
    match error:
        case TLSRequiredError():
            return (
                f"{hosts} offers no TLS, so no credentials were sent.",
                "Set up TLS on the server, or write nats:// if the network may be trusted.",
            )
        case ssl.SSLCertVerificationError():
            reason = getattr(error, "verify_message", "") or "it could not be verified"
            return (
                f"the certificate of {hosts} is not trusted: {reason}.",
                "Give the certificate authority that signed it, or correct the host name.",
            )
        case ssl.SSLError():
            return (
                f"the TLS handshake with {hosts} failed: {error.args[-1]}.",
                "Check whether the server speaks TLS, and in which version.",
            )
        case socket.gaierror():
            return f"no host of that name is known: {hosts}.", "Check the spelling and the network."
        case None | TimeoutError():
            return (
                f"{hosts} did not answer like a NATS server in time.",
                "Check the address and port, and that no firewall is in between.",
            )
        case ModuleNotFoundError():
            return (
                f"the Python package {error.name} is missing, which this way of connecting needs.",
                f"Install it: pip install {error.name}",
            )
        case OSError():
            return _explain_os_error(error, hosts)
        case errors.Error():
            return _explain_refusal(str(error), hosts)
        case Exception() if type(error).__module__.startswith("aiohttp"):
            return (
                f"what answers at {hosts} does not speak WebSocket.",
                "Write nats:// for the usual port; ws:// is for the server's websocket port.",
            )
    return f"{hosts}: {redact_url(str(error) or type(error).__name__)}.", ""


def _explain_os_error(error: OSError, hosts: str) -> tuple[str, str]:
    text = str(error)
    if (
        isinstance(error, ConnectionRefusedError)
        or error.errno == errno.ECONNREFUSED
        or _REFUSED.search(text)
    ):
        return (
            f"nothing listens at {hosts}.",
            "Start nats-server there, or check the address and port.",
        )
    if isinstance(error, ConnectionError):
        return f"{hosts} broke the connection off.", "Check that it is a NATS server."
    if _UNREACHABLE.search(text):
        return f"{hosts} cannot be reached from here.", "Check the network and any VPN."
    return f"{hosts}: {redact_url(error.strerror or text)}.", ""


def _explain_refusal(text: str, hosts: str) -> tuple[str, str]:
    said = text.removeprefix("nats:").strip().strip("'").lower()
    if any(phrase in said for phrase in _CREDENTIALS):
        return (
            f"{hosts} refused these credentials.",
            "Check the user and password, token or credentials file.",
        )
    if "maximum connections" in said:
        return f"{hosts} takes no more connections.", "Close other clients or raise its limit."
    if "expecting info" in said or "json parse" in said:
        return (
            f"what answers at {hosts} is not a NATS server.",
            "Check the port: 4222 is for clients, 8222 for monitoring.",
        )
    if said in ("unexpected eof", "stale connection", "connection closed"):
        return f"{hosts} broke the connection off.", ""
    return f"{hosts} said: {redact_url(said)}.", ""
