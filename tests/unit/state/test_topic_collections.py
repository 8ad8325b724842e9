"""The collections of the topics: messages, workers, metrics, agent calls, providers, knowledge."""

from typing import Any

import pytest

from pulse_desktop.protocol.event import decode_event
from pulse_desktop.protocol.inbound import InboundMessage
from pulse_desktop.state.attention import AttentionKind, attention_items
from pulse_desktop.state.chat_messages import ChatMessages
from pulse_desktop.state.knowledge import ExtractionCounts
from pulse_desktop.state.metrics import Metric
from pulse_desktop.state.system import MAX_CLOCK_SKEW_S, SystemState
from pulse_desktop.state.topic_activity import MAX_TOPICS, Topics
from pulse_desktop.state.workers import WorkerHealth
from tests.unit.state.state_builders import (
    NAME,
    NOW,
    event_message,
    fold_body,
    queued_event,
    raw_message,
    result_body,
    result_of,
    state_of,
    stored_object,
    task_event,
    task_message,
)


def metric(state: SystemState, name: str) -> Metric:
    """Return a metric that the state knows."""
    found = state.metrics.get(name)
    assert found is not None
    return found


def new_message(at: float = NOW, **data: Any) -> InboundMessage:
    defaults = {"id": "c.7", "external_message_id": "7", "content": "hi", "author": "Ann"}
    return event_message("messages", "message.new", {**defaults, **data}, at)


def scored(at: float = NOW + 1, **data: Any) -> InboundMessage:
    defaults = {"message_id": "c.7", "importance_score": 0.8, "classification": "signal"}
    return event_message("messages", "message.scored", {**defaults, **data}, at)


def test_a_message_and_its_score_become_one_row() -> None:
    state = state_of(new_message(task_id="t1"), scored(factors={"length": 0.5}, task_id="t2"))
    (message,) = state.messages.rows
    assert (message.author, message.content, message.score) == ("Ann", "hi", 0.8)
    assert (message.first_seen, message.scored_at) == (NOW, NOW + 1)
    assert (message.factors, message.task_id) == (b'{"length":0.5}', "t2")
    assert not message.label_mismatch
    assert state.take_changes().of(state.messages) == {0}


def test_a_score_that_arrives_first_is_merged_with_its_message() -> None:
    state = state_of(scored(), new_message(NOW + 2))
    (message,) = state.messages.rows
    assert (message.content, message.score, message.key) == ("hi", 0.8, "7")


def test_messages_with_id_zero_are_merged_by_their_external_id() -> None:
    state = state_of(
        raw_message(
            "messages",
            {"type": "message.new", "data": {"id": 0, "external_message_id": 7, "content": "a"}},
        ),
        raw_message(
            "messages",
            {
                "type": "message.updated",
                "data": {"id": 55, "external_message_id": "7", "author_name": "Ann"},
            },
        ),
        raw_message(
            "noise_filtering",
            {"event": "message_scored", "data": {"message_id": 55, "importance_score": 0.1}},
        ),
    )
    (message,) = state.messages.rows
    assert (message.content, message.author, message.message_id) == ("a", "Ann", "55")
    assert message.score == 0.1


def test_messages_without_an_internal_id_stay_separate() -> None:
    state = state_of(new_message(id=0), new_message(id=0, external_message_id="8"))
    assert [message.key for message in state.messages.rows] == ["7", "8"]


def test_a_label_that_differs_from_the_score_is_a_mismatch() -> None:
    state = state_of(scored(classification="noise"))
    assert state.messages.rows[0].label_mismatch


def test_an_event_about_an_evicted_message_adds_a_new_row() -> None:
    messages = ChatMessages(capacity=2)

    def apply(message: InboundMessage) -> None:
        messages.apply(decode_event("messages", message.payload, NOW))

    apply(scored())  # known by its internal id first, then by the external one
    apply(new_message())
    for number in range(3):
        apply(new_message(id=f"c.{number}", external_message_id=f"x{number}"))
    apply(new_message())
    apply(scored())
    assert messages.rows[messages.rows.stop - 1].score == 0.8
    assert len(messages.rows) == 2
    for number in range(50):
        apply(
            new_message(id=f"d.{number}", external_message_id="7")
        )  # an id that changes every time
    assert len(messages._positions) <= 4


def heartbeat(at: float = NOW, kind: str = "worker.heartbeat", **data: Any) -> InboundMessage:
    defaults = {"worker": "w1", "slots": 4, "busy": 1, "cpu_percent": 12.5, "tasks": []}
    return event_message("monitoring", kind, {**defaults, **data}, at)


@pytest.mark.parametrize(
    ("after", "health"),
    [
        (0, WorkerHealth.ONLINE),
        (15, WorkerHealth.ONLINE),
        (16, WorkerHealth.LATE),
        (30, WorkerHealth.LATE),
        (31, WorkerHealth.OFFLINE),
    ],
)
def test_worker_health_depends_on_the_time_since_the_last_heartbeat(
    after: float, health: WorkerHealth
) -> None:
    state = state_of(heartbeat())
    assert state.workers.rows[0].health(NOW + after) is health


def test_a_worker_that_announced_its_stop_is_stopped_not_offline() -> None:
    state = state_of(heartbeat(), heartbeat(NOW + 1, "worker.stopped"))
    assert state.workers.rows[0].health(NOW + 1000) is WorkerHealth.STOPPED
    assert state.workers.offline(NOW + 1000) == []
    assert attention_items(state, NOW + 1000) == []


def test_an_older_heartbeat_does_not_replace_a_newer_one() -> None:
    state = state_of(heartbeat(NOW + 5, busy=3), heartbeat(NOW, busy=0))
    assert state.workers.rows[0].busy == 3


def test_a_metric_without_a_value_is_blank_and_has_no_history() -> None:
    values = {"noiseRatio": 0.25, "classificationAccuracy": None}
    state = state_of(
        event_message(
            "metrics",
            "metrics:update",
            {
                **values,
                "sampleSizes": {"noiseRatio": 40},
                "trends": {"noiseRatio": {"direction": "up", "change": 0.1, "over_s": 600}},
                "counts": {"atoms": 3},
                "note": "12",
            },
        )
    )
    blank, noise = metric(state, "classificationAccuracy"), metric(state, "noiseRatio")
    assert blank.value is None
    assert "classificationAccuracy" not in state.metrics.history
    assert (noise.value, noise.sample_size, noise.trend, noise.change) == (0.25, 40, "up", 0.1)
    assert metric(state, "atoms").value == 3
    assert state.metrics.get("note") is None
    assert state.metrics.get("topicQualityScore") is None


def test_an_event_with_ten_thousand_numbers_does_not_evict_known_metrics() -> None:
    many = {f"n{number}": number for number in range(10_000)}
    state = state_of(event_message("metrics", "metrics:update", {**many, "noiseRatio": 0.5}))
    assert metric(state, "noiseRatio").value == 0.5
    assert len(state.metrics.rows) <= 200


def test_the_end_of_an_agent_call_replaces_its_start() -> None:
    data = {"agent": "extraction", "task_id": "t", "provider": "p"}
    state = state_of(
        event_message("agents", "agent.started", data, NOW),
        event_message("agents", "agent.started", {**data, "task_id": "u"}, NOW),
        event_message(
            "agents", "agent.finished", {**data, "latency_s": 1.5, "tokens_in": 10}, NOW + 2
        ),
    )
    ended, running = state.agents.rows
    assert (ended.state, ended.at, ended.latency_s) == ("finished", NOW, 1.5)
    assert running.state == "running"
    assert state.agents.latency["extraction"].since(NOW) == [1.5]
    assert state.agents.tokens["in"].total(NOW + 3, 10) == 10


def check(status: str, at: float = NOW, **data: Any) -> InboundMessage:
    fields = {"provider": "p", "status": status, "models": ["m"], **data}
    return event_message("providers", "provider.checked", fields, at)


def test_a_provider_is_down_since_its_first_failed_check() -> None:
    state = state_of(
        check("connected"),
        check("error", NOW + 1, error="refused"),
        check("error", NOW + 2, error="refused"),
    )
    (provider,) = state.providers.down
    assert (provider.since, provider.checks, provider.failures) == (NOW + 1, 3, 2)
    (item,) = attention_items(state, NOW + 3)
    assert (item.kind, item.subject, item.message) == ("provider", "p", "refused")
    state.fold([check("connected", NOW + 4)])
    assert attention_items(state, NOW + 5) == []


def test_the_flat_validation_of_older_systems_is_decoded() -> None:
    body = {"event": "validation_update", "provider_id": 3, "validation_status": "error"}
    state = state_of(raw_message("providers", {**body, "validation_error": "401"}))
    assert (state.providers.down[0].name, state.providers.down[0].error) == ("3", "401")


def test_extractions_and_atoms_become_rows() -> None:
    data = {"message_count": 1, "atoms_created": 2, "topics_created": 0, "extraction_id": "x"}
    state = state_of(
        event_message("knowledge", "knowledge.extraction_completed", data),
        event_message(
            "knowledge", "knowledge.atom_created", {"atom_title": "T", "atom_type": "risk"}
        ),
    )
    extraction, atom = state.knowledge.rows
    assert (extraction.kind, extraction.type, extraction.title) == ("extraction", "completed", "")
    assert extraction.counts == ExtractionCounts(1, atoms=2)
    assert (atom.kind, atom.type, atom.title) == ("atom", "risk", "T")
    assert state.knowledge.atoms["risk"].total(NOW + 1, 5) == 1


def test_attention_items_are_grouped_by_cause_with_the_worst_first() -> None:
    messages = [heartbeat()]
    for number in range(3):
        task_id = f"{number:032x}"
        messages += [
            task_event("started", NOW, task_id),
            task_event("failed", NOW + number, task_id, error={"type": "E", "message": "m"}),
        ]
    soft = stored_object(NOW + 5, "f" * 32)
    overdue = task_message(NOW, "e" * 32)
    state = state_of(*messages, soft, overdue)
    fold_body(state, soft, result_body("Error: no"))
    state.tick(NOW + 400)
    found = attention_items(state, NOW + 400)
    assert [(each.kind, each.count) for each in found] == [
        (AttentionKind.FAILED, 3),
        (AttentionKind.WORKER_OFFLINE, 1),
        (AttentionKind.SOFT_FAILED, 1),
        (AttentionKind.OVERDUE, 1),
    ]
    assert found[0].task_ids == ("2".zfill(32), "1".zfill(32), "0".zfill(32))
    assert (found[0].subject, found[0].cause, found[0].message) == (NAME, "E", "m")
    assert found[2].message == "Error: no"
    assert [each.kind for each in attention_items(state, NOW + 9_000)] == ["overdue"]


def test_a_deleted_result_is_not_counted() -> None:
    state = state_of(stored_object(NOW, "a"), stored_object(NOW, "b", sequence=2))
    assert (state.results.count, state.results.size) == (2, 400)
    state.fold([stored_object(NOW + 1, "a", sequence=3, deleted=True)])
    assert (state.results.count, state.results.size) == (1, 200)
    assert result_of(state, "a").stored.deleted
    state.fold([stored_object(NOW, "a")])  # an old revision
    assert state.results.count == 1


def test_progress_objects_are_not_results() -> None:
    state = state_of(stored_object(NOW, "progress:" + "a" * 32))
    assert (len(state.results.rows), len(state.runs.rows), state.pending_reads) == (0, 0, [])


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


def test_an_unreadable_event_is_kept_and_counted() -> None:
    state = state_of(raw_message("agents", b"\x00nonsense"), heartbeat())
    assert [event.readable for event in state.log] == [False, True]
    assert state.log[0].raw == b"\x00nonsense"
    assert (state.unreadable, state.topics.by_name["agents"].unreadable) == (1, 1)
    assert len(state.workers.rows) == 1


def test_a_timestamp_far_in_the_future_is_replaced_by_the_arrival_time() -> None:
    ahead = raw_message(
        "messages", {"type": "message.new", "timestamp": NOW + MAX_CLOCK_SKEW_S + 60}
    )
    state = state_of(ahead)
    assert (state.log[0].timestamp, state.log[0].time_source) == (NOW, "received")


def test_the_log_is_bounded_in_bytes() -> None:
    state = SystemState(log_rows=1_000, log_bytes=10_000)
    state.fold([new_message(content="x" * 1_000) for _ in range(50)])
    assert state.log.weight <= 10_000
    assert len(state.log) < 10


def test_the_log_finds_the_events_of_a_run() -> None:
    state = state_of(
        task_message(), heartbeat(), task_event("started"), task_event("started", NOW, "b")
    )
    assert [event.type for event in state.log.mentioning("a" * 32)] == [NAME, "task.started"]
    assert [event.type for event in state.log.mentioning("a" * 32, limit=1)] == ["task.started"]


def test_the_events_of_a_run_are_sorted_by_time() -> None:
    state = state_of(
        task_event("succeeded", NOW + 2, run_s=1.0),
        task_event("started", NOW + 1),
        event_message("messages", "message.scored", {"task_id": "a" * 32}, NOW + 1.5),
        queued_event(NOW),
    )
    assert [event.type for event in state.log.mentioning("a" * 32)] == [
        "task.queued",
        "task.started",
        "message.scored",
        "task.succeeded",
    ]
