"""Folding never raises for any input, and everything folded can be serialized."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pulse_desktop.protocol.inbound import InboundMessage, Source
from pulse_desktop.protocol.topics import TOPICS
from pulse_desktop.state.attention import attention_items
from pulse_desktop.state.serialize import event_to_dict, run_to_dict
from pulse_desktop.state.system import SystemState
from tests.unit.state.state_builders import NOW, event_message, fold_body, stored_object

SHAPES = {
    "tasks": {
        "task.queued": "task_id task_name args kwargs labels labels_types queued_at",
        "task.started": "task_id task_name worker attempt max_attempts queued_at",
        "task.progress": "task_id done total message",
        "task.succeeded": "task_id task_name worker attempt run_s result_bytes",
        "task.failed": "task_id attempt max_attempts will_retry error run_s result_bytes",
        "task.cancelled": "task_id attempt run_s reason",
    },
    "monitoring": {
        "worker.heartbeat": "worker host pid started_at slots busy busy_mean tasks cpu_percent"
        " rss_bytes",
        "worker.stopped": "worker tasks broker version",
        "audit": "who action target detail",
        "task_started": "task_id task_name params attempt",
        "task_completed": "task_id duration_ms",
        "task_failed": "task_id duration_ms error_message",
    },
    "agents": {
        "agent.started": "agent provider model task_id items",
        "agent.finished": "agent task_id tokens_in latency_s fallback_from fallback_reason",
        "agent.failed": "agent task_id error latency_s",
    },
    "providers": {
        "provider.checked": "provider kind status latency_s models error",
        "validation_update": "provider_id validation_status validation_error validated_at",
    },
    "knowledge": {
        "knowledge.extraction_started": "message_count agent_name extraction_id",
        "knowledge.extraction_completed": "message_count topics_created atoms_created error",
        "knowledge.topic_created": "topic_id topic_name confidence",
        "knowledge.atom_created": "atom_id atom_title atom_type confidence",
        "knowledge.version_created": "topic_name entity_type version entity_id",
    },
    "messages": {
        "message.new": "id external_message_id content author sent_at source_name",
        "message.updated": "id external_message_id author_name",
        "message.scored": "message_id external_message_id importance_score classification factors",
    },
    "noise_filtering": {
        "message_scored": "message_id importance_score classification noise_factors"
    },
    "metrics": {"metrics:update": "noiseRatio trends sampleSizes counts activeAnalysisRuns other"},
}
KINDS = [(topic, name, f.split()) for topic, names in SHAPES.items() for name, f in names.items()]

odd_values: st.SearchStrategy[Any] = st.sampled_from(
    [
        "",
        "0",
        "nan",
        "NaN",
        "inf",
        "-Infinity",
        "1e999",
        "1_000",
        "9" * 400,
        "9" * 5_000,
        " 12 ",
        "٣",
        "x" * 70_000,
        "a\0b",
        "2026-11-23T10:49:02+00:00",
        "2026-11-23T10:49:02",
        "9999-12-31T23:59:59-14:00",
        "0001-01-01T00:00:00+14:00",
        10**18,
        10**30,
        -(10**30),
        10**400,
        2**63,
        2**64,
        1.7976931348623157e308,
        -1e-320,
        1e300,
        -0.0,
        -1,
        0,
        True,
        False,
        None,
        [],
        {},
        [[]],
        {"": {}},
        NOW,
        NOW * 1000,
    ]
)
scalars = odd_values | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=8)
            | st.sampled_from(
                ["type", "message", "traceback", "name", "task_id", "direction", "_retries", "data"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=6,
)


@st.composite
def events(draw: st.DrawFn) -> InboundMessage:
    topic, name, fields = draw(st.sampled_from(KINDS))
    data = {field: draw(values) for field in draw(st.sets(st.sampled_from(fields)))}
    if draw(st.booleans()):
        # Few ids, so that several events are about one run.
        data["task_id"] = draw(st.sampled_from(["a" * 32, "b"]))
    form = draw(st.sampled_from(["canonical", "their own", "flat", "any envelope"]))
    if form == "canonical":
        body: dict[str, Any] = {
            "id": "1" * 32,
            "topic": topic,
            "type": name,
            "timestamp": "2026-11-23T10:49:02.114213+00:00",
            "source": "w",
            "data": data,
        }
    elif form == "their own":
        body = {"type": name, "task_name": "n", "status": "s", "data": data}
    elif form == "flat":
        body = {"event": name, **data}
    else:
        body = {"type": name, "data": data, "timestamp": draw(values), "id": draw(values)}
        body["source"] = draw(values)
    compact = (",", ":") if draw(st.booleans()) else None
    text = json.dumps(body, ensure_ascii=draw(st.booleans()), separators=compact)
    if draw(st.booleans()):
        escape = draw(st.sampled_from(["\\ud800", "\\udc00", "\\ud83d\\ude00", "\\u0000"]))
        text = text.replace('"a', f'"{escape}a').replace('"x', f'"{escape}')
    raw = text.encode("utf-8", "surrogatepass")
    return InboundMessage(Source.EVENT, f"websocket.{topic}", raw, NOW, 1)


task_bodies = st.fixed_dictionaries(
    {"task_id": st.sampled_from(["a" * 32, "b"]) | values, "task_name": st.text() | values},
    optional=dict.fromkeys(("args", "kwargs", "labels", "labels_types"), values),
)
tasks = st.one_of(st.binary(), task_bodies.map(lambda body: json.dumps(body).encode("utf-8"))).map(
    lambda raw: InboundMessage(Source.TASK, "taskiq_tasks", raw, NOW)
)
noise = st.tuples(
    st.sampled_from([*TOPICS, "noise_filtering", "ingestion", "x.y", ""]), st.binary()
).map(lambda pair: InboundMessage(Source.EVENT, f"websocket.{pair[0]}", pair[1], NOW))


def serialize_everything(state: SystemState) -> None:
    for event in state.log:
        json.loads(msgspec.json.encode(event_to_dict(event)))
        json.dumps(event_to_dict(event), allow_nan=False)
    for run in state.runs.rows:
        json.loads(msgspec.json.encode(run_to_dict(run)))
        json.dumps(run_to_dict(run), allow_nan=False)


@given(st.lists(events() | tasks | noise, max_size=8))
def test_folding_never_raises_and_everything_can_be_serialized(
    messages: list[InboundMessage],
) -> None:
    state = SystemState()
    state.fold(messages)
    assert len(state.log) == len(messages)
    state.tick(NOW + 1_000)
    attention_items(state, NOW + 1_000)
    state.take_changes()
    serialize_everything(state)


@given(st.binary() | values.map(lambda value: json.dumps(value).encode()))
@example(b"\x80\x04.")
def test_folding_any_result_body_never_raises(body: bytes) -> None:
    state = SystemState()
    stored = stored_object(NOW)
    state.fold([stored])
    fold_body(state, stored, body)
    serialize_everything(state)


result_fields = st.fixed_dictionaries(
    {"is_err": st.booleans(), "return_value": values},
    optional=dict.fromkeys(("execution_time", "labels", "error", "log"), values),
)


@given(result_fields)
def test_folding_any_result_field_never_raises(fields: dict[str, Any]) -> None:
    state = SystemState()
    stored = stored_object(NOW)
    state.fold([stored])
    fold_body(state, stored, json.dumps(fields).encode())
    serialize_everything(state)


@pytest.mark.parametrize(
    ("field", "number"),
    [("task_id", "9" * 5_000), ("attempt", "1" * 400), ("run_s", "8" * 9_000), ("run_s", "1e999")],
)
def test_a_huge_number_is_folded_and_serialized_unchanged(field: str, number: str) -> None:
    raw = event_message("tasks", "task.succeeded", {"task_id": "a", field: 7}).payload
    raw = raw.replace(b":7}", f":{number}}}".encode())
    state = SystemState()
    state.fold([InboundMessage(Source.EVENT, "websocket.tasks", raw, NOW)])
    assert str(state.log[0].data()[field]) == number
    assert len(state.runs.rows) == 1
    serialize_everything(state)


@pytest.mark.parametrize("depth", [10, 63, 64, 1_000, 100_000])
@pytest.mark.parametrize("form", ["canonical", "theirs", "task"])
def test_deep_nesting_is_folded_or_refused(depth: int, form: str) -> None:
    nest = b"[" * depth + b"]" * depth
    state = SystemState()
    if form == "task":
        raw = b'{"task_id":"a","task_name":"n","args":[%s],"kwargs":{}}' % nest
        state.fold([InboundMessage(Source.TASK, "taskiq_tasks", raw, NOW)])
    else:
        raw = event_message("tasks", "task.started", {"task_id": "a", "x": 0}).payload
        if form == "theirs":
            raw = raw.replace(b'"topic":', b'"topic" :')
        raw = raw.replace(b'"x":0', b'"x":' + nest)
        state.fold([InboundMessage(Source.EVENT, "websocket.tasks", raw, NOW)])
        assert state.log[0].readable == (depth < 63)
    serialize_everything(state)
