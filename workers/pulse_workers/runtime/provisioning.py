"""The streams and buckets workers use, made with limits before anything is put into them.

Left to themselves, taskiq-nats and nats-py make them without any limit, and they grow until the
disk is full. What is already there is used as it is: somebody chose its limits.
"""

import asyncio
import contextlib
import dataclasses
import logging
import time
from collections.abc import Iterator
from typing import Final

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
from nats.js.errors import APIError, NotFoundError, ServiceUnavailableError

from pulse_desktop.nats_client.client import client_of, server_info
from pulse_desktop.protocol.topics import (
    EVENT_STREAM,
    EVENT_STREAM_SUBJECT,
    RESULT_BUCKET,
    TASK_CONSUMER,
    TASK_STREAM,
    TASK_SUBJECT,
)
from pulse_workers.brokers.permission_errors import refusal_of
from pulse_workers.config.settings import MIB, Settings
from pulse_workers.errors import OUTAGE_ERRORS, ProvisionError

logger = logging.getLogger("pulse.workers.provisioning")

MESSAGES: Final = "pulse_messages"
SCORES: Final = "pulse_scores"
EMBEDDINGS: Final = "pulse_embeddings"
KNOWLEDGE: Final = "pulse_knowledge"
STATE: Final = "pulse_state"
STORE_BUCKETS: Final = (MESSAGES, SCORES, EMBEDDINGS, KNOWLEDGE, STATE)

_NO_ROOM: Final = 10047
_SUBJECTS_OVERLAP: Final = 10065
_NAME_IN_USE: Final = 10058
_NOT_YET: Final = frozenset({10005, 10008, 10009, 10023})
"""No peers to place a stream on, no leader of the cluster, the cluster not ready, no resources."""
_SWITCHED_OFF: Final = frozenset({None, 10039, 10076})
_PATIENCE: Final = 20.0
_AGAIN: Final = 0.5
_SMALLEST: Final = 16 * MIB
_DUPLICATE_WINDOW: Final = 120.0
_MAX_WAITING_PULLS: Final = 4096
_MAX_UNANSWERED: Final = 20_000


@dataclasses.dataclass(frozen=True)
class Provisioned:
    """What is there now.

    Attributes:
        ack_wait: the task consumer's, in seconds: it decides how often a task is kept alive.
        created: names of what was made by this call.
        history: whether events are kept by the server.
    """

    ack_wait: float
    created: tuple[str, ...]
    history: bool


async def provision(js: JetStreamContext, settings: Settings) -> Provisioned:
    """Make what is missing.

    Raises:
        ProvisionError: JetStream is off, or it refuses.
    """
    with problems_explained(js, settings):
        return await _provision_patiently(js, settings)


async def provision_schedules(js: JetStreamContext, settings: Settings) -> bool:
    """Make the bucket for schedules. Returns False if it was there.

    Raises:
        ProvisionError: JetStream is off, or it refuses.
    """
    with problems_explained(js, settings):
        return await _ensure_stream(js, _schedule_bucket(settings))


@contextlib.contextmanager
def problems_explained(js: JetStreamContext, settings: Settings) -> Iterator[None]:
    """Turn what JetStream requests end with into words for whoever runs the program.

    Raises:
        ProvisionError: a request failed.
    """
    try:
        yield
    except ServiceUnavailableError as error:
        if error.err_code not in _SWITCHED_OFF:
            raise ProvisionError(f"{settings.redacted_server}: {error.description}") from error
        raise ProvisionError(
            f"{settings.redacted_server} has JetStream switched off, and without it there is no "
            "place for results. Start nats-server with -js."
        ) from None
    except APIError as error:
        raise ProvisionError(f"{settings.redacted_server}: {error.description}") from error
    except OUTAGE_ERRORS as error:
        if refusal := _refusal(js, settings):
            raise ProvisionError(f"{settings.redacted_server}: {refusal}") from None
        raise ProvisionError(
            f"{settings.redacted_server} does not answer JetStream requests "
            f"({type(error).__name__}). Is JetStream on, and may this user use it?"
        ) from error


def _refusal(js: JetStreamContext, settings: Settings) -> str:
    return refusal_of(client_of(js), settings.inbox_prefix)


async def ensure_task_consumer(js: JetStreamContext, settings: Settings) -> float:
    """Make the durable pull consumer if it is missing and return its ack wait in seconds."""
    try:
        info = await js.consumer_info(TASK_STREAM, TASK_CONSUMER)
    except NotFoundError:
        info = await js.add_consumer(
            TASK_STREAM,
            ConsumerConfig(
                durable_name=TASK_CONSUMER,
                ack_policy=AckPolicy.EXPLICIT,
                ack_wait=settings.ack_wait,
                max_ack_pending=_MAX_UNANSWERED,
                max_waiting=_MAX_WAITING_PULLS,
                filter_subject=TASK_SUBJECT,
            ),
        )
    return info.config.ack_wait or settings.ack_wait


async def _provision_patiently(js: JetStreamContext, settings: Settings) -> Provisioned:
    """Make what is missing, again for a while: a cluster that begins elects leaders first."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return await _provision(js, settings)
        except (APIError, TimeoutError, NatsTimeoutError) as error:
            if not _is_passing(js, error) or time.monotonic() > deadline or _refusal(js, settings):
                raise
            logger.info("JetStream is not ready (%s), trying again", type(error).__name__)
        await asyncio.sleep(_AGAIN)


def _is_passing(js: JetStreamContext, error: Exception) -> bool:
    """Tell whether the server may well answer otherwise in a moment."""
    if not isinstance(error, APIError) or error.err_code in _NOT_YET:
        return True
    nobody_answers = isinstance(error, ServiceUnavailableError) and error.err_code is None
    # A member of a cluster that begins has JetStream, and nobody yet who answers for it.
    return nobody_answers and server_info(client_of(js)).jetstream


async def _provision(js: JetStreamContext, settings: Settings) -> Provisioned:
    durable = settings.broker == "jetstream"
    streams = _streams(settings) if durable else ()
    created = [
        str(config.name)
        for config in (*streams, *_buckets(settings), _schedule_bucket(settings))
        if await _ensure_stream(js, config)
    ]
    history = True
    try:
        if await _ensure_stream(js, _event_stream(settings)):
            created.append(EVENT_STREAM)
    except APIError as error:
        if error.err_code != _SUBJECTS_OVERLAP:
            raise
        history = False
        logger.warning(
            "no history stream: another stream holds subjects of %s", EVENT_STREAM_SUBJECT
        )
    if durable:
        ack_wait = await ensure_task_consumer(js, settings)
    else:
        ack_wait = settings.ack_wait
        await _look_for_pullers(js)
    return Provisioned(ack_wait, tuple(created), history)


async def _look_for_pullers(js: JetStreamContext) -> None:
    """Warn when tasks of the core broker are also kept for workers that pull them."""
    with contextlib.suppress(NotFoundError):
        stream = await js.find_stream_name_by_subject(TASK_SUBJECT)
        logger.warning(
            "stream %s keeps %s too: workers that pull from it run every task once more",
            stream,
            TASK_SUBJECT,
        )


def _streams(settings: Settings) -> tuple[StreamConfig, ...]:
    return (
        StreamConfig(
            name=TASK_STREAM,
            subjects=[TASK_SUBJECT],
            retention=RetentionPolicy.LIMITS,
            max_age=settings.task_max_age,
            max_bytes=settings.task_max_bytes,
            discard=DiscardPolicy.NEW,  # a task is refused, not dropped; see `task_room`
            storage=StorageType.FILE,
            num_replicas=settings.replicas,
            duplicate_window=min(_DUPLICATE_WINDOW, settings.task_max_age),
            allow_direct=True,
        ),
    )


def _event_stream(settings: Settings) -> StreamConfig:
    return StreamConfig(
        name=EVENT_STREAM,
        subjects=[EVENT_STREAM_SUBJECT],
        retention=RetentionPolicy.LIMITS,
        max_age=settings.event_max_age,
        max_bytes=settings.event_max_bytes,
        discard=DiscardPolicy.OLD,
        storage=StorageType.FILE,
        num_replicas=settings.replicas,
        duplicate_window=min(_DUPLICATE_WINDOW, settings.event_max_age),
        allow_direct=True,
    )


def _buckets(settings: Settings) -> tuple[StreamConfig, ...]:
    return (
        StreamConfig(
            name=f"OBJ_{RESULT_BUCKET}",
            subjects=[f"$O.{RESULT_BUCKET}.C.>", f"$O.{RESULT_BUCKET}.M.>"],
            max_age=settings.result_ttl,
            max_bytes=settings.result_max_bytes,
            discard=DiscardPolicy.OLD,  # the newest results are the ones waited for
            storage=StorageType.FILE,
            num_replicas=settings.replicas,
            duplicate_window=min(_DUPLICATE_WINDOW, settings.result_ttl),
            allow_rollup_hdrs=True,
            allow_direct=True,
        ),
        *(
            StreamConfig(
                name=f"KV_{bucket}",
                subjects=[f"$KV.{bucket}.>"],
                max_age=settings.store_ttl,
                max_bytes=settings.store_max_bytes,
                max_msgs_per_subject=1,
                discard=DiscardPolicy.NEW,
                storage=StorageType.FILE,
                num_replicas=settings.replicas,
                duplicate_window=min(_DUPLICATE_WINDOW, settings.store_ttl),
                allow_rollup_hdrs=True,
                deny_delete=True,
                allow_direct=True,
            )
            for bucket in STORE_BUCKETS
        ),
    )


def _schedule_bucket(settings: Settings) -> StreamConfig:
    """Schedules do not expire. One value per key: taskiq-nats would run each older one too."""
    bucket = settings.schedule_bucket
    return StreamConfig(
        name=f"KV_{bucket}",
        subjects=[f"$KV.{bucket}.>"],
        max_bytes=settings.schedule_max_bytes,
        max_msgs_per_subject=1,
        discard=DiscardPolicy.NEW,
        storage=StorageType.FILE,
        num_replicas=settings.replicas,
        duplicate_window=_DUPLICATE_WINDOW,
        allow_rollup_hdrs=True,
        deny_delete=True,
        allow_direct=True,
    )


async def _ensure_stream(js: JetStreamContext, config: StreamConfig) -> bool:
    """Make the stream and return True, or False if there is one of this name already."""
    try:
        await js.stream_info(str(config.name))
    except NotFoundError:
        pass
    else:
        return False
    size = config.max_bytes or _SMALLEST
    while True:
        try:
            await js.add_stream(config.evolve(max_bytes=size))
        except APIError as error:
            if error.err_code == _NAME_IN_USE:  # another worker was quicker
                return False
            if error.err_code != _NO_ROOM or size <= _SMALLEST:
                raise
            size = max(_SMALLEST, size // 2)
            logger.warning(
                "%s: the server has little room, limit now %d MiB", config.name, size // MIB
            )
        else:
            return True
