"""Results as JSON in the Object Store, stored even when the server is away for a while.

taskiq-nats writes pickles by default, gives up at the first error, and then the task's message
is acknowledged as if all were well: the task ran and nobody can ever know how it ended.
"""

import asyncio
import base64
import json
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from nats.errors import MaxPayloadError
from nats.js.errors import APIError, BucketNotFoundError, NotFoundError, ServiceUnavailableError
from taskiq import TaskiqResult
from taskiq.depends.progress_tracker import TaskProgress
from taskiq.serializers import JSONSerializer
from taskiq_nats import NATSObjectStoreResultBackend

from pulse_desktop.model.redaction import redact
from pulse_desktop.nats_client.client import NatsClient
from pulse_desktop.protocol.topics import RESULT_BUCKET
from pulse_workers.brokers.delivery import current_delivery
from pulse_workers.config.settings import Settings
from pulse_workers.errors import ResultNotSerializableError, ResultNotStoredError
from pulse_workers.results.object_writer import CHUNK, ObjectWriter
from pulse_workers.results.progress import ProgressReports, Report
from pulse_workers.runtime.connection import OUTAGE_ERRORS, connect_options

logger = logging.getLogger("pulse.workers.results")

CANCELLED: Final = asyncio.CancelledError.__name__
_REFUSALS: Final = 3
_FIRST_DELAY: Final = 0.2
_LONGEST_DELAY: Final = 5.0


class JsonResultBackend(NATSObjectStoreResultBackend[Any]):
    """The result bucket.

    Attributes:
        on_progress: called with what a task reports of its progress, a few times a second.
        on_not_stored: called with task id and error when the server refuses a result for good.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(
            settings.servers,
            bucket_name=RESULT_BUCKET,
            serializer=JSONSerializer(ensure_ascii=False),
            **connect_options(settings, "results"),
        )
        self.on_progress: Callable[[Report], None] | None = None
        self.on_not_stored: Callable[[str, ResultNotStoredError], None] | None = None
        self._reports = ProgressReports(self._tell_late)
        self._storing: set[asyncio.Task[None]] = set()
        self._writer: ObjectWriter | None = None

    async def startup(self) -> None:
        """Connect, and get ready to store."""
        # As TaskIQ does it, but for the client: TaskIQ's own knows no `tls://`.
        self.nats_client = NatsClient()
        await self.nats_client.connect(self.servers, **self.connect_options)
        self.nats_jetstream = self.nats_client.jetstream()
        try:
            self.object_store = await self.nats_jetstream.object_store(self.bucket_name)
        except BucketNotFoundError:
            self.object_store = await self.nats_jetstream.create_object_store(self.bucket_name)
        self._writer = ObjectWriter(self.nats_client, self.bucket_name)
        await self._writer.open()

    async def set_result(self, task_id: str, result: TaskiqResult[Any]) -> None:
        """Store a result; what has no JSON form becomes a failed result that says so.

        An outage is waited for, as long as it takes: the task keeps its slot meanwhile.

        Raises:
            ResultNotStoredError: the server is there and refuses, such as for want of room.
        """
        await self._end_progress(task_id)
        body = self._body(result)
        delivery = current_delivery.get()
        if delivery is not None:
            delivery.result_bytes = len(body)
        delay = _FIRST_DELAY
        refusals = 0
        while True:
            try:
                await self._put(task_id, body)
            except (APIError, MaxPayloadError) as error:
                refusals += not isinstance(error, ServiceUnavailableError)
                if refusals >= _REFUSALS:
                    raise self._not_stored(task_id, error) from error
            except OUTAGE_ERRORS as error:
                logger.warning("result of %s not stored yet: %s", task_id, type(error).__name__)
            else:
                return
            await asyncio.sleep(delay)
            delay = min(_LONGEST_DELAY, delay * 2)

    async def _put(self, task_id: str, body: bytes) -> None:
        if self._writer is not None and len(body) <= CHUNK:
            await self._writer.put(task_id, body)
        else:
            await self.object_store.put(name=task_id, data=body)

    async def set_progress(self, task_id: str, progress: TaskProgress[Any]) -> None:
        """Tell of the progress and store it, a few times a second at most.

        Never stops the task that reports it.
        """
        report = self._reports.report(task_id, progress)
        if report is not None:
            self._tell(report)
            await self._store_progress(report)

    async def get_progress(self, task_id: str) -> TaskProgress[Any] | None:
        """Return the progress last reported, by this process or as stored."""
        untold = self._reports.untold(task_id)
        if untold is not None:
            return untold
        try:
            return await super().get_progress(task_id)
        except NotFoundError:
            return None

    def forget_progress(self, task_id: str) -> None:
        """Tell the last report of an attempt that ended without a result."""
        report = self._reports.end(task_id)
        if report is not None:
            self._tell(report)

    async def stored_since(self, task_id: str, moment: float) -> bool:
        """Tell whether a result was stored at or after a time (Unix seconds, server's clock)."""
        name = base64.urlsafe_b64encode(task_id.encode()).decode()
        try:
            found = await self.nats_jetstream.get_last_msg(
                f"OBJ_{self.bucket_name}", f"$O.{self.bucket_name}.M.{name}", direct=True
            )
        except (NotFoundError, *OUTAGE_ERRORS):
            return False
        stored = (found.headers or {}).get("Nats-Time-Stamp", "")
        try:
            return datetime.fromisoformat(stored).timestamp() >= moment
        except ValueError:
            return False

    async def was_cancelled(self, task_id: str) -> bool:
        """Tell whether the stored result is that of a cancelled task."""
        try:
            found = await self.object_store.get(task_id)
            body = json.loads(found.data or b"")
        except (NotFoundError, ValueError, *OUTAGE_ERRORS):
            return False
        error = body.get("error") if isinstance(body, dict) else None
        return isinstance(error, dict) and error.get("exc_type") == CANCELLED

    async def _end_progress(self, task_id: str) -> None:
        report = self._reports.end(task_id)
        if report is not None:
            self._tell(report)
            await self._store_progress(report)

    def _tell(self, report: Report) -> None:
        if self.on_progress is not None:
            self.on_progress(report)

    def _tell_late(self, report: Report) -> None:
        self._tell(report)
        task = asyncio.create_task(self._store_progress(report), name="progress")
        self._storing.add(task)
        task.add_done_callback(self._storing.discard)

    async def _store_progress(self, report: Report) -> None:
        try:
            await super().set_progress(report.task_id, report.progress)
        except (*OUTAGE_ERRORS, ValueError, TypeError) as error:
            logger.warning("progress of %s not stored: %s", report.task_id, error)

    def _not_stored(self, task_id: str, error: Exception) -> ResultNotStoredError:
        text = error.description if isinstance(error, APIError) else str(error)
        refusal = ResultNotStoredError(f"the server refuses the result: {text}")
        if self.on_not_stored is not None:
            self.on_not_stored(task_id, refusal)
        return refusal

    def _body(self, result: TaskiqResult[Any]) -> bytes:
        """Write a result, replacing what cannot be written. Changes `result` accordingly."""
        try:
            return self._written(result)
        except Exception as error:  # noqa: BLE001 - the value's own code decides what is raised
            if not result.is_err:
                kind = type(result.return_value).__name__
                result.error = ResultNotSerializableError(
                    f"the task returned a value of type {kind}, which has no JSON form: "
                    f"{_short(error)}"
                )
            result.is_err = True
            result.return_value = None
        try:
            return self._written(result)
        except Exception as error:  # noqa: BLE001
            result.labels = {key: _short(value) for key, value in result.labels.items()}
            result.error = ResultNotSerializableError(
                f"{type(result.error).__name__}, which has no JSON form itself: {_short(error)}"
            )
        return self._written(result)

    def _written(self, result: TaskiqResult[Any]) -> bytes:
        fields = result.model_dump(mode="json")
        fields["error"] = _masked(fields["error"])
        body = self.serializer.dumpb(fields)
        body.decode()
        return body


def _masked(error: Any) -> Any:
    """Return an error as it is stored: many people read results, so no credential may stand there.

    What a task returns is its own affair and is left as it is.
    """
    if isinstance(error, str):
        return redact(error)
    if isinstance(error, list):
        return [_masked(part) for part in error]
    if isinstance(error, dict):
        return {_masked(key): _masked(part) for key, part in error.items()}
    return error


def _short(value: object) -> str:
    try:
        return str(value).encode("utf-8", "replace").decode()[:300]
    except Exception:  # noqa: BLE001
        return type(value).__name__
