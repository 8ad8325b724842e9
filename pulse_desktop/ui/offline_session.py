"""The session of a window that has none: an empty state, and a reason why nothing can be done."""

import time
from collections.abc import Sequence
from typing import NoReturn

from pulse_desktop.model.connection_status import ConnectionStatus, State
from pulse_desktop.model.errors import NotConnectedError
from pulse_desktop.state.system import SystemState
from pulse_desktop.ui.serverless_session import ServerlessSession


class OfflineSession(ServerlessSession):
    """Implements `SessionBackend` without a server; every operation raises NotConnectedError."""

    received = 0
    limitations: Sequence[str] = ()
    history = None
    is_settled = False
    has_outcomes = False
    has_states = False
    has_recent = False

    def __init__(
        self,
        state: State = "connecting",
        problem: str = "",
        advice: str = "",
        *,
        read_only: bool = False,
    ) -> None:
        """Create it.

        Args:
            state: connecting while a server is being started, or closed.
            problem: why there is no session, a sentence; empty if there is no reason.
            advice: what to do about it.
            read_only: whether the connection will refuse every action.
        """
        status = ConnectionStatus(state, "", time.time(), problem=problem, advice=advice)
        super().__init__(SystemState(), status, read_only=read_only)

    @property
    def data_time(self) -> float:
        """The time since when there is no session."""
        return self.connection_status.since

    def now(self) -> float:
        """Return Unix seconds by this machine's clock."""
        return time.time()

    def drain(self, budget_s: float) -> bool:  # noqa: ARG002
        """Return False: there are no arrivals."""
        return False

    def _fail(self) -> NoReturn:
        raise NotConnectedError
