"""Tests of the generated benchmark traffic and of the throughput measurement."""

from benchmarks.fold import event_blocks
from benchmarks.publisher_process import Throughput
from benchmarks.traffic import BLOCK_SIZE, RUN_BLOCKS, RUNS_PER_BLOCK, Traffic
from pulse_desktop.model.run_state import RunState
from pulse_desktop.protocol.event import decode_event
from pulse_desktop.protocol.topics import TOPICS, topic_of
from pulse_desktop.state.system import SystemState


def test_generated_events_are_canonical_and_cover_all_topics() -> None:
    messages = event_blocks(1)
    assert len(messages) == BLOCK_SIZE
    decoded = [decode_event(topic_of(each.subject), each.payload, each.at) for each in messages]
    assert {event.topic for event in decoded} == set(TOPICS)
    assert not [event for event in decoded if event.problem]
    assert len({event.id for event in decoded}) == BLOCK_SIZE


def test_runs_end_run_blocks_after_they_start() -> None:
    state = SystemState()
    state.fold(event_blocks(RUN_BLOCKS + 1))
    ended = state.runs.counts[RunState.SUCCEEDED] + state.runs.counts[RunState.FAILED]
    assert ended >= RUNS_PER_BLOCK


def test_a_block_can_be_read_in_parts() -> None:
    traffic = Traffic(headers=True)
    first = traffic.take(10)
    assert traffic.left_in_block == BLOCK_SIZE - 10
    assert first.count(b"HPUB websocket.") == 10
    assert traffic.take(2 * BLOCK_SIZE).count(b"HPUB websocket.") == BLOCK_SIZE - 10


def test_throughput_counts_the_events_since_it_was_created() -> None:
    total = 5
    throughput = Throughput(lambda: total)
    assert throughput.update() == 0
    assert throughput.first_at == 0.0
    total = 9
    assert throughput.update() == throughput.received == 4
    assert throughput.first_at == throughput.last_at > 0
