"""Events in blocks are the same as before, at any position, and are found by the ids in them."""

import sys
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pulse_desktop.protocol.event import Event, decode_event, encode_event
from pulse_desktop.protocol.task_message import encode_task
from pulse_desktop.state.event_block import EventCodes, encode_block
from pulse_desktop.state.event_ids import id_hash
from pulse_desktop.state.event_log import EventLog
from pulse_desktop.state.event_search import EventSearch
from pulse_desktop.state.system import SystemState
from tests.unit.state.state_builders import NOW, event_message, heartbeat, task_message

IDS = ("a" * 32, "b" * 32, "order-17", 'quoted"', "günther")


def _event(number: int, type_: str, data: dict[str, Any]) -> Event:
    at = NOW + number
    raw = encode_event("tasks", type_, data, source=f"w{number % 3}@h:1", now=at)[1]
    return decode_event("tasks", raw, at + 0.5, number)


@st.composite
def events(draw: st.DrawFn) -> Event:
    """Draw an event of any shape: canonical, of another system, unreadable, or a task message."""
    number, task_id = draw(st.integers(0, 999)), draw(st.sampled_from(IDS))
    match draw(st.integers(0, 6)):
        case 0:
            return _event(number, "task.started", {"task_id": task_id})
        case 1:
            return _event(number, "worker.heartbeat", {"tasks": [{"task_id": task_id}]})
        case 2:
            return _event(number, "audit", {"target": task_id, "detail": f"n {number}"})
        case 3:
            event = decode_event("ingestion", b"\xff\x00 broken" * (number % 3), NOW, number)
            return msgspec.structs.replace(event, clock_offset_s=float(number))
        case 4:
            body = {"event": "x", "id": draw(st.text(max_size=300)), "timestamp": NOW}
            raw = msgspec.json.encode({**body, "task_id": task_id})
            return decode_event(f"topic{number % 5}", raw, NOW, number)
        case 5:
            raw = encode_task(task_id, "m:f", labels={"rerun_of": IDS[number % 2]})[0]
            return Event("tasks", "m:f", NOW, "received", NOW, task_id, "", raw, number)
        case _:
            return _event(number, f"type{number}", {"note": task_id, "task_ids": [task_id, "q"]})


def finds(event: Event, task_id: str) -> bool:
    return task_id.encode() in event.raw and event.type != "worker.heartbeat"


@settings(deadline=None)
@given(st.lists(events(), min_size=1, max_size=40), st.sampled_from(IDS))
def test_a_block_gives_back_its_events(packed: list[Event], task_id: str) -> None:
    block = encode_block(7, packed, EventCodes())
    opened = block.open()
    assert opened.events(0, block.count) == packed
    assert [opened.type_of(index) for index in range(block.count)] == [e.type for e in packed]
    found = [index for index, event in enumerate(packed) if finds(event, task_id)]
    assert opened.mentioning(task_id.encode()) == found
    hashed = id_hash(task_id)
    if hashed is not None and any("note" not in packed[index].data() for index in found):
        assert block.may_mention(hashed)


def test_a_block_with_more_than_255_types_and_senders_keeps_them_all() -> None:
    many = [
        decode_event(
            f"topic{n}", encode_event("t", f"type{n}", {}, source=f"worker{n}", now=NOW)[1], NOW
        )
        for n in range(400)
    ]
    block = encode_block(0, many, EventCodes())
    assert block.open().events(0, 400) == many
    assert block.types.count(255) == 400 - 255


def test_an_id_that_no_event_has_opens_no_block() -> None:
    block = encode_block(0, [_event(1, "task.started", {"task_id": "a" * 32})], EventCodes())
    hashes = [id_hash(each) for each in ("a" * 32, "a" * 31, "b" * 32)]
    assert [block.may_mention(each) for each in hashes if each is not None] == [True, False, False]


def test_a_pickled_name_that_is_no_text_is_kept_readable() -> None:
    event = Event("tasks", "\ud800", NOW, "received", NOW, "\udfff", "", b"{}", 1)
    (kept,) = encode_block(0, [event], EventCodes()).open().events(0, 1)
    assert (kept.type, kept.id) == ("?", "?")


class EventLogMachine(RuleBasedStateMachine):
    """Applies the same operations to a log and to a dictionary of events by position."""

    @initialize(
        capacity=st.integers(1, 40),
        max_bytes=st.sampled_from([0, 0, 0, 30_000, 12_000]),
        recent=st.integers(1, 6),
        block_events=st.integers(1, 5),
    )
    def start(self, capacity: int, max_bytes: int, recent: int, block_events: int) -> None:
        self.log = EventLog(capacity, max_bytes, recent=recent, block_events=block_events)
        self.kept: dict[int, Event] = {}
        self.added = 0
        self.closed = False

    def follow_evictions(self) -> None:
        """Take over what the log evicted to stay within its bytes, which depends on compression."""
        gone = [position for position in self.kept if position < self.log.start]
        for position in gone:
            del self.kept[position]
            self.closed = True

    @rule(batch=st.lists(events(), min_size=1, max_size=12))
    def append(self, batch: list[Event]) -> None:
        for event in batch:
            position = self.log.append(event)
            assert position == self.log.stop - 1
            self.kept[position] = event
            self.added += 1
            self.follow_evictions()

    @rule(batch=st.lists(events(), min_size=1, max_size=12))
    def prepend(self, batch: list[Event]) -> None:
        for event in batch:
            self.added += 1
            position = self.log.prepend(event)
            if self.closed or len(self.kept) == self.log.capacity:
                assert position is None
            if position is None:
                self.closed = True
            else:
                assert position == self.log.start
                self.kept[position] = event

    @rule()
    def clear(self) -> None:
        self.log.clear()
        self.added -= len(self.kept)
        self.kept, self.closed = {}, False

    @rule(start=st.integers(-5, 50), length=st.integers(-1, 30))
    def span(self, start: int, length: int) -> None:
        start += self.log.start
        expected = [self.kept[p] for p in range(start, start + length) if p in self.kept]
        assert self.log.span(start, start + length) == expected
        for name in ("topic", "type", "source"):
            column = self.log.column(name)
            assert column is not None
            codes = column.codes(start, start + length)
            values = [getattr(event, name) for event in expected]
            assert [column.values[code] for code in codes] == values

    @rule(back=st.integers(0, 20), more=st.lists(events(), max_size=9))
    def snapshot(self, back: int, more: list[Event]) -> None:
        stop = self.log.stop - back
        rows = self.log.snapshot(stop)
        expected = [self.kept[p] for p in sorted(self.kept) if p < stop]
        if more:
            self.append(more)
        assert rows.span(rows.start, rows.stop) == expected
        assert [rows[position] for position in range(rows.start, rows.stop)] == expected

    @rule(task_id=st.sampled_from(IDS), skipped=st.integers(0, 5), left=st.integers(0, 5))
    def find(self, task_id: str, skipped: int, left: int) -> None:
        start, stop = self.log.start + skipped, self.log.stop - left
        found = list(self.log.mentions(task_id, start, stop))
        assert found == sorted(found, reverse=True)
        for position, type_ in found:
            assert start <= position < stop
            assert finds(self.kept[position], task_id)
            assert type_ == self.kept[position].type
        # Only ids in fields are found in blocks: a note is not one.
        in_fields = {
            position
            for position, event in self.kept.items()
            if start <= position < stop
            and finds(event, task_id)
            and not event.type.startswith("type")
        }
        assert in_fields <= {position for position, _type in found}

    def times_by_topic(self) -> list[tuple[float, str]]:
        column = self.log.column("topic")
        assert column is not None
        return [
            (at, column.values[code])
            for times, codes in self.log.times()
            for at, code in zip(memoryview(times).cast("d"), codes, strict=True)
        ]

    @invariant()
    def same(self) -> None:
        log, kept = self.log, self.kept
        first = min(kept, default=log.stop)
        assert (log.start, len(log)) == (first, len(kept))
        assert list(log) == [kept[p] for p in sorted(kept)]
        assert list(log.newest_first(3)) == [kept[p] for p in sorted(kept, reverse=True)[:3]]
        assert self.times_by_topic() == [(kept[p].timestamp, kept[p].topic) for p in sorted(kept)]
        assert len(log) <= log.capacity
        assert log.evicted + log.refused + len(log) == self.added
        assert log.takes_older == (not self.closed and len(kept) < log.capacity)
        if log.max_weight and len(log) > 1:
            assert log.weight <= log.max_weight
        if not kept:
            assert log.weight == 0
        for position in (first - 1, log.stop):
            with pytest.raises(IndexError):
                log[position]


TestEventLog = EventLogMachine.TestCase
TestEventLog.settings = settings(deadline=None, stateful_step_count=25)


def _memory(log: EventLog) -> int:
    """Return the bytes that the objects of a log take, as Python counts them."""
    size = 0
    for block in log._blocks:  # noqa: SLF001
        size += sys.getsizeof(block)
        size += sum(map(sys.getsizeof, msgspec.structs.astuple(block)))
    return size


def test_a_block_takes_the_memory_that_it_counts() -> None:
    log = EventLog(10_000, 0, recent=1)
    for number in range(5_120):
        log.append(_event(number, "task.started", {"task_id": f"{number:032x}"}))
    counted = sum(block.weight for block in log._blocks)  # noqa: SLF001
    assert _memory(log) == pytest.approx(counted, rel=0.1)
    assert counted / 5_120 < 150


def test_events_do_not_change() -> None:
    log = EventLog(10, 0)
    log.append(_event(0, "task.started", {}))
    with pytest.raises(TypeError):
        log.replace(0, log[0])


def test_a_run_is_found_among_older_events() -> None:
    state = SystemState()
    state.log = EventLog(1_000, 0, recent=1, block_events=4)
    state.fold(
        [
            task_message(),
            event_message("tasks", "task.started", {"task_id": "a" * 32}, NOW + 1),
            event_message("audit", "audit", {"action": "cancel", "target": "a" * 32}, NOW + 2),
            *[heartbeat(NOW + n, tasks=[{"task_id": "a" * 32}]) for n in range(20)],
            event_message("agents", "agent.started", {"task_id": "b" * 32}, NOW + 30),
        ]
    )
    search = EventSearch(state.log, "a" * 32)
    search.finish()
    types = [event.type for event in search.events()]
    assert types == ["score_message_task", "task.started", "audit"]
