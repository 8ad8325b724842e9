"""The session of a window that has none: an empty state, and a reason why nothing can be done."""

# ruff: noqa: ARG002 - the parameters are those of the Protocols

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from pulse_desktop.model.bucket_status import BucketStatus
from pulse_desktop.model.connection_status import ConnectionStatus, Outage, State
from pulse_desktop.model.errors import NotConnectedError
from pulse_desktop.model.group_marks import MarkKind
from pulse_desktop.model.history_extent import HistoryExtent
from pulse_desktop.model.history_plan import HistoryOutcome, HistoryPlan, HistoryStream
from pulse_desktop.model.outcomes import CancelOutcome, CommandOutcome
from pulse_desktop.model.queue_status import EnqueueReceipt
from pulse_desktop.protocol.task_result import DecodedResult
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.system import SystemState


class OfflineSession:
    """Implements `SessionBackend` without a server; every operation raises NotConnectedError.

    Attributes:
        state: empty.
        connection_status: has no server.
        on_activity: never called.
    """

    received = 0
    waiting = 0
    dropped = 0
    gaps = (0, 0)
    jetstream_bytes = None
    limitations: Sequence[str] = ()
    can_keep_history = False
    unreadable: Mapping[str, str] = {}
    other_names = None
    has_permission_errors = False
    is_restricted = False
    queue_status = None
    history = None
    history_extent = HistoryExtent()
    is_settled = False
    has_outcomes = False
    outages: Sequence[Outage] = ()
    problem = None

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
        self.read_only = read_only
        self.on_activity: Callable[[], object] = lambda: None
        self.state = SystemState()
        self.connection_status = ConnectionStatus(
            state, "", time.time(), problem=problem, advice=advice
        )

    @property
    def data_time(self) -> float:
        """The time since when there is no session."""
        return self.connection_status.since

    def try_now(self) -> None:
        """Do nothing: there is no server."""

    def now(self) -> float:
        """Return Unix seconds by this machine's clock."""
        return time.time()

    def drain(self, budget_s: float) -> bool:
        """Return False: there are no arrivals."""
        return False

    def set_read_only(self, *, read_only: bool) -> None:
        """Do nothing: every action is refused."""

    @property
    def tasks(self) -> "OfflineSession":
        """Itself: no task can be enqueued, re-run or cancelled."""
        return self

    @property
    def results(self) -> "OfflineSession":
        """Itself: no result can be read."""
        return self

    @property
    def workers(self) -> "OfflineSession":
        """Itself: no worker can be commanded."""
        return self

    @property
    def history_streams(self) -> "OfflineSession":
        """Itself: no stream can be made."""
        return self

    @property
    def group_marks(self) -> "OfflineSession":
        """Itself: no failure group can be marked."""
        return self

    async def set_mark(self, group_id: str, kind: MarkKind, text: str = "") -> None:
        """Raise NotConnectedError."""
        self._fail()

    async def remove_mark(self, group_id: str, kind: MarkKind) -> None:
        """Raise NotConnectedError."""
        self._fail()

    async def plan(self) -> HistoryPlan:
        """Raise NotConnectedError."""
        self._fail()

    async def create(
        self, streams: Sequence[HistoryStream], *, confirmed: bool = False
    ) -> Sequence[HistoryOutcome]:
        """Raise NotConnectedError."""
        self._fail()

    async def enqueue(
        self,
        task_name: str,
        args: bytes = b"[]",
        kwargs: bytes = b"{}",
        labels: Mapping[str, Any] | None = None,
        *,
        force: bool = False,
        rerun_of: str = "",
        confirmed: bool = False,
    ) -> EnqueueReceipt:
        """Raise NotConnectedError."""
        self._fail()

    async def rerun(
        self,
        runs: Sequence[TaskRun],
        *,
        force: bool = False,
        from_events: bool = False,
        confirmed: bool = False,
    ) -> EnqueueReceipt:
        """Raise NotConnectedError."""
        self._fail()

    async def cancel(
        self, task_ids: Sequence[str], *, confirmed: bool = False
    ) -> Sequence[CancelOutcome]:
        """Raise NotConnectedError."""
        self._fail()

    async def read(self, task_id: str) -> DecodedResult:
        """Raise NotConnectedError."""
        self._fail()

    async def save(self, task_id: str, path: Path) -> int:
        """Raise NotConnectedError."""
        self._fail()

    async def buckets(self) -> Sequence[BucketStatus]:
        """Raise NotConnectedError."""
        self._fail()

    def watch_bucket(self, name: str) -> None:
        """Raise NotConnectedError."""
        self._fail()

    async def command(
        self, command: str, worker: str = "", level: str = "", *, confirmed: bool = False
    ) -> Sequence[CommandOutcome]:
        """Raise NotConnectedError."""
        self._fail()

    def _fail(self) -> NoReturn:
        raise NotConnectedError
