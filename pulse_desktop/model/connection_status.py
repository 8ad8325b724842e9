"""The state of the connection as the window shows it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

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


class StatusHolder:
    """Holds the status and tells of its changes.

    Attributes:
        status: what is true now.
    """

    def __init__(
        self,
        server: str,
        clock: Callable[[], float],
        on_status: Callable[[ConnectionStatus], None] | None,
    ) -> None:
        self._clock = clock
        self._on_status = on_status
        self.status = ConnectionStatus("connecting", server, clock())

    def change(self, **changes: Any) -> None:
        """Change fields of the status; a new state begins now."""
        if "state" in changes and changes["state"] != self.status.state:
            changes["since"] = self._clock()
        status = replace(self.status, **changes)
        if status != self.status:
            self.status = status
            if self._on_status is not None:
                self._on_status(status)
