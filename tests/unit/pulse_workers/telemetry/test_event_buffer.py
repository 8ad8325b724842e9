"""Which events are kept until they are sent, and what is said of the others."""

import pytest
from pulse_workers.telemetry.event_buffer import EventBuffer
from pulse_workers.telemetry.unconfirmed_events import EncodedEvent


def _events(*numbers: int, size: int = 100) -> list[EncodedEvent]:
    return [
        EncodedEvent(
            number, f"id-{number}", "tasks", "task.started", "websocket.tasks", b"x" * size
        )
        for number in numbers
    ]


def _numbers(events: list[EncodedEvent]) -> list[int]:
    return [event.number for event in events]


@pytest.mark.parametrize("limit", [{"max_events": 3}, {"max_bytes": 399}])
def test_the_newest_events_are_dropped_for_lack_of_room(limit: dict[str, int]) -> None:
    buffer = EventBuffer(**limit)
    for event in _events(1, 2, 3, 4, 5):
        buffer.append(event)
    assert buffer.dropped == 2
    first = buffer.take(2)
    assert _numbers(first) == [1, 2]
    buffer.append(_events(6)[0])
    buffer.put_back(first)
    assert buffer.dropped == 3
    assert _numbers(buffer.take(10)) == [1, 2, 3]


def test_a_smaller_event_still_fits_behind_one_that_was_dropped() -> None:
    buffer = EventBuffer(max_bytes=250)
    for event in (*_events(1), *_events(2, size=200), *_events(3)):
        buffer.append(event)
    assert (_numbers(buffer.take(10)), buffer.dropped) == ([1, 3], 1)


def test_the_log_has_one_line_when_events_are_dropped_and_one_when_the_rest_is_sent(
    caplog: pytest.LogCaptureFixture,
) -> None:
    buffer = EventBuffer(max_events=2)
    for count in (3, 1):
        for event in _events(*range(2 + count)):
            buffer.append(event)
        buffer.take(1)
        buffer.take(1)
        assert [record.getMessage() for record in caplog.records] == [
            "the event buffer is full (2 events, 0.0 MiB), newer events are dropped",
            f"the event buffer is empty again; {count} events were dropped",
        ]
        caplog.clear()
