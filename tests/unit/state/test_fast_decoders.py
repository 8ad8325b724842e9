"""The fast decoders and the field-by-field decoders give the same rows."""

from collections.abc import Callable
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from pulse_desktop.protocol.event import decode_event_raw
from pulse_desktop.state.agent_calls import AgentCalls
from pulse_desktop.state.chat_messages import ChatMessages
from pulse_desktop.state.collection import Collection
from pulse_desktop.state.workers import Workers
from tests.unit.state.state_builders import NOW, event_message

Step = tuple[str, str, dict[str, Any]]  # topic, event type, data

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "0", "17", "tg-17", "0.4", "2026-11-23T10:00:00+00:00", "null", "є"]),
)
VALUES = st.one_of(
    SCALARS,
    st.lists(SCALARS, max_size=2),
    st.dictionaries(st.sampled_from(["name", "length", "a"]), SCALARS, max_size=2),
)
MESSAGE = (
    "external_message_id",
    "id",
    "content",
    "author",
    "author_name",
    "source_name",
    "sent_at",
    "task_id",
    "attachments",
    "media_type",
)
SCORE = (
    "message_id",
    "external_message_id",
    "importance_score",
    "classification",
    "factors",
    "noise_factors",
    "task_id",
)
CALL = (
    "agent",
    "provider",
    "model",
    "task_id",
    "items",
    "tokens_in",
    "tokens_out",
    "latency_s",
    "error",
    "fallback_from",
    "fallback_reason",
)
BEAT = (
    "worker",
    "host",
    "pid",
    "started_at",
    "slots",
    "busy",
    "running",
    "tasks",
    "cpu_percent",
    "rss_bytes",
    "broker",
    "version",
    "control",
    "paused",
    "draining",
    "log_level",
    "catalogue",
    "busy_mean",
    "unknown_tasks",
    "missing_tasks",
)


def _data(fields: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(fields), VALUES)


def _decode_both_ways(
    make: Callable[[], Collection[Any]], steps: list[Step]
) -> tuple[list[Any], list[Any]]:
    fast, slow = make(), make()
    for number, (topic, name, data) in enumerate(steps):
        message = event_message(topic, name, data, at=NOW + number)
        event, body = decode_event_raw(topic, message.payload, message.at)
        assert body is not None
        fast.apply(event, body)
        slow.apply(event, None)
    return list(fast.rows), list(slow.rows)


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("messages"), st.just("message.new"), _data(MESSAGE)),
            st.tuples(st.just("messages"), st.just("message.updated"), _data(MESSAGE)),
            st.tuples(st.just("messages"), st.just("message.scored"), _data(SCORE)),
        ),
        max_size=5,
    )
)
@example([("messages", "message.new", {"external_message_id": "tg-17", "content": None})])
@example(
    [
        ("messages", "message.new", {"id": 0, "external_message_id": "tg-17", "content": "hi"}),
        ("messages", "message.updated", {"id": 5, "external_message_id": "tg-17"}),
        (
            "messages",
            "message.scored",
            {
                "message_id": 5,
                "importance_score": 1,
                "classification": "noise",
                "noise_factors": {"length": 1},
            },
        ),
    ]
)
def test_both_decoders_give_the_same_chat_messages(steps: list[Step]) -> None:
    fast, slow = _decode_both_ways(ChatMessages, steps)
    assert fast == slow


@given(
    st.lists(
        st.tuples(
            st.just("agents"),
            st.sampled_from(["agent.started", "agent.finished", "agent.failed"]),
            _data(CALL),
        ),
        max_size=4,
    )
)
def test_both_decoders_give_the_same_agent_calls(steps: list[Step]) -> None:
    fast, slow = _decode_both_ways(AgentCalls, steps)
    assert fast == slow


@given(
    st.lists(
        st.tuples(
            st.just("monitoring"),
            st.sampled_from(["worker.heartbeat", "worker.stopped"]),
            _data(BEAT),
        ),
        max_size=4,
    )
)
@example([("monitoring", "worker.heartbeat", {"worker": "w", "running": [{"task_id": "a"}, "b"]})])
def test_both_decoders_give_the_same_workers(steps: list[Step]) -> None:
    fast, slow = _decode_both_ways(Workers, steps)
    assert fast == slow
