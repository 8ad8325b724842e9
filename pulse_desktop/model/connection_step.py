"""Steps of a connection test, as they are shown while they happen."""

import enum
from dataclasses import dataclass


class StepKind(enum.StrEnum):
    """What a step tests, in the order of a plain connection. The values are in JSON output."""

    SETTINGS = "settings"
    NAME = "name"
    TCP = "tcp"
    WEBSOCKET = "websocket"
    SERVER = "server"
    TLS = "tls"
    LOGIN = "login"
    JETSTREAM = "jetstream"
    PERMISSION = "permission"
    CLOCK = "clock"


class StepStatus(enum.StrEnum):
    """How far a step is, and how it ended. The values are in JSON output."""

    WAITING = "waiting"
    RUNNING = "running"
    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"

    @property
    def is_final(self) -> bool:
        """Whether the step has ended, or will not take place."""
        return self not in (StepStatus.WAITING, StepStatus.RUNNING)


@dataclass(frozen=True)
class ConnectionStep:
    """One step of a connection test: each of its changes is a new value with the same `key`.

    Attributes:
        kind: what is tested.
        server: `host:port` that it is about, empty when it is about all.
        purpose: what a permission is needed for, empty for other kinds.
        status: how far it is.
        detail: what was found, without a full stop; free of secrets.
        advice: what to do about it, empty when nothing is needed.
        duration_s: seconds that it took, None before its end.
    """

    kind: StepKind
    server: str = ""
    purpose: str = ""
    status: StepStatus = StepStatus.WAITING
    detail: str = ""
    advice: str = ""
    duration_s: float | None = None

    @property
    def key(self) -> tuple[str, StepKind, str]:
        """What tells it from the other steps."""
        return (self.server, self.kind, self.purpose)
