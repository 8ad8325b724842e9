"""The certificate of an encrypted connection: whose it is, and until when it is valid."""

import ssl
from datetime import UTC, datetime
from typing import Any, Final

from pulse_desktop.model.connection_step import StepStatus
from pulse_desktop.text.translation import _

EXPIRES_SOON_S: Final = 14 * 86_400.0
_NAMES: Final = ("DNS", "IP Address")
"""Kinds of alternative names that are texts, and of a server."""


def describe_certificate(tls: ssl.SSLObject, now: float) -> tuple[StepStatus, str, str]:
    """Return status, detail and advice about the certificate of an encrypted connection."""
    found: dict[str, Any] = dict(tls.getpeercert() or {})
    version = tls.version() or "TLS"
    if not found.get("notAfter"):
        return StepStatus.OK, version, ""
    names = [name for kind, name in found.get("subjectAltName", ()) if kind in _NAMES]
    until = ssl.cert_time_to_seconds(found["notAfter"])
    detail = _("{version}, certificate of {names} by {issuer}, valid until {date:%Y-%m-%d}")
    text = detail.format(
        version=version,
        names=", ".join(names[:3]) or _common_name(found.get("subject", ())),
        issuer=_common_name(found.get("issuer", ())),
        date=datetime.fromtimestamp(until, UTC),
    )
    if until - now < EXPIRES_SOON_S:
        return StepStatus.WARNING, text, _("Renew the certificate of the server soon.")
    return StepStatus.OK, text, ""


def _common_name(parts: Any) -> str:
    """Return the name in a subject or issuer, as Python's `ssl` gives them."""
    fields = dict(field for part in parts for field in part)
    return str(fields.get("commonName") or fields.get("organizationName") or _("unknown"))
