"""Summaries of events: one line for any event, so that a list can be read without opening one."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec

from pulse_desktop.protocol.event import HEARTBEAT, Event, event_data
from pulse_desktop.protocol.topics import GIVEN_UP, TASK_TOPIC
from pulse_desktop.state.knowledge import analysis_of, extraction_counts
from pulse_desktop.state.short_names import short_name
from pulse_desktop.text import formats
from pulse_desktop.text.knowledge_text import analysis_summary, extraction_summary
from pulse_desktop.text.translation import _, ngettext

MAX_LENGTH: Final = 300
_MAX_FIELDS: Final = 8
_MAX_VALUE_LENGTH: Final = 60
_MAX_TASK_LENGTH: Final = 100
_SMALL: Final = 8192  # bytes
_TASK: Final = "\uffff"  # a code point that is no character

Data = Mapping[str, Any]


def event_summary(event: Event, task_label: Callable[[str], str] = short_name) -> str:
    """Return a summary of an event in one line, or why it is unreadable.

    Args:
        event: the event.
        task_label: returns the short name of a task.
    """
    if event.problem:
        return event.problem
    summary = _summary_of_small if len(event.raw) <= _SMALL else _summary_of_large
    text, task = summary(event.topic, event.type, event.raw)
    if not task:
        return text
    label = formats.isolated(formats.elided(task_label(task), _MAX_TASK_LENGTH))
    return text.replace(_TASK, label, 1)


def call_text(args: object, kwargs: object, parameters: Sequence[str] = ()) -> str:
    """Return arguments as in a call: `"export.json", limit=5`.

    Args:
        args: positional arguments.
        kwargs: keyword arguments.
        parameters: names of the positional ones in order, as far as they are known.
    """
    parts = []
    for number, value in enumerate(args if isinstance(args, list) else []):
        name = f"{formats.isolated(parameters[number])}=" if number < len(parameters) else ""
        parts.append(f"{name}{_short(value)}")
    if isinstance(kwargs, dict):
        parts += [f"{formats.isolated(name)}={_short(value)}" for name, value in kwargs.items()]
    return formats.elided(", ".join(parts), MAX_LENGTH)


def _summary(topic: str, type_: str, raw: bytes) -> tuple[str, str]:
    """Return a summary with a placeholder for the task, and the name of the task."""
    data = event_data(raw)
    try:
        if topic == TASK_TOPIC:
            text = f"({call_text(data.get('args'), data.get('kwargs'))})"
        else:
            text = _SUMMARIES.get(type_, _fields)(data)
    except (TypeError, ValueError, AttributeError, LookupError, OverflowError):
        text = ""  # a field does not have the documented type
    text = formats.elided(text or _fields(data), MAX_LENGTH)
    return text, str(data.get("task_name") or "") if _TASK in text else ""


# Cached for painting; few of the large ones, since the key holds the payload.
_summary_of_small = lru_cache(maxsize=4096)(_summary)
_summary_of_large = lru_cache(maxsize=32)(_summary)


def _queued(data: Data) -> str:
    return f"{_task(data)}({call_text(data.get('args'), data.get('kwargs'))})"


def _started(data: Data) -> str:
    attempt = data.get("attempt")
    if not data.get("worker"):
        return ""
    if isinstance(attempt, int) and attempt > 1:
        text = _("{task} started on {worker}, attempt {attempt}")
    else:
        text = _("{task} started on {worker}")
    return text.format(task=_task(data), worker=data["worker"], attempt=attempt)


def _progress(data: Data) -> str:
    amount = _("{done} of {total}").format(done=data["done"], total=data["total"])
    return _joined(amount, data.get("message"))


def _succeeded(data: Data) -> str:
    size = data.get("result_bytes")
    return _joined(
        _task(data),
        _("took {duration}").format(duration=formats.duration(data["run_s"])),
        _("result {size}").format(size=formats.size(size)) if size is not None else "",
    )


def _failed(data: Data) -> str:
    error = data["error"]
    retry = _("will be retried") if data.get("will_retry") else ""
    return _joined(_task(data), f"{error['type']}: {error['message']}", retry)


def _log(data: Data) -> str:
    lines = data["lines"]
    last = lines[-1]
    left_out = int(data.get("skipped") or 0) + len(lines) - 1
    more = ngettext("{count} more line", "{count} more lines", left_out)
    return _joined(
        f"{last['level']} {last['logger']}: {last['text'].partition(chr(10))[0]}",
        more.format(count=formats.count(left_out)) if left_out else "",
    )


def _heartbeat(data: Data) -> str:
    cpu, memory = data.get("cpu_percent"), data.get("rss_bytes")
    if data["slots"] is None:
        busy = _("{busy} busy").format(busy=data["busy"])
    else:
        slots = int(data["slots"])
        busy = ngettext("{busy} of {slots} slot busy", "{busy} of {slots} slots busy", slots)
        busy = busy.format(busy=data["busy"], slots=formats.count(slots))
    return _joined(
        data.get("worker"),
        busy,
        _("CPU {percent} %").format(percent=f"{cpu:.0f}") if cpu is not None else "",
        formats.size(memory),
    )


def _scheduler(data: Data) -> str:
    broken, sent, schedules = data.get("broken"), int(data["sent"]), int(data["schedules"])
    paused = data.get("paused")
    counts = [(schedules, ngettext("{count} schedule", "{count} schedules", schedules))]
    if broken:
        counts.append((broken, ngettext("{count} broken", "{count} broken", int(broken))))
    if paused:
        counts.append((paused, ngettext("{count} paused", "{count} paused", int(paused))))
    counts.append((sent, ngettext("{count} sent", "{count} sent", sent)))
    return _joined(
        data["scheduler"], *(text.format(count=formats.count(count)) for count, text in counts)
    )


def _stopped(data: Data) -> str:
    return _("{worker} stopped").format(worker=data["worker"])


def _audit(data: Data) -> str:
    return _joined(f"{data['who']} {data['action']} {data['target']}", data.get("detail"))


def _agent(data: Data) -> str:
    items = data.get("items")
    count = "" if items is None else ngettext("{count} item", "{count} items", int(items))
    return _joined(
        data["agent"],
        "/".join(part for part in (data.get("provider"), data.get("model")) if part),
        count.format(count=formats.count(items)),
        formats.duration(data.get("latency_s")),
        fallback_text(str(data.get("fallback_from") or ""), str(data.get("fallback_reason") or "")),
        data.get("error"),
    )


def fallback_text(provider: str, reason: str) -> str:
    """Return why a call was answered by a fallback, and for which; empty if it was not.

    Args:
        provider: which should have answered.
        reason: why it did not.
    """
    if not provider:
        return ""
    return _("{reason}, instead of {provider}").format(provider=provider, reason=reason)


def _provider(data: Data) -> str:
    latency = formats.duration(data.get("latency_s"))
    return _joined(f"{data['provider']} {data['status']}", latency, data.get("error"))


def _validation(data: Data) -> str:
    status = f"{data['provider_id']} {data['validation_status']}"
    return _joined(status, data.get("validation_error"))


def _message(data: Data) -> str:
    author = data.get("author") or data.get("author_name")
    author = author.get("name") if isinstance(author, dict) else author
    content = data.get("content")
    if not content:
        return _joined(author, data.get("external_message_id"))
    content = formats.isolated(str(content))
    return f"{formats.isolated(str(author))}: {content}" if author else content


def _scored(data: Data) -> str:
    label = str(data["classification"]).replace("_", " ")
    if data["importance_score"] is None:
        return _joined(label, data.get("reason"))
    return f"{data['importance_score']:.2f} {label}"


def _atom(data: Data) -> str:
    return _joined(data.get("atom_type"), data["atom_title"])


def _topic(data: Data) -> str:
    return str(data["topic_name"])


def _extraction(data: Data) -> str:
    return _joined(data.get("error"), extraction_summary(extraction_counts(data)))


def _analysis(data: Data) -> str:
    return analysis_summary(analysis_of(data))


def _metrics(data: Data) -> str:
    return _joined(
        *(
            f"{name} {value:.3g}"
            for name, value in data.items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        )
    )


def _given_up(data: Data) -> str:
    count = int(data["deliveries"])
    text = ngettext(
        "JetStream gave up message {sequence} of {stream} after {count} delivery to {consumer}",
        "JetStream gave up message {sequence} of {stream} after {count} deliveries to {consumer}",
        count,
    )
    return text.format(
        sequence=data["stream_seq"],
        stream=data["stream"],
        count=formats.count(count),
        consumer=data["consumer"],
    )


_SUMMARIES: Final[dict[str, Callable[[Data], str]]] = {
    GIVEN_UP: _given_up,
    "task.queued": _queued,
    "task.started": _started,
    "task.progress": _progress,
    "task.log": _log,
    "task.succeeded": _succeeded,
    "task.failed": _failed,
    HEARTBEAT: _heartbeat,
    "scheduler.heartbeat": _scheduler,
    "worker.stopped": _stopped,
    "audit": _audit,
    "agent.started": _agent,
    "agent.finished": _agent,
    "agent.failed": _agent,
    "provider.checked": _provider,
    "validation_update": _validation,
    "message.new": _message,
    "message.updated": _message,
    "message.deleted": _message,
    "message.scored": _scored,
    "message_scored": _scored,
    "knowledge.atom_created": _atom,
    "knowledge.atom_removed": _atom,
    "knowledge.topic_created": _topic,
    "knowledge.extraction_started": _extraction,
    "knowledge.extraction_completed": _extraction,
    "knowledge.extraction_failed": _extraction,
    "knowledge.period_analysed": _analysis,
    "metrics:update": _metrics,
}


def _fields(data: Data) -> str:
    """Return the first fields of an event without a summary of its own."""
    parts = []
    for name, value in data.items():
        if value is None or value in ("", [], {}):
            continue
        parts.append(f"{formats.isolated(name)}={_short(value)}")
        if len(parts) == _MAX_FIELDS:
            break
    return ", ".join(parts)


def _task(data: Data) -> str:
    """Return the placeholder of the task: its short name depends on the other tasks."""
    return _TASK if data.get("task_name") and isinstance(data["task_name"], str) else ""


def _joined(*parts: object) -> str:
    return " · ".join(formats.isolated(str(part)) for part in parts if part)


def _short(value: object) -> str:
    if isinstance(value, list | dict) and len(value) > 4:
        if isinstance(value, list):
            text = ngettext("[{count} item]", "[{count} items]", len(value))
        else:
            text = ngettext("{{{count} key}}", "{{{count} keys}}", len(value))
        return text.format(count=formats.count(len(value)))
    text = msgspec.json.encode(value).decode(errors="replace")
    return formats.isolated(formats.elided(text, _MAX_VALUE_LENGTH))
