"""Event ids sort by time; task ids have the form that TaskIQ generates."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from pulse_desktop.protocol.event import new_event_id, stable_event_id
from pulse_desktop.protocol.task_message import new_task_id

seconds = st.floats(946_684_800, 4_102_444_800)


@given(seconds)
def test_an_event_id_is_a_version_7_uuid_with_its_time(at: float) -> None:
    event_id = new_event_id(at)
    parsed = uuid.UUID(event_id)
    assert len(event_id) == 32
    assert parsed.version == 7
    assert parsed.variant == uuid.RFC_4122
    assert parsed.int >> 80 == int(at * 1000)


@given(seconds, st.floats(0.002, 1e6))
def test_later_event_ids_sort_later(at: float, later_by: float) -> None:
    assert new_event_id(at) < new_event_id(at + later_by)


def test_ids_do_not_repeat() -> None:
    assert len({new_event_id(1_795_430_942.0) for _ in range(10_000)}) == 10_000
    assert len({new_task_id() for _ in range(1_000)}) == 1_000


def test_a_task_id_has_the_form_taskiq_uses() -> None:
    assert uuid.UUID(new_task_id()).version == 4
    assert len(new_task_id()) == 32


def test_the_same_key_of_a_type_has_the_same_id() -> None:
    event_id = stable_event_id("message.new", "1.2 \ud800")
    assert uuid.UUID(event_id).version == 8
    assert uuid.UUID(event_id).variant == uuid.RFC_4122
    assert stable_event_id("message.new", "1.2 \ud800") == event_id
    assert stable_event_id("message.scored", "1.2 \ud800") != event_id
    assert stable_event_id("message.new", "1.3") != event_id
