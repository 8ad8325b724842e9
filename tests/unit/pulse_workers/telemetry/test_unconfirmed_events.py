"""Which events are sent again, and which are given up."""

import json

import pytest
from pulse_workers.telemetry.unconfirmed_events import EncodedEvent, UnconfirmedEvents

TIMEOUT_S = 2.0
ACK = b'{"stream":"PULSE_EVENTS", "seq":7}'


def _event(number: int, type_: str = "task.started", topic: str = "tasks") -> EncodedEvent:
    subject = f"websocket.{topic}"
    return EncodedEvent(number, f"id-{number}", topic, type_, subject, b"x" * 100)


def _overdue(events: UnconfirmedEvents, now: float) -> list[int]:
    found = [event for each in events.subjects for event in each.overdue(now, TIMEOUT_S)]
    return [event.number for event in found]


def _error(code: int, err_code: int, description: str) -> bytes:
    error = {"code": code, "err_code": err_code, "description": description}
    return json.dumps({"error": error, "stream": "PULSE_EVENTS", "seq": 0}).encode()


def test_a_silent_stream_gets_one_event_and_one_that_confirms_gets_all() -> None:
    events = UnconfirmedEvents()
    for number in range(5):
        events.add(_event(number), now=0.0)
    assert _overdue(events, 1.9) == []
    assert _overdue(events, 2.0) == [0]
    events.add(_event(0), now=2.0)  # sent again
    assert _overdue(events, 2.5) == [1]
    events.on_reply("websocket.tasks", 0, ACK, now=2.6)
    assert _overdue(events, 2.7) == [1, 2, 3, 4]
    assert len(events) == 4


@pytest.mark.parametrize(
    ("data", "is_kept"),
    [
        (ACK, False),
        (b'{"stream":"PULSE_EVENTS","seq":7,"duplicate":true,"domain":"hub"}', False),
        (b"", True),  # no responders
        (b"ok", True),  # of a subscriber that is no stream
        (b'{"ok":true}', True),
        (_error(503, 10008, "JetStream system temporarily unavailable"), True),
        (_error(409, 10158, "duplicate message id is in process"), True),
        (_error(503, 10077, "no space left on device"), True),
        (_error(503, 10077, "maximum bytes exceeded"), False),
        (_error(503, 10023, "insufficient resources"), False),
        (_error(400, 10054, "message size exceeds maximum allowed"), False),
    ],
)
def test_only_a_stream_confirms_or_refuses_an_event(data: bytes, is_kept: bool) -> None:
    events = UnconfirmedEvents()
    events.add(_event(1), now=0.0)
    events.on_reply("websocket.tasks", 1, data, now=0.1)
    events.on_reply("websocket.tasks", 2, data, now=0.1)
    events.on_reply("websocket.unknown", 1, data, now=0.1)
    assert len(events) == is_kept
    assert bool(events.rejected) == (not is_kept and b"error" in data)


def test_the_oldest_are_dropped_and_counted_where_a_stream_stores_them() -> None:
    events = UnconfirmedEvents(max_events=10, max_bytes=1_000)
    for number in range(15):
        events.add(_event(number), now=0.0)
    assert (len(events), events.dropped) == (10, 0)  # no stream is known
    events.on_reply("websocket.tasks", 14, ACK, now=0.1)
    for number in range(15, 20):
        events.add(_event(number), now=0.2)
    assert (len(events), events.dropped) == (10, 4)
    assert [event.number for event in events.take_all()] == [9, *range(10, 14), *range(15, 20)]
    assert len(events) == 0


def test_a_heartbeat_is_not_repeated_after_a_newer_one() -> None:
    events = UnconfirmedEvents()
    for number, type_ in enumerate(("worker.heartbeat", "audit", "worker.heartbeat"), start=1):
        events.add(_event(number, type_, "monitoring"), now=0.0)
    events.add(_event(4, "worker.stopped", "monitoring"), now=0.0)
    events.add(_event(5), now=0.0)
    assert [event.number for event in events.take_all()] == [2, 4, 5]
