"""The state of a connection, and the holder that reports its changes."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

State = Literal["connecting", "connected", "reconnecting", "closed"]


@dataclass(frozen=True)
class ConnectionStatus:
    """Snapshot of a connection.

    Attributes:
        state: connecting (never yet connected), connected, reconnecting, closed.
        server: address, with secrets masked.
        since: Unix seconds when the state began.
        problem: the last failure, empty when there is none.
        advice: what to do about it, empty when nothing can be done.
        rtt_s: round trip to the server in seconds, None when not measured.
        reconnects: number of connections after the first.
        jetstream: whether the account has JetStream, None when unknown.
        server_version: version of the server, empty before the first connection.
        server_name: name of the server, empty before the first connection.
        max_payload: maximum message size in bytes, 0 when unknown.
        attempts: attempts in a row that failed; 0 while connected.
        next_try_at: Unix seconds of the next attempt, infinity if it waits for a person, None while
            one is running or none is due.
        is_login_refused: whether the last attempt failed because the server refused the login.
        last_alive: Unix seconds up to which the last lost connection was known to be alive, None
            before the first loss.
        recording: what was recorded, such as the name of a connection, if a recording is shown
            instead of a server, since the time of its first message; else empty.
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
    attempts: int = 0
    next_try_at: float | None = None
    is_login_refused: bool = False
    last_alive: float | None = None
    recording: str = ""


@dataclass(frozen=True)
class HistoryProgress:
    """How much of the stored history has been read.

    Attributes:
        read: messages read and folded so far.
        total: messages to be read, 0 until the server has said how many there are.
    """

    read: int = 0
    total: int = 0


@dataclass(frozen=True)
class Outage:
    """A time without a connection, in which nothing is known of the system.

    Attributes:
        start: Unix seconds of the loss.
        end: Unix seconds of the next connection, infinity while there is none.
    """

    start: float
    end: float = math.inf


class StatusHolder:
    """Holds the status and reports its changes.

    Attributes:
        status: the current status.
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
        """Change fields of the status; `since` is set when the state changes."""
        if "state" in changes and changes["state"] != self.status.state:
            changes["since"] = self._clock()
        status = replace(self.status, **changes)
        if status != self.status:
            self.status = status
            if self._on_status is not None:
                self._on_status(status)
