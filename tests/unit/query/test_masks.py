"""What columns and payloads tell of rows never contradicts the rows."""

import json
import random
from typing import Any

import pytest

from pulse_desktop.fields.event_fields import event_fields
from pulse_desktop.fields.run_fields import run_fields
from pulse_desktop.protocol.event import Event, decode_event
from pulse_desktop.query import Matcher, compile_query, parse
from pulse_desktop.query.dictionary_columns import NO, UNDECIDED, YES
from pulse_desktop.state.event_block import EventBlock, OpenBlock
from pulse_desktop.state.event_log import EventLog
from pulse_desktop.state.run import Attempt, AttemptResult, Request, RunError, TaskRun
from pulse_desktop.state.run_merge import derive_state
from pulse_desktop.state.task_runs import TaskRuns

WORDS = ("send", "Score", "звіт", "a\\b", 'say "x"', "straße", "x" * 200)
EVENT_QUERIES = (
    "topic:tasks",
    "topic!=tasks type:done",
    "source:w-1",
    "not source:*",
    "send",
    "ЗВІТ",
    '"a\\\\b"',
    "strasse",
    "звіт or topic:agents",
    "not (send or score)",
    "task:send topic:tasks",
    "unreadable:*",
    "type:17",
    "topic:tasks text:score -n>5",
    "n>2 n:..8",
    "task_name=send,звіт",
    "data:SCORE",
    "not data.task_name:send n=5",
    'task_name="straße"',
    "task_name=strasse or n:5",
    "score*done",
    "not Sc*RE",
    "*task*send*1*",
    "st*ss* or зв*т",
    "*",
    "n>5",
    "n=5",
    "not data.n>5",
    "n:2..4",
    "n:*",
    "n=5.0,7",
    "in.m>2",
    "in.m<-1",
    "in.m:2.5",
    "data.in.m>=100000000000000000000",
    "in.m:t*",
    "in.m=true",
    "in:2",
    "in.0>1",
    "m>2",
    "run:send/1",
    "run:Send-2,SEND-3",
    "run:17",
    'run:"\\ud800"',
    'data:"\\ud800" or n="\\udc00" or "\\ud800"',
    "not run:send/1",
    "run:send/1 or n>7",
    "topic:agents n>5",
    "topic:agents -n>5",
    "not (topic:agents n>5)",
    "topic:agents or n>5",
    "topic:agents or not (send n>5)",
    "topic:agents (source:w-2 or not (send or n>5))",
    "topic:nosuch n>5",
    "topic!=nosuch звіт",
)
RUN_QUERIES = (
    "state:failed",
    "state:failed,running worker:w-1",
    "task:send or task=score",
    "not task:*",
    "send",
    "w-2",
    "not (send or state:failed)",
    "state:failed error:ValueError",
    "state:succeeded or n>5",
    "-n>5 -send",
)


def event_of(rng: random.Random, number: int) -> Event:
    """Return an event of any kind."""
    body: dict[str, Any] = {
        "type": rng.choice(["task.done", "agent.done", "", f"type {rng.randrange(400)}"]),
        "source": rng.choice(["w-1@host:7", "w-2", ""]),
        "data": {"task_name": rng.choice(WORDS), "n": rng.randrange(10), "id": number},
    }
    m: Any = rng.choice(
        [1, 2.5, -3, 4e2, 10**20, -1e-9, True, None, "two", "2.5", [1, 3], {"m": 5}]
    )
    more: list[dict[str, Any]] = [{}, {"m": 7}, {"in": {"m": m}}, {"in": [m, 2]}]
    body |= rng.choice(more)
    body["data"] |= rng.choice(more)
    if rng.random() < 0.5:
        task_id = rng.choice(["send/1", "SEND/1", "\u017fend/1", "send-2", "Send-3", "17", 17])
        body["data"]["task_id"] = task_id
    if rng.random() < 0.1:
        body["type"] = "worker.heartbeat"
    raw = json.dumps(body, ensure_ascii=rng.random() < 0.3).encode()
    if rng.random() < 0.2:
        raw = raw.replace(b'"m":', rng.choice([b'"\\u006d":', b'"m" :\n']))
        raw = raw.replace(b"send/1", rng.choice([b"send\\/1", b"send\\u002f1", b"send/1"]))
    topic = rng.choice(["tasks", "agents", "чат"])
    return decode_event(topic, raw if rng.random() < 0.95 else b"\xff\x00", float(number))


def run_of(rng: random.Random, number: int) -> TaskRun:
    """Return a run in any state."""
    error = rng.choice([None, RunError("ValueError", rng.choice(WORDS))])
    result = AttemptResult(2.0, "failed" if error else "succeeded", error=error)
    attempt = Attempt(1, 1.0, f"w-{rng.randrange(3)}", rng.choice([None, result]))
    kwargs = json.dumps({"n": rng.randrange(10), "text": rng.choice(WORDS)}).encode()
    return derive_state(
        TaskRun(
            str(number),
            rng.choice(["", "send", "score", f"task {rng.randrange(400)}"]),
            rng.choice([None, Request(2, 0, "", b"[]", kwargs, b"{}")]),
            attempts=rng.choice([(), (attempt,)]),
            last_seen=float(number),
        )
    )


def check(matcher: Matcher[object], mask: bytes | None, rows: list[object]) -> None:
    """Check a mask against the rows."""
    if mask is None:
        return
    assert len(mask) == len(rows)
    for mark, row in zip(mask, rows, strict=True):
        assert mark in ((YES, UNDECIDED) if matcher.accepts(row) else (NO, UNDECIDED))


@pytest.mark.parametrize("seed", range(3))
def test_events(seed: int) -> None:
    rng = random.Random(seed)
    log = EventLog(500, 1 << 20, recent=40, block_events=16)
    for number in range(700):
        event = event_of(rng, number)
        if number < 100 and rng.random() < 0.5:
            log.prepend(event)
        else:
            log.append(event)
    masked = 0
    for text in EVENT_QUERIES:
        matcher = compile_query(parse(text), event_fields(), 1e9)
        for _ in range(6):
            start, stop = sorted(rng.sample(range(log.start, log.stop + 1), 2))
            mask = matcher.candidates(log, start, stop)
            masked += mask is not None
            check(matcher, mask, list(log.span(start, stop)))  # type: ignore[arg-type]
    assert masked > 40


@pytest.mark.parametrize("seed", range(3))
def test_runs(seed: int) -> None:
    rng = random.Random(seed)
    runs = TaskRuns(300)
    for number in range(500):
        runs.put(run_of(rng, number if number % 3 else rng.randrange(number + 1)))
    masked = 0
    for text in RUN_QUERIES:
        matcher = compile_query(parse(text), run_fields(), 1e9)
        for _ in range(4):
            start, stop = sorted(rng.sample(range(runs.rows.start, runs.rows.stop + 1), 2))
            mask = matcher.candidates(runs.columns, start, stop)
            masked += mask is not None
            check(matcher, mask, list(runs.rows.span(start, stop)))  # type: ignore[arg-type]
    assert masked > 20


def test_conditions_on_columns_alone_leave_nothing_open() -> None:
    rng = random.Random(1)
    runs = TaskRuns(300)
    for number in range(200):
        runs.put(run_of(rng, number))
    for text in ("state:failed", "not (state:failed or worker:w-1)", "state:running worker:w*"):
        matcher = compile_query(parse(text), run_fields(), 1e9)
        mask = matcher.candidates(runs.columns, 0, runs.rows.stop)
        assert mask is not None
        assert UNDECIDED not in mask
        assert list(map(bool, mask)) == list(map(matcher.accepts, runs.rows))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list to which the positions of the blocks that are decompressed are added."""
    positions: list[int] = []
    original = EventBlock.open

    def open_(block: EventBlock) -> OpenBlock:
        positions.append(block.first)
        return original(block)

    monkeypatch.setattr(EventBlock, "open", open_)
    return positions


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("topic:agents n>5", [16]),
        ("topic:agents score", [16]),
        ("topic:none (n>5 or score)", []),
        ("topic:tasks or n>5", [16]),
        ("run:ID-20", [16]),
        ("run:id-20,id-40", [16, 32]),
        ("not run:id-20", [16]),
        ("id-20", [0, 16, 32]),
        ("розбір", []),
        ("not розбір", []),
        ("розбір or n>40", [0, 16, 32]),
        ("розб*р", []),
        ("nosuch*text", [0, 16, 32]),
    ],
)
def test_only_blocks_that_may_hold_a_match_are_decompressed(
    text: str, blocks: list[int], opened: list[int]
) -> None:
    log = EventLog(500, 1 << 20, recent=1, block_events=16)
    for number in range(49):
        topic = "agents" if 16 <= number < 32 else "tasks"
        raw = json.dumps({"data": {"task_id": f"id-{number}", "n": number}}).encode()
        log.append(decode_event(topic, raw, float(number)))
    opened.clear()
    matcher = compile_query(parse(text), event_fields(), 1e9)
    mask = matcher.candidates(log, 0, 48)
    assert sorted(set(opened)) == blocks
    check(matcher, mask, list(log.span(0, 48)))  # type: ignore[arg-type]


def test_a_search_in_slices_decompresses_each_block_once(opened: list[int]) -> None:
    log = EventLog(500, 1 << 20, recent=1, block_events=16)
    for number in range(97):
        raw = json.dumps({"data": {"n": number, "word": "yes" if number % 3 else "no"}}).encode()
        log.append(decode_event("tasks", raw, float(number)))
    opened.clear()
    matcher = compile_query(parse("yes"), event_fields(), 1e9)
    masks: list[bytes | None] = []
    for stop in range(90, 0, -20):
        masks.insert(0, matcher.candidates(log, max(0, stop - 20), stop))
    assert opened == [80, 64, 48, 32, 16, 0]
    check(matcher, b"".join(filter(None, masks)), list(log.span(0, 90)))  # type: ignore[arg-type]
