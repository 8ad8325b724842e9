"""What a server reports about itself when a client connects."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ServerInfo:
    """Facts that a server reports about itself in its INFO line.

    Attributes:
        id: the server's id, empty before the first connection.
        name: the server's name.
        version: of nats-server.
        cluster: name of its cluster, empty for a single server.
        jetstream: whether JetStream is enabled on the server; an account may still have none.
        auth_required: whether it accepts no connection without credentials.
        api_prefix: where the client sends JetStream requests, empty for `$JS.API`.
        domain: its JetStream domain, empty for none.
    """

    id: str
    name: str
    version: str
    cluster: str
    jetstream: bool
    auth_required: bool
    api_prefix: str = ""
    domain: str = ""
