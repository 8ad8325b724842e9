"""One line of plain words for any event, so that a list of them can be read without opening one."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec

from pulse_desktop.protocol.event import Event, event_data
from pulse_desktop.text import formats

MAX_LENGTH: Final = 300
_FIELDS: Final = 8
_VALUE: Final = 60
_SMALL: Final = 8192  # bytes

Data = Mapping[str, Any]


def event_summary(event: Event) -> str:
    """Return what an event says in one line, or why it cannot be read."""
    if event.problem:
        return event.problem
    words = _words_of_small if len(event.raw) <= _SMALL else _words_of_large
    return words(event.topic, event.type, event.raw)


def call_text(args: object, kwargs: object) -> str:
    """Write arguments the way a call is written: `"export.json", limit=5`."""
    parts = [_short(value) for value in args] if isinstance(args, list) else []
    if isinstance(kwargs, dict):
        parts += [f"{name}={_short(value)}" for name, value in kwargs.items()]
    return formats.elided(", ".join(parts), MAX_LENGTH)


def _words(topic: str, type_: str, raw: bytes) -> str:
    data = event_data(raw)
    try:
        if topic == "taskiq":
            words = f"({call_text(data.get('args'), data.get('kwargs'))})"
        else:
            words = _WORDS.get(type_, _fields)(data)
    except (TypeError, ValueError, AttributeError, LookupError, OverflowError):
        words = ""  # a field is not what its name promises
    return formats.elided(words or _fields(data), MAX_LENGTH)


# Remembered, for a table asks with every paint; few of the large ones, for the key is the payload.
_words_of_small = lru_cache(maxsize=4096)(_words)
_words_of_large = lru_cache(maxsize=32)(_words)


def _queued(data: Data) -> str:
    return f"{_task(data)}({call_text(data.get('args'), data.get('kwargs'))})"


def _started(data: Data) -> str:
    attempt = data.get("attempt")
    again = f", attempt {attempt}" if isinstance(attempt, int) and attempt > 1 else ""
    return f"{_task(data)} started on {data['worker']}{again}" if data.get("worker") else ""


def _progress(data: Data) -> str:
    return _joined(f"{data['done']} of {data['total']}", data.get("message"))


def _succeeded(data: Data) -> str:
    size = data.get("result_bytes")
    return _joined(
        _task(data),
        f"took {formats.duration(data['run_s'])}",
        f"result {formats.size(size)}" if size is not None else "",
    )


def _failed(data: Data) -> str:
    error = data["error"]
    again = "will be tried again" if data.get("will_retry") else ""
    return _joined(_task(data), f"{error['type']}: {error['message']}", again)


def _heartbeat(data: Data) -> str:
    cpu, memory = data.get("cpu_percent"), data.get("rss_bytes")
    return _joined(
        data.get("worker"),
        f"{data['busy']} of {formats.plural(data['slots'], 'slot')} busy",
        f"CPU {cpu:.0f} %" if cpu is not None else "",
        formats.size(memory),
    )


def _scheduler(data: Data) -> str:
    broken = data.get("broken")
    return _joined(
        data["scheduler"],
        formats.plural(data["schedules"], "schedule"),
        f"{formats.count(broken)} broken" if broken else "",
        f"{formats.count(data['sent'])} sent",
    )


def _stopped(data: Data) -> str:
    return f"{data['worker']} stopped"


def _audit(data: Data) -> str:
    return _joined(f"{data['who']} {data['action']} {data['target']}", data.get("detail"))


def _agent(data: Data) -> str:
    items = data.get("items")
    return _joined(
        data["agent"],
        "/".join(part for part in (data.get("provider"), data.get("model")) if part),
        formats.plural(items, "item") if items is not None else "",
        formats.duration(data.get("latency_s")),
        data.get("error"),
    )


def _provider(data: Data) -> str:
    latency = formats.duration(data.get("latency_s"))
    return _joined(f"{data['provider']} {data['status']}", latency, data.get("error"))


def _validation(data: Data) -> str:
    words = f"{data['provider_id']} {data['validation_status']}"
    return _joined(words, data.get("validation_error"))


def _message(data: Data) -> str:
    author = data.get("author") or data.get("author_name")
    author = author.get("name") if isinstance(author, dict) else author
    content = data.get("content")
    if not content:
        return _joined(author, data.get("external_message_id"))
    return f"{author}: {content}" if author else str(content)


def _scored(data: Data) -> str:
    return f"{data['importance_score']:.2f} {data['classification']}".replace("_", " ")


def _atom(data: Data) -> str:
    return _joined(data.get("atom_type"), data["atom_title"])


def _topic(data: Data) -> str:
    return str(data["topic_name"])


def _extraction(data: Data) -> str:
    brought = (
        f"{count} {name.replace('_', ' ')}"
        for name, count in data.items()
        if isinstance(count, int) and count and name != "message_count"
    )
    messages = data.get("message_count")
    read = formats.plural(messages, "message") if isinstance(messages, int) else ""
    return _joined(data.get("error"), read, *brought)


def _metrics(data: Data) -> str:
    return _joined(
        *(
            f"{name} {value:.3g}"
            for name, value in data.items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        )
    )


_WORDS: Final[dict[str, Callable[[Data], str]]] = {
    "task.queued": _queued,
    "task.started": _started,
    "task.progress": _progress,
    "task.succeeded": _succeeded,
    "task.failed": _failed,
    "worker.heartbeat": _heartbeat,
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
    "message.scored": _scored,
    "message_scored": _scored,
    "knowledge.atom_created": _atom,
    "knowledge.topic_created": _topic,
    "knowledge.extraction_started": _extraction,
    "knowledge.extraction_completed": _extraction,
    "knowledge.extraction_failed": _extraction,
    "metrics:update": _metrics,
}


def _fields(data: Data) -> str:
    """Write the first fields of an event nobody has described."""
    parts = []
    for name, value in data.items():
        if value is None or value in ("", [], {}):
            continue
        parts.append(f"{name}={_short(value)}")
        if len(parts) == _FIELDS:
            break
    return ", ".join(parts)


def _task(data: Data) -> str:
    name = data.get("task_name")
    return name.rpartition(":")[2] if isinstance(name, str) else ""


def _joined(*parts: object) -> str:
    return " · ".join(str(part) for part in parts if part)


def _short(value: object) -> str:
    if isinstance(value, list | dict) and len(value) > 4:
        shape = "[{}]" if isinstance(value, list) else "{{{}}}"
        return shape.format(len(value))
    return formats.elided(msgspec.json.encode(value).decode(errors="replace"), _VALUE)
