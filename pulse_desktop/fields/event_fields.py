"""The fields of events."""

from collections.abc import Callable
from typing import Final

from pulse_desktop.fields.field_values import dictionary_field, free_text_field, text_values
from pulse_desktop.fields.names import task_values, worker_values
from pulse_desktop.protocol.event import HEARTBEAT, Event, event_data
from pulse_desktop.protocol.topics import TASK_TOPIC
from pulse_desktop.query.fields import Field, FieldIndex, FieldKind, FieldSet, TextPredicate, Values
from pulse_desktop.query.json_fields import JsonDecoder, json_key, values_at
from pulse_desktop.query.json_search import JsonSearch, json_text
from pulse_desktop.text.translation import _

_TASK_NAME: Final = "task_name"
_TASK_ID: Final = "task_id"


def event_fields() -> FieldSet[Event]:
    """Return the fields of events and task messages."""
    kind, decoder = FieldKind, JsonDecoder(event_data)

    def data(name: str) -> Callable[[Event, float], Values]:
        key = json_key(name)

        def get(event: Event, _now: float) -> Values:
            raw = event.raw
            if event.problem or (key not in raw and b"\\" not in raw):
                return ()
            return values_at(decoder.decode(raw), name)

        return get

    task_name, task_id = data(_TASK_NAME), data(_TASK_ID)

    def task(event: Event, now: float) -> Values:
        if event.topic == TASK_TOPIC:
            return task_values(event.type)
        names = task_name(event, now)
        return task_values(names[0]) if names and isinstance(names[0], str) else ()

    def run(event: Event, now: float) -> Values:
        if event.type == HEARTBEAT:  # it is of a worker, and lists runs
            return ()
        return tuple(each for each in task_id(event, now) if isinstance(each, str))

    return FieldSet[Event](
        (
            dictionary_field("topic", kind.ID, _("Topic"), "topic", text_values),
            dictionary_field("type", kind.TEXT, _("Type"), "type", text_values),
            dictionary_field("source", kind.ID, _("Sender"), "source", worker_values),
            Field("task", kind.TEXT, _("Task"), task),
            Field(
                "run",
                kind.ID,
                _("Task id"),
                run,
                index=FieldIndex(in_payload=True, is_task_id=True),
            ),
            Field("time", kind.TIME, _("Time"), lambda e, _now: (e.timestamp,)),
            Field("received", kind.TIME, _("Received"), lambda e, _now: (e.received_at,)),
            Field(
                "data",
                kind.TEXT,
                _("Data"),
                lambda e, _now: (json_text(e.raw),),
                bind=data,
                index=FieldIndex(in_payload=True),
            ),
            Field("id", kind.ID, _("Event id"), lambda e, _now: text_values(e.id)),
            Field("size", kind.SIZE, _("Size"), lambda e, _now: (len(e.raw),)),
            Field("sequence", kind.NUMBER, _("Sequence"), _sequence),
            Field("unreadable", kind.TEXT, _("Why it is unreadable"), _problem),
            free_text_field(event_text),
        ),
        event_text,
        contains=_contains,
        fallback="data",
        text_columns={"topic": str.casefold, "type": str.casefold, "source": str.casefold},
        text_in_payload=True,
    )


def event_text(event: Event) -> str:
    """Return the text that words are searched for in: topic, type, sender and payload."""
    names = f"{event.topic}\n{event.type}\n{event.source}".casefold()
    return f"{names}\n{json_text(event.raw)}"


def _contains(text: str) -> TextPredicate[Event]:
    in_json = JsonSearch(text).matches

    def contains(event: Event) -> bool:
        if in_json(event.raw) or text in event.topic.casefold() or text in event.type.casefold():
            return True
        return text in event.source.casefold()

    return contains


def _sequence(event: Event, _now: float) -> Values:
    return (event.sequence,) if event.sequence else ()


def _problem(event: Event, _now: float) -> Values:
    return text_values(event.problem)
