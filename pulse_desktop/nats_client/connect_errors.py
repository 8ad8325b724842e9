"""Descriptions of connection failures: the errors of nats-py explain nothing to an operator."""

import base64
import binascii
import contextlib
import errno
import json
import re
import socket
import ssl
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from nats import errors
from nats.aio.client import RawCredentials

from pulse_desktop.model.connection_options import label
from pulse_desktop.model.redaction import redact
from pulse_desktop.nats_client.client import (
    ClientCertificateError,
    TLSFirstRequiredError,
    TLSRequiredError,
)
from pulse_desktop.nats_client.client_arguments import ConnectionOptionsError, read_option_file
from pulse_desktop.text.translation import _

_REFUSED: Final = re.compile(r"Errno (111|61)\b|WinError (1225|10061)\b")
_UNREACHABLE: Final = re.compile(r"Errno (101|113|51|65)\b|WinError (1231|10051|10065)\b")
_NO_TLS: Final = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE")
_CERTIFICATE_MISSING: Final = ("CERTIFICATE_REQUIRED", "HANDSHAKE_FAILURE")
_CERTIFICATE_REFUSED: Final = (
    "ALERT_BAD_CERTIFICATE",
    "ALERT_CERTIFICATE_EXPIRED",
    "ALERT_UNKNOWN_CA",
    "ALERT_CERTIFICATE_UNKNOWN",
    "ALERT_UNSUPPORTED_CERTIFICATE",
)
_OUT_OF_DATE: Final = frozenset({9, 10})
_OTHER_HOST: Final = frozenset({62, 64})
"""What OpenSSL found wrong about a certificate, by its numbers."""
_LOGIN_ARGUMENTS: Final = frozenset(
    {"user", "password", "token", "user_credentials", "nkeys_seed", "nkeys_seed_str"}
)
LOSSES: Final = (errors.UnexpectedEOF, errors.StaleConnectionError, ConnectionError)
"""Errors that say only that a connection was lost."""

_JWT: Final = re.compile(rb"[\w-]+\.([\w-]+)\.[\w-]+")
_CREDENTIALS: Final = (
    "authorization violation",
    "authentication expired",
    "authentication revoked",
    "authentication timeout",
    "authorization failed",
)


def telling_error(failures: Sequence[BaseException]) -> BaseException | None:
    """Return the last error that says more than that a connection was lost, else the last one.

    Closing a connection that failed fails as well, and nats-py reports that too.
    """
    for error in reversed(failures):
        if not isinstance(error, LOSSES) or isinstance(error, ConnectionRefusedError):
            return error
    return failures[-1] if failures else None


def is_login_refused(error: BaseException | None) -> bool:
    """Return whether a server answered, and refused the credentials or the client certificate."""
    if isinstance(error, errors.Error):
        return _is_about_credentials(_reported(error))
    return isinstance(error, ClientCertificateError)


def describe_connect_error(
    error: BaseException | None, hosts: str, arguments: Mapping[str, Any] | None = None
) -> tuple[str, str]:
    """Return what happened, one sentence, and what to do about it.

    Args:
        error: what nats-py raised or reported, None when it reported nothing in time.
        hosts: `host:port` of the servers, without credentials.
        arguments: those of nats-py's `connect`; None when the connection had worked before.
    """
    match error:
        case TLSFirstRequiredError():
            return (
                _("{hosts} requires the TLS handshake first.").format(hosts=hosts),
                _("Set {option}.").format(option=label("tls_first")),
            )
        case TLSRequiredError():
            return (
                _("{hosts} offers no TLS, so no credentials were sent.").format(hosts=hosts),
                _("Set up TLS on the server, or write nats:// if the network can be trusted."),
            )
        case ClientCertificateError():
            return _describe_certificate(hosts, given=error.given)
        case ssl.SSLCertVerificationError():
            return _describe_untrusted(error, hosts)
        case ssl.SSLError():
            return _describe_tls_error(error, hosts, arguments)
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
            return _describe_protocol_error(str(error), hosts, arguments)
        case Exception() if type(error).__module__.startswith("aiohttp"):
            return (
                _("the server at {hosts} does not support WebSocket.").format(hosts=hosts),
                _("Write nats:// for the usual port; ws:// is for the server's WebSocket port."),
            )
    return f"{hosts}: {redact(str(error) or type(error).__name__)}.", ""


def _describe_untrusted(error: ssl.SSLCertVerificationError, hosts: str) -> tuple[str, str]:
    error = getattr(error, "certificate_error", error)  # that of aiohttp has another inside
    reason = getattr(error, "verify_message", "") or _("it could not be verified")
    detail = _("the certificate of {hosts} is not trusted: {reason}.")
    code = getattr(error, "verify_code", 0)
    if code in _OUT_OF_DATE:
        advice = _("Renew the certificate of the server, and check the clock of this machine.")
    elif code in _OTHER_HOST:
        advice = _("Connect by a host name that the certificate is for.")
    else:
        advice = _(
            "Set {option} to the certificate authority that signed it, or correct the host name."
        ).format(option=label("tls_ca"))
    return detail.format(hosts=hosts, reason=reason.rstrip(".")), advice


def _describe_tls_error(
    error: ssl.SSLError, hosts: str, arguments: Mapping[str, Any] | None
) -> tuple[str, str]:
    text = str(error).upper().replace(" ", "_")
    if any(reason in text for reason in _CERTIFICATE_MISSING):
        return _describe_certificate(hosts, given=False)
    if any(reason in text for reason in _CERTIFICATE_REFUSED):
        return _describe_certificate(hosts, given=True, expired="EXPIRED" in text)
    first = (arguments or {}).get("tls_handshake_first")
    if first and any(reason in text for reason in _NO_TLS):
        return (
            _("{hosts} does not begin with TLS.").format(hosts=hosts),
            _("Leave out {option}.").format(option=label("tls_first")),
        )
    return (
        _("the TLS handshake with {hosts} failed: {reason}.").format(
            hosts=hosts, reason=error.args[-1]
        ),
        _("Check whether the server supports TLS, and in which version."),
    )


def _describe_certificate(hosts: str, *, given: bool, expired: bool = False) -> tuple[str, str]:
    if expired:
        detail = _("{hosts} refused the client certificate: it has expired.")
    elif given:
        detail = _("{hosts} refused the client certificate, or requires one.")
    else:
        detail = _("{hosts} requires a client certificate.")
    options = f"{label('tls_cert')}, {label('tls_key')}"
    advice = _("Set {options} to one that it accepts.").format(options=options)
    return detail.format(hosts=hosts), advice


def _describe_refusal(hosts: str, arguments: Mapping[str, Any] | None) -> tuple[str, str]:
    """Describe a refused login: none was given, its file has expired, or it is wrong."""
    given = arguments or {}
    if arguments is not None and not _LOGIN_ARGUMENTS & given.keys():
        names = ", ".join(map(label, ("credentials", "nkey_file", "user", "token_file")))
        return (
            _("{hosts} requires a login, and none was given.").format(hosts=hosts),
            _("Set one of {options}, or write it into the address.").format(options=names),
        )
    credentials = given.get("user_credentials")
    if credentials and (expired_at := _expiry(credentials)) and expired_at < datetime.now(UTC):
        inline = isinstance(credentials, RawCredentials)
        option = "credentials_content" if inline else "credentials"
        return (
            _("{hosts} refused {file}: it expired at {time:%Y-%m-%d %H:%M} UTC.").format(
                hosts=hosts, file=label(option) if inline else credentials, time=expired_at
            ),
            _("Set {option} to new credentials.").format(option=label(option)),
        )
    return (
        _("{hosts} refused these credentials.").format(hosts=hosts),
        _login_advice(given),
    )


def _login_advice(given: Mapping[str, Any]) -> str:
    """Name the kind of login that was used, or all if it is not known."""
    if "user" in given:
        return _("Check the user and password.")
    if "token" in given:
        return _("Check the token.")
    if "user_credentials" in given:
        return _("Check the credentials file, and that its user exists on the server.")
    if given.keys() & {"nkeys_seed", "nkeys_seed_str"}:
        return _("Check the nkey, and that the server knows its public key.")
    return _("Check the user and password, token, nkey or credentials file.")


def _expiry(credentials: str | RawCredentials) -> datetime | None:
    """Return when the JWT of a .creds file expires, None if never or if it cannot be read."""
    with contextlib.suppress(
        ConnectionOptionsError, binascii.Error, ValueError, KeyError, TypeError
    ):
        if isinstance(credentials, RawCredentials):
            content = credentials.data.encode()
        else:
            content = read_option_file("credentials", credentials)
        if found := _JWT.search(content):
            claims = json.loads(base64.urlsafe_b64decode(found[1] + b"=" * (-len(found[1]) % 4)))
            return datetime.fromtimestamp(claims["exp"], UTC) if claims.get("exp") else None
    return None


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
    return f"{hosts}: {redact(error.strerror or text)}.", ""


def _describe_protocol_error(
    text: str, hosts: str, arguments: Mapping[str, Any] | None
) -> tuple[str, str]:
    reported = _reported(text)
    if _is_about_credentials(reported):
        return _describe_refusal(hosts, arguments)
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
        _("{hosts} reported: {error}.").format(hosts=hosts, error=redact(reported)),
        "",
    )


def _reported(error: object) -> str:
    return str(error).removeprefix("nats:").strip().strip("'").lower()


def _is_about_credentials(reported: str) -> bool:
    return any(phrase in reported for phrase in _CREDENTIALS)


def _closed_by(hosts: str) -> str:
    return _("{hosts} closed the connection.").format(hosts=hosts)
