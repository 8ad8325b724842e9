"""Interfaces of a session that the window uses, one Protocol per concern.

The window never imports NATS or the session. The composition root passes an object that implements
`SessionBackend`; mypy checks that `pulse_desktop.session.session.Session` does. Every `async`
method, and every method that says so, raises `UserFacingError` with a reason for the operator.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from pulse_desktop.model.bucket_status import BucketStatus
from pulse_desktop.model.connection_status import ConnectionStatus, HistoryProgress, Outage
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.model.group_marks import MarkKind
from pulse_desktop.model.history_extent import HistoryExtent
from pulse_desktop.model.history_plan import HistoryOutcome, HistoryPlan, HistoryStream
from pulse_desktop.model.outcomes import CancelOutcome, CommandOutcome
from pulse_desktop.model.queue_status import EnqueueReceipt, QueueStatus
from pulse_desktop.protocol.task_result import DecodedResult
from pulse_desktop.protocol.taskiq_names import TaskiqNames
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.run_comparison import ReturnValue
from pulse_desktop.state.system import SystemState


class TaskBackend(Protocol):
    """Enqueues, re-runs and cancels tasks."""

    @property
    def queue_status(self) -> QueueStatus | None:
        """The task queue as of the last poll, None before the first."""

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
        """Enqueue a task by name.

        Args:
            task_name: as registered with the workers.
            args: JSON array.
            kwargs: JSON object.
            labels: of the task.
            force: enqueue it even if no worker consumes the queue.
            rerun_of: task id of the run that this one repeats with changes, empty for none.
            confirmed: whether the operator has confirmed it.
        """

    async def rerun(
        self,
        runs: Sequence[TaskRun],
        *,
        force: bool = False,
        from_events: bool = False,
        confirmed: bool = False,
    ) -> EnqueueReceipt:
        """Enqueue runs again, exactly as captured, each under a new id.

        Args:
            runs: runs whose arguments are known.
            force: enqueue them even if no worker consumes the queue.
            from_events: allow arguments known only from an event.
            confirmed: whether the operator has confirmed it.
        """

    async def cancel(
        self, task_ids: Sequence[str], *, confirmed: bool = False
    ) -> Sequence[CancelOutcome]:
        """Cancel queued or running tasks; return one outcome per task, in this order."""


class ResultBackend(Protocol):
    """Reads and saves stored results, and selects the bucket that is watched."""

    async def read(self, task_id: str) -> DecodedResult:
        """Read and decode a stored result without running any code of it."""

    async def return_value(self, run: TaskRun) -> ReturnValue:
        """Return what a run returned, or why its stored result cannot be read."""

    async def last_good_run(self, first: TaskRun) -> TaskRun | None:
        """Return the last known good run of a task: its stored result is a success too.

        Args:
            first: a run of the task. The latest good one before it is best, else one after it.
        """

    async def save(self, task_id: str, path: Path) -> int:
        """Save the bytes of a stored result to a file; return their number."""

    async def buckets(self) -> Sequence[BucketStatus]:
        """Return the buckets that may hold results, the watched one with its size."""

    def watch_bucket(self, name: str) -> None:
        """Show the results of another bucket from now on. May raise UserFacingError."""


class WorkerBackend(Protocol):
    """Sends commands to workers."""

    async def command(
        self, command: str, worker: str = "", level: str = "", *, confirmed: bool = False
    ) -> Sequence[CommandOutcome]:
        """Send a command to one worker or to all; return one outcome per worker.

        Args:
            command: `pause`, `resume`, `drain` or `log_level`.
            worker: its id, empty for all workers that accept commands.
            level: for `log_level`: DEBUG, INFO, WARNING or ERROR.
            confirmed: whether the operator has confirmed it.
        """


class GroupMarkBackend(Protocol):
    """Keeps the marks of failure groups on this machine."""

    @property
    def problem(self) -> UserFacingError | None:
        """Why marks cannot be read, None if they can."""

    async def set_mark(self, group_id: str, kind: MarkKind, text: str = "") -> None:
        """Set a mark of a group; the text is that of a note."""

    async def remove_mark(self, group_id: str, kind: MarkKind) -> None:
        """Remove a mark of a group."""


class HistoryBackend(Protocol):
    """Makes the streams that keep history on a server."""

    async def plan(self) -> HistoryPlan:
        """Return what the server keeps, and what can be made; nothing is changed."""

    async def create(
        self, streams: Sequence[HistoryStream], *, confirmed: bool = False
    ) -> Sequence[HistoryOutcome]:
        """Make streams; return one outcome for each, in this order.

        Args:
            streams: of `plan`, with limits of choice.
            confirmed: whether the operator has confirmed it, which is required on every system.
        """


class ConnectionBackend(Protocol):
    """State of the connection, for the top bar, the status bar and the notices."""

    def now(self) -> float:
        """Return Unix seconds by the server's clock as far as it is known, else by this one."""

    @property
    def connection_status(self) -> ConnectionStatus:
        """State of the connection."""

    @property
    def history(self) -> HistoryProgress | None:
        """How much of the newest part of history was read; None when all was, or offline."""

    @property
    def history_extent(self) -> HistoryExtent:
        """How much of the whole stored history was read."""

    @property
    def is_settled(self) -> bool:
        """Whether history was read long enough ago to judge what is missing, such as workers."""

    @property
    def has_outcomes(self) -> bool:
        """Whether the outcomes of the latest runs are known, also those in results."""

    @property
    def has_states(self) -> bool:
        """Whether the states of all runs are known: no event of one is still to be read."""

    @property
    def has_recent(self) -> bool:
        """Whether the history of the last hour was read as far as it can be, and the marks."""

    @property
    def data_time(self) -> float | None:
        """Unix seconds for which the state is true; None while that is now."""

    @property
    def outages(self) -> Sequence[Outage]:
        """Times without a connection since the first one, oldest first."""

    def try_now(self) -> None:
        """Try to connect at once instead of waiting for the next attempt."""

    @property
    def received(self) -> int:
        """Messages received so far."""

    @property
    def waiting(self) -> int:
        """Messages received and not folded yet."""

    @property
    def dropped(self) -> int:
        """Messages lost on this side."""

    @property
    def gaps(self) -> tuple[int, int]:
        """Number of gaps in what was received: open, and filled from history."""

    @property
    def gap_reasons(self) -> Sequence[str]:
        """What happened in the gaps, sentences without their full stops."""

    @property
    def jetstream_bytes(self) -> int | None:
        """Bytes that JetStream stores on the server, None when unknown."""

    @property
    def limitations(self) -> Sequence[str]:
        """Limitations on this server, each with its reason."""

    @property
    def can_keep_history(self) -> bool:
        """Whether no stream stores events or tasks, and one can be made."""

    @property
    def unreadable(self) -> Mapping[str, str]:
        """Why stored `events`, `tasks` and `results` cannot be read, without those that can be."""

    @property
    def other_names(self) -> TaskiqNames | None:
        """Other names that have tasks or results, if the configured names have none."""

    @property
    def has_permission_errors(self) -> bool:
        """Whether the server refused something to these credentials."""

    @property
    def is_restricted(self) -> bool:
        """Whether something is refused or switched off, not merely without history."""

    @property
    def read_only(self) -> bool:
        """Whether every action on the server is refused."""

    def set_read_only(self, *, read_only: bool) -> None:
        """Refuse or allow actions on the server from now on."""


class SessionBackend(ConnectionBackend, Protocol):
    """One session, as a window sees it.

    Attributes:
        on_activity: called when there is something to fold or to show; perhaps many times.
    """

    on_activity: Callable[[], object]

    @property
    def state(self) -> SystemState:
        """State of the monitored system."""

    def drain(self, budget_s: float) -> bool:
        """Fold arrivals for at most about `budget_s` seconds; return whether there is more."""

    @property
    def tasks(self) -> TaskBackend:
        """Enqueues, re-runs and cancels tasks."""

    @property
    def results(self) -> ResultBackend:
        """Reads and saves results."""

    @property
    def workers(self) -> WorkerBackend:
        """Sends commands to workers."""

    @property
    def group_marks(self) -> GroupMarkBackend:
        """Keeps the marks of failure groups."""

    @property
    def history_streams(self) -> HistoryBackend:
        """Makes the streams that keep history."""
