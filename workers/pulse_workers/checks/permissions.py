"""What a worker must be allowed to do on its server: one list for the check and the examples.

Each right comes with a way to try it that changes nothing: a JetStream request that cannot be
read, a message for a stream of another name. The server looks at the permission first.
"""

import dataclasses
from collections.abc import Iterator
from typing import Final

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
from pulse_workers.brokers.handoff import PEERS_SUBJECT
from pulse_workers.brokers.permission_errors import ANSWERS_ELSEWHERE
from pulse_workers.config.settings import Settings
from pulse_workers.runtime.provisioning import (
    KNOWLEDGE,
    SCORES,
    STATE,
    STORE_BUCKETS,
)

UNREADABLE: Final = b"{"
NOBODY: Final = "_pulse_check"
LISTED_BUCKETS: Final = (SCORES, KNOWLEDGE, STATE)
ELSEWHERE: Final = {"Nats-Expected-Stream": NOBODY}
"""A stream refuses a message that is meant for another one."""
_AN_EVENT: Final = b'{"type": "worker.check", "data": {}}'
_ALIVE: Final = b"+WPI"
CONTROL: Final = "control (or set PULSE_CONTROL=false)"
_OTHERWISE: Final = ", as another version of the NATS client does it"


@dataclasses.dataclass(frozen=True)
class Permission:
    """One thing to be allowed.

    Attributes:
        verb: `publish`, `subscribe`, or `answer`: publish on the inbox that a message names.
        subject: where it is tried.
        purpose: what a worker needs it for.
        payload: what is published.
        headers: with these.
        needed: without it workers do not work; otherwise only something is missing.
        advice: what to do when it is refused.
    """

    verb: str
    subject: str
    purpose: str
    payload: bytes = UNREADABLE
    headers: dict[str, str] | None = None
    needed: bool = True
    advice: str = "packaging/nats/accounts.conf shows what a worker needs."


def reply_permission(settings: Settings) -> Permission:
    """Return the right without which the server can tell nothing."""
    subject = f"{settings.inbox_prefix}.{NOBODY}"
    return Permission("subscribe", subject, "answers of the server", advice=ANSWERS_ELSEWHERE)


def required_permissions(settings: Settings, missing: frozenset[str]) -> Iterator[Permission]:
    """Yield what a worker with these settings must be allowed.

    Args:
        settings: of the worker.
        missing: streams that are not there yet, which it will make.
    """
    yield reply_permission(settings)
    if settings.control:
        for subject in (CONTROL_ALL, CONTROL_QUEUE, control_subject(settings.identity)):
            yield Permission("subscribe", subject, CONTROL)
        yield Permission("answer", subject_of("monitoring"), CONTROL, _AN_EVENT, ELSEWHERE)
    yield Permission("subscribe", subject_of("monitoring"), "pulse-worker health", needed=False)
    if settings.broker == "core":
        yield Permission("subscribe", TASK_SUBJECT, "tasks")
        for verb in ("publish", "subscribe"):
            purpose = "handing tasks over at the end, instead of finishing them first"
            yield Permission(verb, PEERS_SUBJECT, purpose, b"", needed=False)
    else:
        yield from _task_rights()
    for topic in TOPICS:
        yield Permission("publish", subject_of(topic), "events", _AN_EVENT, ELSEWHERE)
    yield Permission("publish", "$JS.API.STREAM.NAMES", "finding streams")
    yield from _result_rights()
    yield from _bucket_rights(settings)
    yield from _schedule_rights(settings)
    for stream in sorted(missing):
        yield Permission("publish", f"$JS.API.STREAM.CREATE.{stream}", f"making {stream}")


def _task_rights() -> Iterator[Permission]:
    yield Permission("publish", TASK_SUBJECT, "enqueuing tasks", b"", ELSEWHERE)
    for action, purpose in (
        ("CONSUMER.INFO.{s}.{c}", "the task consumer"),
        ("CONSUMER.MSG.NEXT.{s}.{c}", "fetching tasks"),
        ("STREAM.MSG.GET.{s}", "looking at queued tasks"),
        ("STREAM.MSG.DELETE.{s}", "removing a queued task"),
        ("CONSUMER.DURABLE.CREATE.{s}.{c}", "making the task consumer"),
        ("CONSUMER.LIST.{s}", "making room in the task stream"),
        ("STREAM.PURGE.{s}", "making room in the task stream"),
    ):
        subject = action.format(s=TASK_STREAM, c=TASK_CONSUMER)
        yield Permission("publish", f"$JS.API.{subject}", purpose)
    named = f"$JS.API.CONSUMER.CREATE.{TASK_STREAM}.{TASK_CONSUMER}.{TASK_SUBJECT}"
    yield Permission("publish", named, f"making the task consumer{_OTHERWISE}", needed=False)
    yield Permission(
        "publish", f"$JS.ACK.{TASK_STREAM}.{TASK_CONSUMER}.1.0.0.0.0", "answering tasks", _ALIVE
    )


def _result_rights() -> Iterator[Permission]:
    results = f"OBJ_{RESULT_BUCKET}"
    for part in ("M", "C"):
        subject = f"$O.{RESULT_BUCKET}.{part}.{NOBODY}"
        yield Permission("publish", subject, "storing results", b"", ELSEWHERE)
    yield Permission("publish", f"$JS.API.STREAM.PURGE.{results}", "replacing results")
    for request in (
        f"STREAM.MSG.GET.{results}",
        f"DIRECT.GET.{results}.$O.{RESULT_BUCKET}.M.{NOBODY}",
        f"CONSUMER.CREATE.{results}",
    ):
        yield Permission("publish", f"$JS.API.{request}", "reading results")
    yield Permission("publish", f"$JS.FC.{results}.{NOBODY}.1", "reading large results")


def _bucket_rights(settings: Settings) -> Iterator[Permission]:
    for bucket in (*STORE_BUCKETS, settings.schedule_bucket):
        purpose = "schedules" if bucket == settings.schedule_bucket else f"the store ({bucket})"
        yield Permission("publish", f"$KV.{bucket}.{NOBODY}", purpose, b"", ELSEWHERE)
        direct = f"$JS.API.DIRECT.GET.KV_{bucket}"
        yield Permission("publish", f"{direct}.$KV.{bucket}.{NOBODY}", purpose)
    for bucket in LISTED_BUCKETS:
        stream, purpose = f"KV_{bucket}", f"listing {bucket}"
        for request in (
            f"CONSUMER.CREATE.{stream}.{NOBODY}.$KV.{bucket}.>",
            f"CONSUMER.INFO.{stream}.{NOBODY}",
            f"CONSUMER.MSG.NEXT.{stream}.{NOBODY}",
            f"CONSUMER.DELETE.{stream}.{NOBODY}",
        ):
            yield Permission("publish", f"$JS.API.{request}", purpose)
        subject = f"$JS.API.CONSUMER.CREATE.{stream}"
        yield Permission("publish", subject, f"{purpose}{_OTHERWISE}", needed=False)
    yield Permission("publish", f"$JS.API.STREAM.PURGE.KV_{STATE}", "giving up a lease")


def _schedule_rights(settings: Settings) -> Iterator[Permission]:
    stream = f"KV_{settings.schedule_bucket}"
    for request in (
        f"STREAM.PURGE.{stream}",
        f"STREAM.MSG.GET.{stream}",
        f"CONSUMER.CREATE.{stream}",
        f"CONSUMER.INFO.{stream}.{NOBODY}",
    ):
        yield Permission("publish", f"$JS.API.{request}", "pulse-worker scheduler", needed=False)


def streams_of(settings: Settings) -> tuple[str, ...]:
    """Return the streams that workers with these settings use."""
    tasks = () if settings.broker == "core" else (TASK_STREAM,)
    buckets = tuple(f"KV_{bucket}" for bucket in (*STORE_BUCKETS, settings.schedule_bucket))
    return (*tasks, EVENT_STREAM, f"OBJ_{RESULT_BUCKET}", *buckets)
