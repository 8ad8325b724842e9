"""What the sessions have in common that show a state without a server."""

# ruff: noqa: ARG002, B027 - parameters are those of the Protocols, and there is nothing to do

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, Self

from pulse_desktop.model.bucket_status import BucketStatus
from pulse_desktop.model.connection_status import ConnectionStatus, Outage
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.model.group_marks import MarkKind
from pulse_desktop.model.history_extent import HistoryExtent
from pulse_desktop.model.history_plan import HistoryOutcome, HistoryPlan, HistoryStream
from pulse_desktop.model.outcomes import CancelOutcome, CommandOutcome
from pulse_desktop.model.queue_status import EnqueueReceipt
from pulse_desktop.protocol.task_result import DecodedResult
from pulse_desktop.state.good_runs import last_good_run
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.run_comparison import UNKNOWN, ReturnValue
from pulse_desktop.state.system import SystemState


class ServerlessSession(ABC):
    """The part of `SessionBackend` that needs no server: nothing arrives, every act is refused.

    Attributes:
        state: what is shown.
        connection_status: why there is no server.
        read_only: whether acts are refused with a connection, too.
        on_activity: never called.
    """

    waiting = 0
    dropped = 0
    gaps = (0, 0)
    gap_reasons = ()
    jetstream_bytes = None
    can_keep_history = False
    unreadable: Mapping[str, str] = {}
    other_names = None
    has_permission_errors = False
    is_restricted = False
    queue_status = None
    history_extent = HistoryExtent()
    outages: Sequence[Outage] = ()
    problem = None

    def __init__(
        self, state: SystemState, connection_status: ConnectionStatus, *, read_only: bool
    ) -> None:
        self.state = state
        self.connection_status = connection_status
        self.read_only = read_only
        self.on_activity: Callable[[], object] = lambda: None

    def try_now(self) -> None:
        """Do nothing: there is no server."""

    def set_read_only(self, *, read_only: bool) -> None:
        """Do nothing: every act is refused."""

    @property
    def tasks(self) -> Self:
        """Itself: no task can be enqueued, re-run or cancelled."""
        return self

    @property
    def results(self) -> Self:
        """Itself: no result can be read."""
        return self

    @property
    def workers(self) -> Self:
        """Itself: no worker can be commanded."""
        return self

    @property
    def history_streams(self) -> Self:
        """Itself: no stream can be made."""
        return self

    @property
    def group_marks(self) -> Self:
        """Itself: no failure group can be marked."""
        return self

    async def set_mark(self, group_id: str, kind: MarkKind, text: str = "") -> None:
        """Refuse."""
        self._fail()

    async def remove_mark(self, group_id: str, kind: MarkKind) -> None:
        """Refuse."""
        self._fail()

    async def plan(self) -> HistoryPlan:
        """Refuse."""
        self._fail()

    async def create(
        self, streams: Sequence[HistoryStream], *, confirmed: bool = False
    ) -> Sequence[HistoryOutcome]:
        """Refuse."""
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
        """Refuse."""
        self._fail()

    async def rerun(
        self,
        runs: Sequence[TaskRun],
        *,
        force: bool = False,
        from_events: bool = False,
        confirmed: bool = False,
    ) -> EnqueueReceipt:
        """Refuse."""
        self._fail()

    async def cancel(
        self, task_ids: Sequence[str], *, confirmed: bool = False
    ) -> Sequence[CancelOutcome]:
        """Refuse."""
        self._fail()

    async def read(self, task_id: str) -> DecodedResult:
        """Refuse."""
        self._fail()

    async def return_value(self, run: TaskRun) -> ReturnValue:
        """Say why it is not known, if a result is stored."""
        if run.stored_outcome is None:
            return ReturnValue(UNKNOWN)
        try:
            self._fail()
        except UserFacingError as error:
            return ReturnValue(UNKNOWN, error.detail or error.title)

    async def last_good_run(self, first: TaskRun) -> TaskRun | None:
        """Return the last good run as far as is known: no result can be read."""
        return last_good_run(self.state.runs, first)

    async def save(self, task_id: str, path: Path) -> int:
        """Refuse."""
        self._fail()

    async def buckets(self) -> Sequence[BucketStatus]:
        """Refuse."""
        self._fail()

    def watch_bucket(self, name: str) -> None:
        """Refuse."""
        self._fail()

    async def command(
        self, command: str, worker: str = "", level: str = "", *, confirmed: bool = False
    ) -> Sequence[CommandOutcome]:
        """Refuse."""
        self._fail()

    @abstractmethod
    def _fail(self) -> NoReturn:
        """Raise the reason why nothing can be done."""
