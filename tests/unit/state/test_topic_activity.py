"""The activity of topics."""

from pulse_desktop.state.system import SystemState
from pulse_desktop.state.topic_activity import MAX_TOPICS, Topics
from tests.unit.state.state_builders import (
    NOW,
    new_message,
    raw_message,
    state_of,
)


def test_a_topic_is_active_for_a_minute_after_its_last_event() -> None:
    state = state_of(*[new_message(NOW + n / 10) for n in range(100)])
    activity = state.topics.by_name["messages"]
    assert (activity.received, activity.last_at) == (100, NOW + 9.91)
    assert activity.active(NOW + 60)
    assert not activity.active(NOW + 70)
    assert state.topics.active_count(NOW + 10) == 1
    assert activity.per_second(NOW + 10, 10) == 10
    assert state.topics.by_name["metrics"].last_at is None


def test_the_number_of_topics_is_bounded() -> None:
    state = SystemState()
    for number in range(MAX_TOPICS * 3):
        state.fold([raw_message(f"t{number}", {"type": "x"})])
    assert len(state.topics.by_name) == MAX_TOPICS + 1
    assert state.topics.received == MAX_TOPICS * 3
    assert isinstance(Topics().of("tasks").rate.length, int)
