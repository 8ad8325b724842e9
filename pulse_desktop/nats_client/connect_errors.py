"""Descriptions of connection failures: the errors of nats-py explain nothing to an operator."""

import errno
import re
import socket
import ssl
from typing import Final

from nats import errors

from pulse_desktop.model.redaction import redact_url
from pulse_desktop.nats_client.client import TLSRequiredError
from pulse_desktop.text.translation import _

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
    """Return what happened, one sentence, and what to do about it.

    Args:
        error: what nats-py raised or reported, None when it reported nothing in time.
        hosts: `host:port` of the servers, without credentials.
    """
    match error:
        case TLSRequiredError():
            return (
                _("{hosts} offers no TLS, so no credentials were sent.").format(hosts=hosts),
                _("Set up TLS on the server, or write nats:// if the network can be trusted."),
            )
        case ssl.SSLCertVerificationError():
            reason = getattr(error, "verify_message", "") or _("it could not be verified")
            return (
                _("the certificate of {hosts} is not trusted: {reason}.").format(
                    hosts=hosts, reason=reason
                ),
                _("Specify the certificate authority that signed it, or correct the host name."),
            )
        case ssl.SSLError():
            return (
                _("the TLS handshake with {hosts} failed: {reason}.").format(
                    hosts=hosts, reason=error.args[-1]
                ),
                _("Check whether the server supports TLS, and in which version."),
            )
        case socket.gaierror():
            return (
                _("the host name is unknown: {hosts}.").format(hosts=hosts),
                _("Check the spelling and the network."),
            )
        case None | TimeoutError():
            return (
                _("{hosts} did not answer like a NATS server in time.").format(hosts=hosts),
                _("Check the address and port, and that no firewall is in between."),
            )
        case ModuleNotFoundError():
            return (
                _("the Python package {package} is missing, which this connection needs.").format(
                    package=error.name
                ),
                _("Install it: pip install {package}").format(package=error.name),
            )
        case OSError():
            return _describe_os_error(error, hosts)
        case errors.Error():
            return _describe_protocol_error(str(error), hosts)
        case Exception() if type(error).__module__.startswith("aiohttp"):
            return (
                _("the server at {hosts} does not support WebSocket.").format(hosts=hosts),
                _("Write nats:// for the usual port; ws:// is for the server's WebSocket port."),
            )
    return f"{hosts}: {redact_url(str(error) or type(error).__name__)}.", ""


def _describe_os_error(error: OSError, hosts: str) -> tuple[str, str]:
    text = str(error)
    if (
        isinstance(error, ConnectionRefusedError)
        or error.errno == errno.ECONNREFUSED
        or _REFUSED.search(text)
    ):
        return (
            _("nothing listens at {hosts}.").format(hosts=hosts),
            _("Start nats-server there, or check the address and port."),
        )
    if isinstance(error, ConnectionError):
        return _closed_by(hosts), _("Check that it is a NATS server.")
    if _UNREACHABLE.search(text):
        return (
            _("{hosts} cannot be reached.").format(hosts=hosts),
            _("Check the network and any VPN."),
        )
    return f"{hosts}: {redact_url(error.strerror or text)}.", ""


def _describe_protocol_error(text: str, hosts: str) -> tuple[str, str]:
    reported = text.removeprefix("nats:").strip().strip("'").lower()
    if any(phrase in reported for phrase in _CREDENTIALS):
        return (
            _("{hosts} refused these credentials.").format(hosts=hosts),
            _("Check the user and password, token or credentials file."),
        )
    if "maximum connections" in reported:
        return (
            _("{hosts} accepts no more connections.").format(hosts=hosts),
            _("Close other clients or raise its limit."),
        )
    if "expecting info" in reported or "json parse" in reported:
        return (
            _("the server at {hosts} is not a NATS server.").format(hosts=hosts),
            _("Check the port: 4222 is for clients, 8222 for monitoring."),
        )
    if reported in ("unexpected eof", "stale connection", "connection closed"):
        return _closed_by(hosts), ""
    return (
        _("{hosts} reported: {error}.").format(hosts=hosts, error=redact_url(reported)),
        "",
    )


def _closed_by(hosts: str) -> str:
    return _("{hosts} closed the connection.").format(hosts=hosts)
