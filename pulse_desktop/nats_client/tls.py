"""TLS where it was asked for: a server that offers none is left before any secret is sent.

nats-py encrypts only when the server demands it, whatever the address says. A server without TLS,
or somebody on the way who leaves the demand out, would get the credentials in plain text.
"""

from typing import Any


class TLSRequiredError(OSError):
    """TLS was asked for, and the server offers none."""

    def __init__(self) -> None:
        super().__init__("this server offers no TLS; nothing was sent to it")


def require_tls(client: Any, info: dict[str, Any]) -> None:
    """Make a client encrypt where that was asked for, or leave; to be called before it logs in.

    `tls` in the address asks for TLS, and so does `nats` with certificates to check it by.

    Args:
        client: nats-py's, whatever its class: what it connects to stands only in its own fields.
        info: the server's first words; changed so that a client that only obeys them encrypts.

    Raises:
        TLSRequiredError: the server neither demands nor offers it. The connection is closed.
    """
    server = client._current_server  # noqa: SLF001
    scheme = server.uri.scheme if server else ""
    wanted = scheme == "tls" or (scheme == "nats" and "tls" in client.options)
    if not wanted or info.get("tls_required"):
        return
    if not info.get("tls_available"):
        if client._transport:  # noqa: SLF001 - the library leaves it open when it reconnects
            client._transport.close()  # noqa: SLF001
        raise TLSRequiredError
    info["tls_required"] = True
