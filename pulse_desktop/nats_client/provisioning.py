"""Provisioning: create the streams, buckets and consumer that workers use, with limits.

Left to themselves, taskiq-nats and nats-py create them without limits, and they grow until the
disk is full. What exists already is used as it is: an operator may have chosen its limits.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import APIError, NotFoundError

from pulse_desktop.model.history_plan import DUPLICATE_WINDOW_S, HistoryKind, HistoryLimits
from pulse_desktop.nats_client.client import client_of, server_info
from pulse_desktop.nats_client.history_stream_config import history_config
from pulse_desktop.nats_client.jetstream import JetStreamState, state_of_error
from pulse_desktop.protocol.history_stream_names import history_stream, is_task_history
from pulse_desktop.protocol.taskiq_names import TaskiqNames
from pulse_desktop.protocol.topics import (
    EVENT_STREAM,
    EVENT_STREAM_SUBJECT,
    RESULT_BUCKET,
    TASK_CONSUMER,
    TASK_STREAM,
    TASK_SUBJECT,
)
from pulse_desktop.text.translation import _

logger = logging.getLogger(__name__)

MIB: Final = 1024 * 1024

NO_STORAGE_CODE: Final = 10047
SUBJECTS_OVERLAP_CODE: Final = 10065
NAME_IN_USE_CODE: Final = 10058
_TRANSIENT_CODES: Final = frozenset({10005, 10023})
"""No peers to place a stream on, no resources: both pass while a cluster starts."""
_RETRY_TIMEOUT_S: Final = 20.0
_RETRY_PAUSE_S: Final = 0.5
_MIN_BYTES: Final = 16 * MIB
_MAX_WAITING_PULLS: Final = 4096
_MAX_ACK_PENDING: Final = 20_000


@dataclass(frozen=True)
class StreamLimits:
    """Names and limits of what is created. Ages in seconds, sizes in bytes.

    Attributes:
        task_stream: whether tasks are kept in a stream; not with the core broker.
        ack_wait: seconds after which an unacknowledged task is delivered again.
        replicas: copies of each stream in the cluster.
        task_max_age: of a task in its stream.
        task_max_bytes: of all tasks; more are rejected.
        event_max_age: of an event.
        event_max_bytes: of all events; the oldest are removed.
        result_ttl: of a result.
        result_max_bytes: of all results; the oldest are removed.
        store_buckets: names of further key-value buckets.
        store_ttl: of an entry in them.
        store_max_bytes: of each of them.
        schedule_bucket: name of the bucket for schedules, which do not expire.
        schedule_max_bytes: of all schedules.
    """

    task_stream: bool
    ack_wait: float
    replicas: int
    task_max_age: float
    task_max_bytes: int
    event_max_age: float
    event_max_bytes: int
    result_ttl: float
    result_max_bytes: int
    store_buckets: tuple[str, ...]
    store_ttl: float
    store_max_bytes: int
    schedule_bucket: str
    schedule_max_bytes: int


@dataclass(frozen=True)
class Provisioned:
    """The result of provisioning.

    Attributes:
        ack_wait: the task consumer's, in seconds: it decides how often a task is kept alive.
        created: names of what this call created.
        history: whether the server keeps events.
    """

    ack_wait: float
    created: tuple[str, ...]
    history: bool


class SubjectsOverlapError(APIError):
    """A stream cannot be created because another one has one of its subjects.

    Attributes:
        detail: which subject, and of which stream, for the operator.
        advice: what to do about it.
    """

    def __init__(self, stream: str, subject: str, holder: str) -> None:
        """Describe the error.

        Args:
            stream: name of the stream that cannot be created.
            subject: one of its subjects.
            holder: name of the existing stream with an overlapping subject.
        """
        super().__init__(err_code=SUBJECTS_OVERLAP_CODE, stream=stream)
        detail = _(
            "it cannot be created: its subject {subject} overlaps with the existing stream {holder}"
        )
        self.detail = detail.format(subject=subject, holder=holder)
        advice = _(
            "Remove the subject from {holder} with `nats stream edit {holder}`, or give these "
            "workers a NATS account of their own."
        )
        if is_task_history(holder):
            advice = _(
                "It keeps only copies of tasks, for the history of Pulse Desktop: remove it with "
                "`nats stream rm {holder}`."
            )
        self.advice = advice.format(holder=holder)


async def provision(
    js: JetStreamContext, limits: StreamLimits, *, is_refused: Callable[[], bool] = lambda: False
) -> Provisioned:
    """Create what is missing; retry for a while, since a starting cluster elects leaders first.

    Args:
        js: of a connected client.
        limits: what to create.
        is_refused: whether the server has refused a request of this client, so that there is no
            use in retrying.

    Raises:
        APIError: JetStream is off, or rejects a request.
        nats.errors.Error, TimeoutError: no answer.
    """
    deadline = time.monotonic() + _RETRY_TIMEOUT_S
    while True:
        try:
            return await _provision(js, limits)
        except (APIError, TimeoutError, NatsTimeoutError) as error:
            if not _is_transient(js, error) or time.monotonic() > deadline or is_refused():
                raise
            logger.info("JetStream is not ready (%s), retrying", type(error).__name__)
        await asyncio.sleep(_RETRY_PAUSE_S)


async def enlarge_store(js: JetStreamContext, limits: StreamLimits) -> tuple[str, ...]:
    """Enlarge the buckets of the store that are smaller than the limits say; return their names.

    Raises:
        APIError: JetStream rejects a request, such as for lack of storage.
        nats.errors.Error, TimeoutError: no answer.
    """
    enlarged: list[str] = []
    for bucket in limits.store_buckets:
        config = (await js.stream_info(f"KV_{bucket}")).config
        if 0 < (config.max_bytes or 0) < limits.store_max_bytes:
            await js.update_stream(config.evolve(max_bytes=limits.store_max_bytes))
            enlarged.append(bucket)
    return tuple(enlarged)


async def provision_schedules(js: JetStreamContext, limits: StreamLimits) -> bool:
    """Create the bucket for schedules; return False if it existed.

    Raises:
        APIError: JetStream is off, or rejects a request.
        nats.errors.Error, TimeoutError: no answer.
    """
    return await _ensure_stream(js, _schedule_bucket(limits))


async def ensure_task_consumer(js: JetStreamContext, ack_wait: float) -> float:
    """Create the durable pull consumer if it is missing; return its ack wait in seconds."""
    try:
        info = await js.consumer_info(TASK_STREAM, TASK_CONSUMER)
    except NotFoundError:
        info = await js.add_consumer(
            TASK_STREAM,
            ConsumerConfig(
                durable_name=TASK_CONSUMER,
                ack_policy=AckPolicy.EXPLICIT,
                ack_wait=ack_wait,
                max_ack_pending=_MAX_ACK_PENDING,
                max_waiting=_MAX_WAITING_PULLS,
                filter_subject=TASK_SUBJECT,
            ),
        )
    return info.config.ack_wait or ack_wait


def _is_transient(js: JetStreamContext, error: Exception) -> bool:
    """Whether the same request may well succeed in a moment."""
    if not isinstance(error, APIError) or error.err_code in _TRANSIENT_CODES:
        return True
    server = server_info(client_of(js))
    state = state_of_error(error, server)
    # The account of a cluster that starts may still be missing on some of its servers.
    return state is JetStreamState.NOT_READY or (
        state is JetStreamState.NO_ACCOUNT and bool(server.cluster)
    )


async def _provision(js: JetStreamContext, limits: StreamLimits) -> Provisioned:
    tasks = (_task_stream(limits),) if limits.task_stream else ()
    created = [
        str(config.name)
        for config in (*tasks, *_buckets(limits), _schedule_bucket(limits))
        if await _ensure_stream(js, config)
    ]
    history = True
    try:
        if await _ensure_stream(js, _event_stream(limits)):
            created.append(EVENT_STREAM)
    except APIError as error:
        if error.err_code != SUBJECTS_OVERLAP_CODE:
            raise
        history = False
        logger.warning(
            "no history stream %s: %s",
            EVENT_STREAM,
            error.detail
            if isinstance(error, SubjectsOverlapError)
            else f"another stream holds subjects of {EVENT_STREAM_SUBJECT}",
        )
    if limits.task_stream:
        ack_wait = await ensure_task_consumer(js, limits.ack_wait)
    else:
        ack_wait = limits.ack_wait
        await _warn_of_task_stream(js)
    return Provisioned(ack_wait, tuple(created), history)


def planned_streams(limits: StreamLimits) -> tuple[StreamConfig, ...]:
    """Return the streams, those of buckets included, that `provision` creates when missing."""
    tasks = (_task_stream(limits),) if limits.task_stream else ()
    return (*tasks, *_buckets(limits), _schedule_bucket(limits), _event_stream(limits))


async def _warn_of_task_stream(js: JetStreamContext) -> None:
    """Warn when tasks of the core broker are also kept for workers that pull them."""
    with contextlib.suppress(NotFoundError):
        stream = await js.find_stream_name_by_subject(TASK_SUBJECT)
        if is_task_history(stream):
            return
        logger.warning(
            "stream %s keeps %s too: workers that pull from it run every task once more",
            stream,
            TASK_SUBJECT,
        )


def _task_stream(limits: StreamLimits) -> StreamConfig:
    return StreamConfig(
        name=TASK_STREAM,
        subjects=[TASK_SUBJECT],
        retention=RetentionPolicy.LIMITS,
        max_age=limits.task_max_age,
        max_bytes=limits.task_max_bytes,
        discard=DiscardPolicy.NEW,  # a task is rejected, not dropped; see `stream_retention`
        storage=StorageType.FILE,
        num_replicas=limits.replicas,
        duplicate_window=min(DUPLICATE_WINDOW_S, limits.task_max_age),
        allow_direct=True,
    )


def _event_stream(limits: StreamLimits) -> StreamConfig:
    kept = HistoryLimits(limits.event_max_age, limits.event_max_bytes, limits.replicas)
    return history_config(history_stream(HistoryKind.EVENTS, TaskiqNames(), kept))


def _buckets(limits: StreamLimits) -> tuple[StreamConfig, ...]:
    return (
        StreamConfig(
            name=f"OBJ_{RESULT_BUCKET}",
            subjects=[f"$O.{RESULT_BUCKET}.C.>", f"$O.{RESULT_BUCKET}.M.>"],
            max_age=limits.result_ttl,
            max_bytes=limits.result_max_bytes,
            discard=DiscardPolicy.OLD,  # the newest results are the ones that clients wait for
            storage=StorageType.FILE,
            num_replicas=limits.replicas,
            duplicate_window=min(DUPLICATE_WINDOW_S, limits.result_ttl),
            allow_rollup_hdrs=True,
            allow_direct=True,
        ),
        *(
            _key_value_bucket(bucket, limits, limits.store_max_bytes, max_age=limits.store_ttl)
            for bucket in limits.store_buckets
        ),
    )


def _schedule_bucket(limits: StreamLimits) -> StreamConfig:
    """Describe the bucket for schedules: taskiq-nats would run each older value of a key too."""
    return _key_value_bucket(limits.schedule_bucket, limits, limits.schedule_max_bytes)


def _key_value_bucket(
    bucket: str, limits: StreamLimits, max_bytes: int, *, max_age: float | None = None
) -> StreamConfig:
    return StreamConfig(
        name=f"KV_{bucket}",
        subjects=[f"$KV.{bucket}.>"],
        max_age=max_age,
        max_bytes=max_bytes,
        max_msgs_per_subject=1,
        discard=DiscardPolicy.NEW,
        storage=StorageType.FILE,
        num_replicas=limits.replicas,
        duplicate_window=min(DUPLICATE_WINDOW_S, max_age or DUPLICATE_WINDOW_S),
        allow_rollup_hdrs=True,
        deny_delete=True,
        allow_direct=True,
    )


async def _ensure_stream(js: JetStreamContext, config: StreamConfig) -> bool:
    """Create the stream and return True, or False if one of this name exists."""
    try:
        await js.stream_info(str(config.name))
    except NotFoundError:
        pass
    else:
        return False
    size = config.max_bytes or _MIN_BYTES
    while True:
        try:
            await js.add_stream(config.evolve(max_bytes=size))
        except APIError as error:
            if error.err_code == NAME_IN_USE_CODE:  # another worker was quicker
                return False
            if error.err_code == SUBJECTS_OVERLAP_CODE:
                raise await overlap_error(js, config) or error from error
            if error.err_code != NO_STORAGE_CODE or size <= _MIN_BYTES:
                raise
            size = max(_MIN_BYTES, size // 2)
            logger.warning(
                "%s: the server has little storage, limit now %d MiB", config.name, size // MIB
            )
        else:
            return True


async def overlap_error(js: JetStreamContext, config: StreamConfig) -> SubjectsOverlapError | None:
    """Return an error that names the stream with a subject of another one; None if unknown."""
    for subject in config.subjects or ():
        with contextlib.suppress(NatsError, TimeoutError):  # not found, or not permitted
            holder = await js.find_stream_name_by_subject(subject)
            return SubjectsOverlapError(str(config.name), subject, holder)
    return None
