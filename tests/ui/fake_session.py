"""A session for tests of the window: it records its calls and returns at once."""

import shutil
import tempfile
import time
import uuid
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pulse_desktop.model.bucket_status import BucketStatus
from pulse_desktop.model.connection_status import ConnectionStatus, HistoryProgress, Outage
from pulse_desktop.model.errors import (
    NotFoundError,
    OtherFailuresError,
    UserFacingError,
)
from pulse_desktop.model.group_marks import Mark, MarkKind
from pulse_desktop.model.history_extent import HistoryExtent
from pulse_desktop.model.history_plan import HistoryOutcome, HistoryPlan, HistoryStream
from pulse_desktop.model.outcomes import CancelOutcome, CancelStatus, CommandOutcome, CommandStatus
from pulse_desktop.model.queue_status import EnqueueReceipt, QueueStatus
from pulse_desktop.profiles.profile import Profile
from pulse_desktop.protocol.task_result import DecodedResult, TaskResult
from pulse_desktop.query.fingerprint import OTHER
from pulse_desktop.session.action_guard import ActionGuard
from pulse_desktop.session.compared_runs import find_last_good_run, read_return_value
from pulse_desktop.session.history_streams import create_action
from pulse_desktop.session.local_state.mark_table import MarkTable
from pulse_desktop.session.local_state.state_file import LocalStateFile
from pulse_desktop.session.task_client import (
    cancel_action,
    repeatable_request,
    rerun_action,
    run_action,
)
from pulse_desktop.session.worker_commands import command_action
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.run_comparison import ReturnValue
from pulse_desktop.state.system import SystemState

if TYPE_CHECKING:
    from pulse_desktop.protocol.taskiq_names import TaskiqNames

WORKER = "worker-1@host-a:4120"


def _remove(state_file: LocalStateFile, folder: Path) -> None:
    state_file.close()
    shutil.rmtree(folder, ignore_errors=True)


class FakeSession:
    """Implements `SessionBackend`.

    Attributes:
        state: what is shown.
        calls: arguments of every call, oldest first.
        error: raised by every call that is not forced.
        guard: passed before every action, as in a real session.
        queue_status: of the task queue.
        outcomes: of cancelling a task or commanding a worker, by id; success for all others.
        decoded: results by task id.
        default_result: for all other task ids, None for NotFoundError.
        bucket_list: the buckets.
        watched: names given to `watch_bucket`.
        saved: arguments of `save`.
        mark_table: marks of failure groups, in a file of its own.
        problem: why marks cannot be read.
        history_plan: what `plan` returns.
        history_errors: why a stream is not made, by its name.
        tries: number of calls of `try_now`.
        on_activity: set by the window that shows this session.
    """

    def __init__(self, state: SystemState | None = None, profile: Profile | None = None) -> None:
        self.state = SystemState() if state is None else state
        self.on_activity: Callable[[], object] = lambda: None
        self.connection_status = ConnectionStatus("connected", "nats://test:4222", 0.0)
        self.history: HistoryProgress | None = None
        self.history_extent = HistoryExtent()
        self.is_settled = True
        self.has_outcomes = True
        self.has_states = True
        self.has_recent = True
        self.data_time: float | None = None
        self.outages: Sequence[Outage] = ()
        self.tries = 0
        self.received = 0
        self.waiting = 0
        self.dropped = 0
        self.gaps = (0, 0)
        self.gap_reasons: tuple[str, ...] = ()
        self.jetstream_bytes: int | None = None
        self.limitations: list[str] = []
        self.can_keep_history = False
        self.history_plan = HistoryPlan(())
        self.history_errors: dict[str, UserFacingError] = {}
        self.unreadable: dict[str, str] = {}
        self.other_names: TaskiqNames | None = None
        self.has_permission_errors = False
        self.is_restricted = False
        self.from_events = False
        self.guard = ActionGuard(profile or Profile())
        self.calls: list[Any] = []
        self.error: UserFacingError | None = None
        self.queue_status: QueueStatus | None = None
        self.outcomes: dict[str, Any] = {}
        self.decoded: dict[str, DecodedResult] = {}
        self.default_result: DecodedResult | None = decoded({"n": 1}, raw=b'{"n": 1}')
        self.bucket_list = [BucketStatus("taskiq_results", watched=True)]
        self.watched: list[str] = []
        self.saved: list[tuple[str, Path]] = []
        # Made with the first mark, and removed with the session.
        folder = Path(tempfile.gettempdir(), f"pulse-test-{uuid.uuid4().hex}")
        state_file = LocalStateFile(folder / "marks.sqlite3")
        self.mark_table = MarkTable(state_file)
        weakref.finalize(self, _remove, state_file, folder)
        self.problem: UserFacingError | None = None

    def now(self) -> float:
        return time.time()

    def try_now(self) -> None:
        self.tries += 1

    def drain(self, budget_s: float) -> bool:  # noqa: ARG002 - the Protocol has it
        return False

    @property
    def tasks(self) -> "FakeSession":
        return self

    @property
    def results(self) -> "FakeSession":
        return self

    @property
    def workers(self) -> "FakeSession":
        return self

    @property
    def history_streams(self) -> "FakeSession":
        return self

    @property
    def group_marks(self) -> "FakeSession":
        return self

    async def set_mark(self, group_id: str, kind: MarkKind, text: str = "") -> None:
        if group_id == OTHER.id:
            raise OtherFailuresError
        self._put_mark(group_id, kind, Mark(self.now(), "bob@host", text))

    async def remove_mark(self, group_id: str, kind: MarkKind) -> None:
        self._put_mark(group_id, kind, None)

    def _put_mark(self, group_id: str, kind: MarkKind, mark: Mark | None) -> None:
        if self.error is not None:
            raise self.error
        self.mark_table.put(group_id, kind, mark)
        self.state.failure_groups.set_marks(self.mark_table.load())

    async def plan(self) -> HistoryPlan:
        if self.error is not None:
            raise self.error
        return self.history_plan

    async def create(
        self, streams: Sequence[HistoryStream], *, confirmed: bool = False
    ) -> Sequence[HistoryOutcome]:
        self.guard.check(create_action(streams), confirmed=confirmed, always_asks=True)
        self._call(("create", list(streams)))
        errors = self.history_errors
        return [
            HistoryOutcome(each, each.name not in errors, errors.get(each.name)) for each in streams
        ]

    @property
    def read_only(self) -> bool:
        return self.guard.read_only

    def set_read_only(self, *, read_only: bool) -> None:
        self.guard.read_only = read_only

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
        self.guard.check(run_action(task_name), confirmed=confirmed)
        self._call((task_name, args, kwargs, labels, rerun_of, force), force=force)
        return EnqueueReceipt(("0" * 32,), durable=True)

    async def rerun(
        self,
        runs: Sequence[TaskRun],
        *,
        force: bool = False,
        from_events: bool = False,
        confirmed: bool = False,
    ) -> EnqueueReceipt:
        for run in runs:
            repeatable_request(run, from_events=from_events)
        self.guard.check(rerun_action(runs), confirmed=confirmed)
        self.from_events = from_events
        self._call(([run.task_id for run in runs], force), force=force)
        return EnqueueReceipt(tuple(f"new-{run.task_id}" for run in runs), durable=True)

    async def cancel(
        self, task_ids: Sequence[str], *, confirmed: bool = False
    ) -> Sequence[CancelOutcome]:
        self.guard.check(cancel_action(task_ids), confirmed=confirmed)
        self._call(("cancel", list(task_ids)))
        return [
            self.outcomes.get(each, CancelOutcome(each, CancelStatus.CANCELLED, WORKER))
            for each in task_ids
        ]

    async def command(
        self, command: str, worker: str = "", level: str = "", *, confirmed: bool = False
    ) -> Sequence[CommandOutcome]:
        self.guard.check(command_action(command, worker, level), confirmed=confirmed)
        self._call((command, worker, level))
        return [
            self.outcomes.get(worker, CommandOutcome(worker or WORKER, command, CommandStatus.DONE))
        ]

    async def read(self, task_id: str) -> DecodedResult:
        self._call(task_id)
        found = self.decoded.get(task_id, self.default_result)
        if found is None:
            raise NotFoundError("Result not found", "It is gone from the bucket.")
        return found

    async def return_value(self, run: TaskRun) -> ReturnValue:
        return await read_return_value(run, self.read)

    async def last_good_run(self, first: TaskRun) -> TaskRun | None:
        return (await find_last_good_run(self.state.runs, first, self.read)).run

    async def save(self, task_id: str, path: Path) -> int:
        if task_id not in self.decoded:
            raise UserFacingError("Cannot save the result", "No space left on device.")
        self.saved.append((task_id, path))
        return 412

    async def buckets(self) -> Sequence[BucketStatus]:
        if self.error is not None:
            raise self.error
        return self.bucket_list

    def watch_bucket(self, name: str) -> None:
        self.watched.append(name)

    def _call(self, arguments: Any, *, force: bool = False) -> None:
        self.calls.append(arguments)
        if self.error is not None and not force:
            raise self.error


def decoded(value: Any, *, raw: bytes = b"{}", **fields: Any) -> DecodedResult:
    """Return a result that was read from a JSON body."""
    given: dict[str, Any] = {"is_err": False, "execution_time": None, "labels": {}, "error": None}
    given |= {"format": "json", "outcome": "succeeded", "soft_reason": "", **fields}
    return DecodedResult(raw, TaskResult(return_value=value, **given))
