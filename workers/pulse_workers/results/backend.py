"""Result backend: plain data in the Object Store, stored even after an outage of the server.

taskiq-nats writes and reads pickles by default, and gives up at the first error; the task's message
is then acknowledged although no result exists.
"""

import asyncio
import base64
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from nats.errors import MaxPayloadError
from nats.js.errors import APIError, BucketNotFoundError, NotFoundError, ServiceUnavailableError
from taskiq import TaskiqResult
from taskiq.depends.progress_tracker import TaskProgress
from taskiq_nats import NATSObjectStoreResultBackend

from pulse_desktop.model.redaction import redacted_start
from pulse_desktop.nats_client.backoff import Backoff
from pulse_desktop.nats_client.client import NatsClient
from pulse_desktop.nats_client.connect import require_jetstream
from pulse_desktop.protocol.soft_failure import classify_return_value
from pulse_desktop.protocol.stored_body import UnreadableBodyError
from pulse_desktop.protocol.topics import RESULT_BUCKET
from pulse_workers.config.known_secrets import KNOWN_SECRETS, without_secrets
from pulse_workers.config.settings import Settings
from pulse_workers.errors import OUTAGE_ERRORS, ResultNotSerializableError, ResultNotStoredError
from pulse_workers.execution.delivery import current_delivery
from pulse_workers.results.object_reader import SmallObjectStore
from pulse_workers.results.object_writer import CHUNK_SIZE, ObjectWriter
from pulse_workers.results.progress import ProgressReport, ProgressReports
from pulse_workers.results.serializer import ResultSerializer
from pulse_workers.runtime.connection import connect_options

logger = logging.getLogger("pulse.workers.results")

CANCELLED: Final = asyncio.CancelledError.__name__
_MAX_REJECTIONS: Final = 3
_MIN_RETRY_DELAY_S: Final = 0.2
_MAX_RETRY_DELAY_S: Final = 5.0
_MAX_LABEL_TEXT: Final = 300


class ObjectStoreResultBackend(NATSObjectStoreResultBackend[Any]):
    """The result bucket.

    Attributes:
        on_progress: called with the progress that tasks report, a few times a second.
        on_not_stored: called with task id and error when the server rejects a result for good.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(
            settings.servers,
            bucket_name=RESULT_BUCKET,
            serializer=ResultSerializer(settings.result_format),
            **connect_options(settings, "results"),
        )
        self.on_progress: Callable[[ProgressReport], None] | None = None
        self.on_not_stored: Callable[[str, ResultNotStoredError], None] | None = None
        self._reports = ProgressReports(self._on_due_report)
        self._storing: set[asyncio.Task[None]] = set()
        self._writer: ObjectWriter | None = None

    async def startup(self) -> None:
        """Connect, and open the bucket."""
        # As in TaskIQ, except for the client: TaskIQ's does not know `tls://`.
        self.nats_client = NatsClient(require_jetstream)
        await self.nats_client.connect(self.servers, **self.connect_options)
        self.nats_jetstream = self.nats_client.jetstream()
        try:
            await self.nats_jetstream.object_store(self.bucket_name)
        except BucketNotFoundError:
            await self.nats_jetstream.create_object_store(self.bucket_name)
        self.object_store = SmallObjectStore(self.nats_jetstream, self.bucket_name)
        self._writer = ObjectWriter(self.nats_client, self.bucket_name)
        await self._writer.open()

    async def set_result(self, task_id: str, result: TaskiqResult[Any]) -> None:
        """Store a result; a value without a JSON form becomes a failed result that says so.

        Waits for the end of an outage, however long it takes: the task keeps its slot meanwhile.

        Raises:
            ResultNotStoredError: the server rejects the result, such as for lack of space.
        """
        await self._finish_progress(task_id)
        body = self.encode(result)
        delivery = current_delivery.get()
        if delivery is not None:
            delivery.result_bytes = len(body)
        try:
            await self._store(task_id, body)
        except (APIError, MaxPayloadError) as error:
            rejection = self._not_stored(task_id, error)
            result.is_err, result.return_value, result.error = True, None, rejection
            small = self.encode(result.model_copy(update={"labels": {}}))
            try:
                if len(small) >= len(body):
                    raise rejection from error
                await self._store(task_id, small)
            except (APIError, MaxPayloadError, ResultNotStoredError):
                if delivery is not None:
                    delivery.dead_letter = str(rejection)
                raise rejection from error

    async def _store(self, task_id: str, body: bytes) -> None:
        """Store a result as soon as the server can.

        Raises:
            nats.js.errors.APIError, nats.errors.MaxPayloadError: the server rejects it repeatedly.
        """
        backoff = Backoff(_MIN_RETRY_DELAY_S, _MAX_RETRY_DELAY_S)
        rejections = 0
        while True:
            try:
                await self._put(task_id, body)
            except (APIError, MaxPayloadError) as error:
                rejections += not isinstance(error, ServiceUnavailableError)
                if rejections >= _MAX_REJECTIONS:
                    raise
            except OUTAGE_ERRORS as error:
                logger.warning("result of %s not stored yet: %s", task_id, type(error).__name__)
            else:
                return
            await asyncio.sleep(backoff.next_delay())

    async def _put(self, task_id: str, body: bytes) -> None:
        if self._writer is not None and len(body) <= CHUNK_SIZE:
            await self._writer.put(task_id, body)
        else:
            await self.object_store.put(name=task_id, data=body)

    async def set_progress(self, task_id: str, progress: TaskProgress[Any]) -> None:
        """Publish and store progress, a few times a second at most.

        Never fails the task that reports it.
        """
        report = self._reports.add(task_id, progress)
        if report is not None:
            self._publish(report)
            await self._store_progress(report)

    async def get_progress(self, task_id: str) -> TaskProgress[Any] | None:
        """Return the progress last reported, by this process or as stored."""
        pending = self._reports.pending(task_id)
        if pending is not None:
            return pending
        try:
            return await super().get_progress(task_id)
        except NotFoundError:
            return None

    def flush_progress(self, task_id: str) -> None:
        """Publish the last report of an attempt that ended without a result."""
        report = self._reports.finish(task_id)
        if report is not None:
            self._publish(report)

    async def stored_since(self, task_id: str, since: float) -> bool:
        """Return whether a result was stored at or after `since` (Unix seconds, server's clock)."""
        name = base64.urlsafe_b64encode(task_id.encode()).decode()
        try:
            found = await self.nats_jetstream.get_last_msg(
                f"OBJ_{self.bucket_name}", f"$O.{self.bucket_name}.M.{name}", direct=True
            )
        except (NotFoundError, *OUTAGE_ERRORS):
            return False
        stored = (found.headers or {}).get("Nats-Time-Stamp", "")
        try:
            return datetime.fromisoformat(stored).timestamp() >= since
        except ValueError:
            return False

    async def was_cancelled(self, task_id: str) -> bool:
        """Return whether the stored result is that of a cancelled task."""
        try:
            found = await self.object_store.get(task_id)
            body = self.serializer.loadb(found.data or b"")
        except (NotFoundError, ValueError, UnreadableBodyError, *OUTAGE_ERRORS):
            return False
        error = body.get("error") if isinstance(body, dict) else None
        return isinstance(error, dict) and error.get("exc_type") == CANCELLED

    def encode(self, result: TaskiqResult[Any]) -> bytes:
        """Encode a result, replacing values without a JSON form. Changes `result` accordingly."""
        try:
            return self._encode_as_is(result)
        except Exception as error:  # noqa: BLE001 - the value's own code decides what is raised
            if not result.is_err:
                kind = type(result.return_value).__name__
                result.error = ResultNotSerializableError(
                    f"the task returned a value of type {kind}, which has no JSON form: "
                    f"{_short_text(error)}"
                )
            result.is_err = True
            result.return_value = None
        try:
            return self._encode_as_is(result)
        except Exception as error:  # noqa: BLE001
            result.labels = {key: _short_text(value) for key, value in result.labels.items()}
            result.error = ResultNotSerializableError(
                f"{type(result.error).__name__}, which has no JSON form itself: "
                f"{_short_text(error)}"
            )
        return self._encode_as_is(result)

    def _encode_as_is(self, result: TaskiqResult[Any]) -> bytes:
        fields = result.model_dump(mode="json")
        fields["error"] = _masked(fields["error"], without_secrets)
        value = fields["return_value"]
        if classify_return_value(value).outcome == "soft_failed":
            fields["return_value"] = _masked(value, KNOWN_SECRETS.mask)
        return self.serializer.dumpb(fields)

    async def _finish_progress(self, task_id: str) -> None:
        report = self._reports.finish(task_id)
        if report is not None:
            self._publish(report)
            await self._store_progress(report)

    def _publish(self, report: ProgressReport) -> None:
        if self.on_progress is not None:
            self.on_progress(report)

    def _on_due_report(self, report: ProgressReport) -> None:
        self._publish(report)
        task = asyncio.create_task(self._store_progress(report), name="progress")
        self._storing.add(task)
        task.add_done_callback(self._storing.discard)

    async def _store_progress(self, report: ProgressReport) -> None:
        try:
            await super().set_progress(report.task_id, report.progress)
        except (*OUTAGE_ERRORS, ValueError, TypeError) as error:
            logger.warning("progress of %s not stored: %s", report.task_id, error)

    def _not_stored(self, task_id: str, error: Exception) -> ResultNotStoredError:
        text = error.description if isinstance(error, APIError) else str(error)
        rejection = ResultNotStoredError(f"the server rejects the result: {text}")
        if self.on_not_stored is not None:
            self.on_not_stored(task_id, rejection)
        return rejection


def _masked(value: Any, mask: Callable[[str], str]) -> Any:
    """Return an error, or a soft failure, without secrets: many users can read results.

    Other return values are stored unchanged: they belong to the task.
    """
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, list):
        return [_masked(part, mask) for part in value]
    if isinstance(value, dict):
        return {_masked(key, mask): _masked(part, mask) for key, part in value.items()}
    return value


def _short_text(value: object) -> str:
    try:
        return redacted_start(str(value).encode("utf-8", "replace").decode(), _MAX_LABEL_TEXT)
    except Exception:  # noqa: BLE001
        return type(value).__name__
