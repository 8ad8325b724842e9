"""The permissions that the desktop needs on a server, by what it needs them for."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pulse_desktop.nats_client.permission_probe import PROBE_NAME, TriedPermission
from pulse_desktop.protocol.control import CONTROL_ALL, CONTROL_QUEUE, control_subject
from pulse_desktop.protocol.taskiq_names import TaskiqNames
from pulse_desktop.protocol.topics import EVENT_SUBJECT, subject_of, with_prefix
from pulse_desktop.text.translation import N_

_API: Final = "$JS.API."


@dataclass(frozen=True)
class Requirement:
    """Permissions that belong together.

    Attributes:
        purpose: what they are for, a few words; translated when shown.
        permissions: all of them are needed.
        is_action: whether they are for acting on the system, and not for watching it.
        needs_jetstream: whether they are of no use without JetStream.
    """

    purpose: str
    permissions: tuple[TriedPermission, ...]
    is_action: bool = False
    needs_jetstream: bool = False


def requirements(
    names: TaskiqNames, inbox_prefix: str, event_stream: str, task_stream: str
) -> Iterator[Requirement]:
    """Yield what the desktop needs, in the order in which it matters.

    Args:
        names: of the TaskIQ system.
        inbox_prefix: what reply subjects begin with.
        event_stream: stores the events.
        task_stream: stores the tasks.
    """
    events = with_prefix(EVENT_SUBJECT, names.subject_prefix)
    results = f"OBJ_{names.bucket}"
    yield Requirement(N_("replies"), (_subscribe(f"{inbox_prefix}.{PROBE_NAME}"),))
    yield Requirement(N_("live events"), (_subscribe(events),))
    yield Requirement(N_("live tasks"), (_subscribe(names.subject),))
    yield _reading(N_("finding streams"), "STREAM.NAMES")
    yield _reading(N_("history of events"), *_consuming(event_stream, events))
    yield _reading(N_("history of tasks"), *_consuming(task_stream, names.subject))
    yield _reading(
        N_("task queue"),
        f"CONSUMER.INFO.{task_stream}.{names.consumer}",
        f"STREAM.MSG.GET.{task_stream}",
    )
    metadata = f"$O.{names.bucket}.M.>"
    yield _reading(
        N_("results"),
        *_consuming(results, metadata),
        f"STREAM.MSG.GET.{results}",
    )
    yield Requirement(
        N_("enqueue and re-run"),
        (
            _publish(names.subject),
            *(_publish(subject_of(t, names.subject_prefix)) for t in ("tasks", "monitoring")),
        ),
        is_action=True,
    )
    control = (CONTROL_ALL, CONTROL_QUEUE, control_subject(PROBE_NAME))
    yield Requirement(
        N_("commands to workers"),
        tuple(_publish(with_prefix(subject, names.subject_prefix)) for subject in control),
        is_action=True,
    )
    yield Requirement(
        N_("remove queued tasks"),
        (_publish(f"{_API}STREAM.MSG.DELETE.{task_stream}"),),
        is_action=True,
        needs_jetstream=True,
    )
    yield Requirement(
        N_("delete results"),
        (
            _publish(f"$O.{names.bucket}.M.{PROBE_NAME}"),
            _publish(f"{_API}STREAM.PURGE.{results}"),
        ),
        is_action=True,
        needs_jetstream=True,
    )


def _consuming(stream: str, subject: str) -> tuple[str, ...]:
    """Return the requests that read a stream with a consumer."""
    return (
        f"STREAM.INFO.{stream}",
        f"CONSUMER.CREATE.{stream}.{PROBE_NAME}.{subject}",
        f"CONSUMER.MSG.NEXT.{stream}.{PROBE_NAME}",
        f"CONSUMER.DELETE.{stream}.{PROBE_NAME}",
    )


def _reading(purpose: str, *requests: str) -> Requirement:
    permissions = tuple(_publish(_API + request) for request in requests)
    return Requirement(purpose, permissions, needs_jetstream=True)


def _publish(subject: str) -> TriedPermission:
    return TriedPermission("publish", subject)


def _subscribe(subject: str) -> TriedPermission:
    return TriedPermission("subscribe", subject)
