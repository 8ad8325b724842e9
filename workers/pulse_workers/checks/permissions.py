"""The permissions a worker needs on its server: one list for the check and the example accounts.

Each has a test that changes nothing: an invalid JetStream request, or a message
meant for a stream with another name. The server checks the permission first.
"""

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Final

from pulse_desktop.model.check_result import CheckResult
from pulse_desktop.nats_client.permission_probe import PROBE_NAME
from pulse_desktop.protocol.control import CONTROL_ALL, CONTROL_QUEUE, control_subject
from pulse_desktop.protocol.topics import (
    EVENT_STREAM,
    RESULT_BUCKET,
    TASK_CONSUMER,
    TASK_STREAM,
    TASK_SUBJECT,
    TOPICS,
    subject_of,
)
from pulse_desktop.text.translation import _
from pulse_workers.brokers.handoff import PEERS_SUBJECT
from pulse_workers.checks.probe import Permission, Probe
from pulse_workers.config.settings import Settings
from pulse_workers.runtime.provisioning import (
    EMBEDDINGS,
    KNOWLEDGE,
    MESSAGES,
    SCORES,
    STATE,
    STORE_BUCKETS,
    reply_advice,
)

_LISTED_BUCKETS: Final = (MESSAGES, SCORES, EMBEDDINGS, KNOWLEDGE, STATE)
_OTHER_STREAM: Final = {"Nats-Expected-Stream": PROBE_NAME}
"""A stream rejects a message that is meant for another stream."""
_EVENT: Final = b'{"type": "worker.check", "data": {}}'
_IN_PROGRESS: Final = b"+WPI"


async def check_permissions(
    probe: Probe, permissions: Iterable[Permission]
) -> AsyncIterator[CheckResult]:
    """Try each permission and report the missing ones."""
    complete = True
    for permission in permissions:
        if await probe.is_permitted(permission):
            continue
        complete = False
        yield CheckResult(
            "permission",
            "problem" if permission.required else "warning",
            _describe(permission),
            permission.advice,
        )
    if complete:
        detail = _("this user has every permission that a worker needs")
        yield CheckResult("permission", "ok", detail)


def _describe(permission: Permission) -> str:
    purpose, subject = permission.purpose, permission.subject
    if permission.verb == "publish":
        text = _("this user may not publish to {subject} (needed for: {purpose})")
    elif permission.verb == "subscribe":
        text = _("this user may not subscribe to {subject} (needed for: {purpose})")
    else:
        text = _("this user may not reply to messages (allow_responses; needed for: {purpose})")
    return text.format(subject=subject, purpose=purpose)


def inbox_permission(settings: Settings) -> Permission:
    """Return the permission to receive replies, without which no request can be answered."""
    subject = f"{settings.inbox_prefix}.{PROBE_NAME}"
    return Permission("subscribe", subject, _("server replies"), advice=reply_advice())


def required_permissions(settings: Settings, missing: frozenset[str]) -> Iterator[Permission]:
    """Yield the permissions that a worker with these settings needs.

    Args:
        settings: settings of the worker.
        missing: streams that do not exist yet, which the worker will create.
    """
    yield inbox_permission(settings)
    if settings.control:
        purpose = _("commands (or set PULSE_CONTROL=false)")
        for subject in (CONTROL_ALL, CONTROL_QUEUE, control_subject(settings.identity)):
            yield Permission("subscribe", subject, purpose)
        yield Permission("reply", subject_of("monitoring"), purpose, _EVENT, _OTHER_STREAM)
    yield Permission("subscribe", subject_of("monitoring"), "pulse-worker health", required=False)
    if settings.broker == "core":
        yield Permission("subscribe", TASK_SUBJECT, _("receiving tasks"))
        purpose = _("handing tasks over at shutdown instead of finishing them")
        yield Permission("publish", PEERS_SUBJECT, purpose, b"", required=False)
        yield Permission("subscribe", PEERS_SUBJECT, purpose, b"", required=False)
    else:
        yield from _task_permissions()
    for topic in TOPICS:
        yield Permission("publish", subject_of(topic), _("events"), _EVENT, _OTHER_STREAM)
    yield Permission("publish", "$JS.API.STREAM.NAMES", _("finding streams"))
    yield from _result_permissions()
    yield from _bucket_permissions(settings)
    yield from _schedule_permissions(settings)
    for stream in sorted(missing):
        purpose = _("creating {stream}").format(stream=stream)
        yield Permission("publish", f"$JS.API.STREAM.CREATE.{stream}", purpose)


def _task_permissions() -> Iterator[Permission]:
    yield Permission("publish", TASK_SUBJECT, _("enqueuing tasks"), b"", _OTHER_STREAM)
    for action, purpose in (
        ("CONSUMER.INFO.{s}.{c}", _("the task consumer")),
        ("CONSUMER.MSG.NEXT.{s}.{c}", _("pulling tasks")),
        ("STREAM.MSG.GET.{s}", _("reading queued tasks")),
        ("STREAM.MSG.DELETE.{s}", _("removing a queued task")),
        ("CONSUMER.DURABLE.CREATE.{s}.{c}", _("creating the task consumer")),
        ("CONSUMER.LIST.{s}", _("trimming the task stream")),
        ("STREAM.PURGE.{s}", _("trimming the task stream")),
    ):
        subject = action.format(s=TASK_STREAM, c=TASK_CONSUMER)
        yield Permission("publish", f"$JS.API.{subject}", purpose)
    named = f"$JS.API.CONSUMER.CREATE.{TASK_STREAM}.{TASK_CONSUMER}.{TASK_SUBJECT}"
    purpose = _("creating the task consumer, with another version of the NATS client")
    yield Permission("publish", named, purpose, required=False)
    acknowledgement = f"$JS.ACK.{TASK_STREAM}.{TASK_CONSUMER}.1.0.0.0.0"
    yield Permission("publish", acknowledgement, _("acknowledging tasks"), _IN_PROGRESS)


def _result_permissions() -> Iterator[Permission]:
    results = f"OBJ_{RESULT_BUCKET}"
    for part in ("M", "C"):
        subject = f"$O.{RESULT_BUCKET}.{part}.{PROBE_NAME}"
        yield Permission("publish", subject, _("storing results"), b"", _OTHER_STREAM)
    yield Permission("publish", f"$JS.API.STREAM.PURGE.{results}", _("replacing results"))
    for request in (
        f"STREAM.MSG.GET.{results}",
        f"DIRECT.GET.{results}.$O.{RESULT_BUCKET}.M.{PROBE_NAME}",
        f"CONSUMER.CREATE.{results}",
    ):
        yield Permission("publish", f"$JS.API.{request}", _("reading results"))
    yield Permission("publish", f"$JS.FC.{results}.{PROBE_NAME}.1", _("reading large results"))


def _bucket_permissions(settings: Settings) -> Iterator[Permission]:
    for bucket in (*STORE_BUCKETS, settings.schedule_bucket):
        purpose = (
            _("schedules")
            if bucket == settings.schedule_bucket
            else _("the bucket {bucket}").format(bucket=bucket)
        )
        yield Permission("publish", f"$KV.{bucket}.{PROBE_NAME}", purpose, b"", _OTHER_STREAM)
        direct = f"$JS.API.DIRECT.GET.KV_{bucket}"
        yield Permission("publish", f"{direct}.$KV.{bucket}.{PROBE_NAME}", purpose)
    for bucket in _LISTED_BUCKETS:
        stream, purpose = f"KV_{bucket}", _("listing {bucket}").format(bucket=bucket)
        for request in (
            f"CONSUMER.CREATE.{stream}.{PROBE_NAME}.$KV.{bucket}.>",
            f"CONSUMER.INFO.{stream}.{PROBE_NAME}",
            f"CONSUMER.MSG.NEXT.{stream}.{PROBE_NAME}",
            f"CONSUMER.DELETE.{stream}.{PROBE_NAME}",
        ):
            yield Permission("publish", f"$JS.API.{request}", purpose)
        subject = f"$JS.API.CONSUMER.CREATE.{stream}"
        purpose = _("listing {bucket}, with another version of the NATS client")
        yield Permission("publish", subject, purpose.format(bucket=bucket), required=False)
    yield Permission("publish", f"$JS.API.STREAM.PURGE.KV_{STATE}", _("releasing leases"))


def _schedule_permissions(settings: Settings) -> Iterator[Permission]:
    stream = f"KV_{settings.schedule_bucket}"
    for request in (
        f"STREAM.PURGE.{stream}",
        f"STREAM.MSG.GET.{stream}",
        f"CONSUMER.CREATE.{stream}",
        f"CONSUMER.INFO.{stream}.{PROBE_NAME}",
    ):
        subject = f"$JS.API.{request}"
        yield Permission("publish", subject, "pulse-worker scheduler", required=False)


def streams_of(settings: Settings) -> tuple[str, ...]:
    """Return the streams that workers with these settings use."""
    tasks = () if settings.broker == "core" else (TASK_STREAM,)
    buckets = tuple(f"KV_{bucket}" for bucket in (*STORE_BUCKETS, settings.schedule_bucket))
    return (*tasks, EVENT_STREAM, f"OBJ_{RESULT_BUCKET}", *buckets)
