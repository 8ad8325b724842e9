"""The state of the connection as the window shows it."""

from dataclasses import dataclass
from typing import Literal

State = Literal["connecting", "connected", "reconnecting", "closed"]


@dataclass(frozen=True)
class ConnectionStatus:
    """One moment of a connection.

    Attributes:
        state: connecting (never yet connected), connected, reconnecting, closed.
        server: address with its secrets masked.
        since: Unix seconds when the state began.
        problem: the last failure in plain words, empty when all is well.
        advice: what to do about it, empty when there is nothing.
        rtt_s: round trip to the server in seconds, None when not measured.
        reconnects: connections after the first.
        jetstream: whether the account has JetStream, None when that is not known.
        server_version: as the server says, empty when not connected yet.
        server_name: as the server says.
        max_payload: bytes of the largest message, 0 when not known.
    """

    state: State
    server: str
    since: float
    problem: str = ""
    advice: str = ""
    rtt_s: float | None = None
    reconnects: int = 0
    jetstream: bool | None = None
    server_version: str = ""
    server_name: str = ""
    max_payload: int = 0
