"""What each topic's page shows, folded from its events."""

import pytest

from pulse_desktop.protocol.event import decode_event
from pulse_desktop.state.attention import AttentionKind, attention_items
from pulse_desktop.state.chat_messages import ChatMessages
from pulse_desktop.state.knowledge import ExtractionCounts
from pulse_desktop.state.system import MAX_CLOCK_SKEW_S, SystemState
from pulse_desktop.state.topic_activity import MAX_TOPICS, Topics
from pulse_desktop.state.workers import WorkerHealth
from tests.unit.state.state_builders import (
    NAME,
    NOW,
    event_arrival,
    fold_body,
    queued_event,
    raw_arrival,
    result_body,
    stored_object,
    task_arrival,
    task_event,
)


def folded(*arrivals):
    state = SystemState()
    state.fold(arrivals)
    return state


def new(at=NOW, **data):
    told = {"id": "c.7", "external_message_id": "7", "content": "hi", "author": "Ann"}
    return event_arrival("messages", "message.new", {**told, **data}, at)


def scored(at=NOW + 1, **data):
    told = {"message_id": "c.7", "importance_score": 0.8, "classification": "signal"}
    return event_arrival("messages", "message.scored", {**told, **data}, at)


def test_a_message_and_its_score_become_one_row() -> None:
    state = folded(new(task_id="t1"), scored(factors={"length": 0.5}, task_id="t2"))
    (message,) = state.messages.rows
    assert (message.author, message.content, message.score) == ("Ann", "hi", 0.8)
    assert (message.first_seen, message.scored_at) == (NOW, NOW + 1)
    assert (message.factors, message.task_id) == (b'{"length":0.5}', "t2")
    assert not message.label_mismatch
    assert state.take_changes().of(state.messages) == {0}


def test_a_score_that_comes_first_waits_for_its_message() -> None:
    state = folded(scored(), new(NOW + 2))
    (message,) = state.messages.rows
    assert (message.content, message.score, message.key) == ("hi", 0.8, "7")


def test_theirs_are_joined_by_the_chats_own_id_because_a_new_one_has_id_zero() -> None:
    state = folded(
        raw_arrival(
            "messages",
            {"type": "message.new", "data": {"id": 0, "external_message_id": 7, "content": "a"}},
        ),
        raw_arrival(
            "messages",
            {
                "type": "message.updated",
                "data": {"id": 55, "external_message_id": "7", "author_name": "Ann"},
            },
        ),
        raw_arrival(
            "noise_filtering",
            {"event": "message_scored", "data": {"message_id": 55, "importance_score": 0.1}},
        ),
    )
    (message,) = state.messages.rows
    assert (message.content, message.author, message.message_id) == ("a", "Ann", "55")
    assert message.score == 0.1


def test_two_messages_that_are_not_stored_yet_are_two() -> None:
    state = folded(new(id=0), new(id=0, external_message_id="8"))
    assert [message.key for message in state.messages.rows] == ["7", "8"]


def test_a_label_that_disagrees_with_its_score_is_shown_to_do_so() -> None:
    state = folded(scored(classification="noise"))
    assert state.messages.rows[0].label_mismatch


def test_a_message_heard_of_again_after_it_was_forgotten_is_a_new_row() -> None:
    messages = ChatMessages(capacity=2)

    def tell(arrival) -> None:
        messages.apply(decode_event("messages", arrival.payload, NOW))

    tell(scored())  # known by one id first, by another later
    tell(new())
    for number in range(3):
        tell(new(id=f"c.{number}", external_message_id=f"x{number}"))
    tell(new())
    tell(scored())
    assert messages.rows[messages.rows.stop - 1].score == 0.8
    assert len(messages.rows) == 2
    for number in range(50):
        tell(new(id=f"d.{number}", external_message_id="7"))  # an id that changes every time
    assert len(messages._positions) <= 4


def beat(at=NOW, kind="worker.heartbeat", **data):
    told = {"worker": "w1", "slots": 4, "busy": 1, "cpu_percent": 12.5, "tasks": []}
    return event_arrival("monitoring", kind, {**told, **data}, at)


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
def test_a_worker_is_judged_by_how_long_it_has_been_silent(after, health) -> None:
    state = folded(beat())
    assert state.workers.rows[0].health(NOW + after) is health


def test_a_worker_that_said_good_bye_is_stopped_not_gone() -> None:
    state = folded(beat(), beat(NOW + 1, "worker.stopped"))
    assert state.workers.rows[0].health(NOW + 1000) is WorkerHealth.STOPPED
    assert state.workers.offline(NOW + 1000) == []
    assert attention_items(state, NOW + 1000) == []


def test_an_older_heartbeat_does_not_replace_a_newer_one() -> None:
    state = folded(beat(NOW + 5, busy=3), beat(NOW, busy=0))
    assert state.workers.rows[0].busy == 3


def test_a_metric_nobody_measured_is_blank_and_has_no_history() -> None:
    told = {"noiseRatio": 0.25, "classificationAccuracy": None}
    state = folded(
        event_arrival(
            "metrics",
            "metrics:update",
            {
                **told,
                "sampleSizes": {"noiseRatio": 40},
                "trends": {"noiseRatio": {"direction": "up", "change": 0.1, "over_s": 600}},
                "counts": {"atoms": 3},
                "note": "12",
            },
        )
    )
    blank, noise = state.metrics.get("classificationAccuracy"), state.metrics.get("noiseRatio")
    assert blank.value is None
    assert "classificationAccuracy" not in state.metrics.history
    assert (noise.value, noise.sample_size, noise.trend, noise.change) == (0.25, 40, "up", 0.1)
    assert state.metrics.get("atoms").value == 3
    assert state.metrics.get("note") is None
    assert state.metrics.get("topicQualityScore") is None


def test_an_event_with_ten_thousand_numbers_does_not_push_the_known_metrics_out() -> None:
    many = {f"n{number}": number for number in range(10_000)}
    state = folded(event_arrival("metrics", "metrics:update", {**many, "noiseRatio": 0.5}))
    assert state.metrics.get("noiseRatio").value == 0.5
    assert len(state.metrics.rows) <= 200


def test_the_end_of_an_agent_call_takes_the_place_of_its_start() -> None:
    told = {"agent": "extraction", "task_id": "t", "provider": "p"}
    state = folded(
        event_arrival("agents", "agent.started", told, NOW),
        event_arrival("agents", "agent.started", {**told, "task_id": "u"}, NOW),
        event_arrival(
            "agents", "agent.finished", {**told, "latency_s": 1.5, "tokens_in": 10}, NOW + 2
        ),
    )
    ended, running = state.agents.rows
    assert (ended.state, ended.at, ended.latency_s) == ("finished", NOW, 1.5)
    assert running.state == "running"
    assert state.agents.latency["extraction"].since(NOW) == [1.5]
    assert state.agents.tokens["in"].total(NOW + 3, 10) == 10


def check(status, at=NOW, **data):
    told = {"provider": "p", "status": status, "models": ["m"], **data}
    return event_arrival("providers", "provider.checked", told, at)


def test_a_provider_is_down_since_its_first_failed_check() -> None:
    state = folded(
        check("connected"),
        check("error", NOW + 1, error="refused"),
        check("error", NOW + 2, error="refused"),
    )
    (provider,) = state.providers.down
    assert (provider.since, provider.checks, provider.failures) == (NOW + 1, 3, 2)
    (concern,) = attention_items(state, NOW + 3)
    assert (concern.kind, concern.subject, concern.message) == ("provider", "p", "refused")
    state.fold([check("connected", NOW + 4)])
    assert attention_items(state, NOW + 5) == []


def test_an_older_systems_flat_validation_is_read() -> None:
    body = {"event": "validation_update", "provider_id": 3, "validation_status": "error"}
    state = folded(raw_arrival("providers", {**body, "validation_error": "401"}))
    assert (state.providers.down[0].name, state.providers.down[0].error) == ("3", "401")


def test_extractions_and_atoms_become_rows() -> None:
    told = {"message_count": 1, "atoms_created": 2, "topics_created": 0, "extraction_id": "x"}
    state = folded(
        event_arrival("knowledge", "knowledge.extraction_completed", told),
        event_arrival(
            "knowledge", "knowledge.atom_created", {"atom_title": "T", "atom_type": "risk"}
        ),
    )
    extraction, atom = state.knowledge.rows
    assert (extraction.kind, extraction.type, extraction.title) == ("extraction", "completed", "")
    assert extraction.counts == ExtractionCounts(1, atoms=2)
    assert (atom.kind, atom.type, atom.title) == ("atom", "risk", "T")
    assert state.knowledge.atoms["risk"].total(NOW + 1, 5) == 1


def test_what_needs_attention_is_grouped_by_cause_the_worst_first() -> None:
    arrivals = [beat()]
    for number in range(3):
        task_id = f"{number:032x}"
        arrivals += [
            task_event("started", NOW, task_id),
            task_event("failed", NOW + number, task_id, error={"type": "E", "message": "m"}),
        ]
    soft = stored_object(NOW + 5, "f" * 32)
    overdue = task_arrival(NOW, "e" * 32)
    state = folded(*arrivals, soft, overdue)
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


def test_a_deleted_result_leaves_the_counts() -> None:
    state = folded(stored_object(NOW, "a"), stored_object(NOW, "b", sequence=2))
    assert (state.results.count, state.results.size) == (2, 400)
    state.fold([stored_object(NOW + 1, "a", sequence=3, deleted=True)])
    assert (state.results.count, state.results.size) == (1, 200)
    assert state.results.get("a").stored.deleted
    state.fold([stored_object(NOW, "a")])  # old news
    assert state.results.count == 1


def test_progress_objects_are_not_results() -> None:
    state = folded(stored_object(NOW, "progress:" + "a" * 32))
    assert (len(state.results.rows), len(state.runs.rows), state.pending_reads) == (0, 0, [])


def test_a_topic_is_alive_for_a_minute_after_its_last_event() -> None:
    state = folded(*[new(NOW + n / 10) for n in range(100)])
    activity = state.topics.by_name["messages"]
    assert (activity.received, activity.last_at) == (100, NOW + 9.91)
    assert activity.active(NOW + 60)
    assert not activity.active(NOW + 70)
    assert state.topics.active_count(NOW + 10) == 1
    assert activity.per_second(NOW + 10, 10) == 10
    assert state.topics.by_name["metrics"].last_at is None


def test_names_of_topics_are_the_senders_choice_and_bounded() -> None:
    state = SystemState()
    for number in range(MAX_TOPICS * 3):
        state.fold([raw_arrival(f"t{number}", {"type": "x"})])
    assert len(state.topics.by_name) == MAX_TOPICS + 1
    assert state.topics.received == MAX_TOPICS * 3
    assert isinstance(Topics().of("tasks").rate.length, int)


def test_an_unreadable_event_is_kept_counted_and_stops_nothing() -> None:
    state = folded(raw_arrival("agents", b"\x00nonsense"), beat())
    assert [event.readable for event in state.log] == [False, True]
    assert state.log[0].raw == b"\x00nonsense"
    assert (state.unreadable, state.topics.by_name["agents"].unreadable) == (1, 1)
    assert len(state.workers.rows) == 1


def test_a_clock_far_ahead_does_not_date_what_happens_now() -> None:
    ahead = raw_arrival(
        "messages", {"type": "message.new", "timestamp": NOW + MAX_CLOCK_SKEW_S + 60}
    )
    state = folded(ahead)
    assert (state.log[0].timestamp, state.log[0].time_source) == (NOW, "received")


def test_the_log_is_bounded_by_bytes() -> None:
    state = SystemState(log_rows=1_000, log_bytes=10_000)
    state.fold([new(content="x" * 1_000) for _ in range(50)])
    assert state.log.weight <= 10_000
    assert len(state.log) < 10


def test_the_events_of_a_run_are_found_by_its_id() -> None:
    state = folded(task_arrival(), beat(), task_event("started"), task_event("started", NOW, "b"))
    assert [event.type for event in state.log.mentioning("a" * 32)] == [NAME, "task.started"]
    assert [event.type for event in state.log.mentioning("a" * 32, limit=1)] == ["task.started"]


def test_the_events_of_a_run_stand_in_the_order_in_which_they_happened() -> None:
    state = folded(
        task_event("succeeded", NOW + 2, run_s=1.0),
        task_event("started", NOW + 1),
        event_arrival("messages", "message.scored", {"task_id": "a" * 32}, NOW + 1.5),
        queued_event(NOW),
    )
    assert [event.type for event in state.log.mentioning("a" * 32)] == [
        "task.queued",
        "task.started",
        "message.scored",
        "task.succeeded",
    ]
