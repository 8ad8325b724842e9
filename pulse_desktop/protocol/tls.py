"""TLS where it was asked for: a server that offers none is left before any secret is sent.

nats-py encrypts only when the server demands it, whatever the address says. A server without TLS,
or somebody on the way who leaves the demand out, would get the credentials in plain text.
"""

from typing import Any


class NoTlsError(OSError):
    """TLS was asked for, and the server offers none."""

    def __init__(self) -> None:
        super().__init__("this server offers no TLS; nothing was sent to it")


def insist_on_tls(scheme: str, info: dict[str, Any], *, certificates_given: bool) -> None:
    """Make a client encrypt where that was asked for; to be called before it logs in.

    Args:
        scheme: of the address. `tls` asks for TLS, and so does `nats` with certificates.
        info: the server's first words; changed so that a client that only obeys them encrypts.
        certificates_given: whether the user said what to check the server's certificate with.

    Raises:
        NoTlsError: the server neither demands nor offers it.
    """
    wanted = scheme == "tls" or (scheme == "nats" and certificates_given)
    if not wanted or info.get("tls_required"):
        return
    if not info.get("tls_available"):
        raise NoTlsError
    info["tls_required"] = True
