"""Messages read from history, newest first, give the state that folding all in order would give."""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pulse_desktop.model.run_state import RunState
from pulse_desktop.protocol.inbound import InboundMessage
from pulse_desktop.protocol.timestamps import format_timestamp
from pulse_desktop.state.series import Reservoir, TimeBuckets
from pulse_desktop.state.system import SystemState
from pulse_desktop.state.worker import WorkerHealth
from tests.unit.state.state_builders import (
    NOW,
    WORKER,
    event_message,
    heartbeat,
    raw_message,
    run_of,
    state_of,
    task_event,
    task_message,
)

Step = tuple[str, int, int]

ERRORS = ({"type": "ValueError", "message": "no", "traceback": "Traceback"}, {"type": "OSError"})
END = NOW + 1_000
EXAMPLES = settings().max_examples  # of the profile: more in make test-slow


def older(message: InboundMessage) -> InboundMessage:
    return msgspec.structs.replace(message, older=True)


def fold_newest_first(messages: Sequence[InboundMessage], count: int) -> SystemState:
    """Fold the newest messages in order, and then the others as history gives them."""
    split = len(messages) - count
    return state_of(*messages[split:], *map(older, reversed(messages[:split])))


# Messages of all kinds, about few things


def _task_event(kind: str, at: float, number: int, **fields: Any) -> InboundMessage:
    return task_event(kind, at, f"{number:032x}", task_name=f"m:f{number % 2}", **fields)


_AGENT = {"agent": "extractor", "model": "m"}
_MESSAGES: dict[str, Callable[[int, int, float], InboundMessage]] = {
    "task": lambda n, x, at: task_message(
        at, f"{n:032x}", name=f"m:f{n % 2}", _retries=str(x), rerun_of="r" * x
    ),
    "malformed task": lambda n, x, at: msgspec.structs.replace(
        task_message(at), payload=b"no task" * (n + x)
    ),
    "queued": lambda n, x, at: _task_event(
        "queued",
        at,
        n,
        args=[x],
        kwargs={},
        labels={"_retries": x},
        queued_at=format_timestamp(at),
    ),
    "started": lambda n, x, at: _task_event(
        "started", at, n, attempt=x + 1, max_attempts=3, worker=f"w{x}@h:{x}"
    ),
    "progress": lambda n, x, at: _task_event("progress", at, n, done=x, total=9),
    "succeeded": lambda n, x, at: _task_event("succeeded", at, n, attempt=x + 1, run_s=x + 0.25),
    "failed": lambda n, x, at: _task_event(
        "failed", at, n, attempt=x + 1, error=ERRORS[x % 2], will_retry=x == 1
    ),
    "cancelled": lambda n, x, at: _task_event("cancelled", at, n, attempt=x + 1),
    "heartbeat": lambda n, x, at: heartbeat(
        at, worker=f"w{n}@h:{n}", busy=x, cpu_percent=x / 2, catalogue={f"t{x}": {"doc": str(n)}}
    ),
    "worker stopped": lambda n, _, at: heartbeat(at, "worker.stopped", worker=f"w{n}@h:{n}"),
    "provider": lambda n, x, at: event_message(
        "providers",
        "provider.checked",
        {
            "provider": f"p{n}",
            "kind": ("", "llm", "embedding")[x],
            "status": ("connected", "error", "connected")[x],
            "latency_s": 0.1 * x,
        },
        at,
    ),
    "metrics": lambda n, x, at: event_message(
        "metrics", "metrics:update", {"noiseRatio": x / 3, f"other{n}": x}, at
    ),
    "agent started": lambda n, _, at: event_message(
        "agents", "agent.started", {**_AGENT, "task_id": f"{n}"}, at
    ),
    "agent finished": lambda n, x, at: event_message(
        "agents",
        ("agent.finished", "agent.failed", "agent.finished")[x],
        {**_AGENT, "task_id": f"{n}", "tokens_in": x, "tokens_out": 2 * x, "latency_s": 0.5},
        at,
    ),
    "message": lambda n, x, at: event_message(
        "messages",
        "message.new",
        {
            "external_message_id": f"tg-{n}",
            "id": "0",
            "content": ("", f"text {at}", None)[x],
            "author": ("", "Ann", "Bob")[x],
            "media_type": ("voice_message", None, None)[x],
            "task_id": ("", "t1", "t2")[x],
        },
        at,
    ),
    "message stored": lambda n, x, at: event_message(
        "messages",
        "message.updated",
        {
            "external_message_id": f"tg-{n}",
            "id": f"c.{n}",
            "content": (None, f"edited {at}", "")[x],
            "sent_at": (None, at - 5, None)[x],
            "task_id": ("", "t3", "t4")[x],
        },
        at,
    ),
    "message deleted": lambda n, x, at: event_message(
        "messages",
        "message.deleted",
        {"external_message_id": f"tg-{n}", "id": "" if x else f"c.{n}"},
        at,
    ),
    "message scored": lambda n, x, at: event_message(
        "messages",
        "message.scored",
        {
            "external_message_id": f"tg-{n}",
            "message_id": f"c.{n}",
            "importance_score": x / 2,
            "classification": ("noise", "weak_signal", "signal")[x],
            "factors": {"length": x},
            "task_id": ("", "t5", "t6")[x],
        },
        at,
    ),
    "atom": lambda n, x, at: event_message(
        "knowledge",
        "knowledge.atom_created",
        {"atom_id": f"a{n}", "atom_title": f"{x}", "atom_type": ("risk", "decision", "")[x]},
        at,
    ),
    "topic": lambda n, x, at: event_message(
        "knowledge", "knowledge.topic_created", {"topic_id": f"k{n}", "topic_name": f"{x}"}, at
    ),
    "version": lambda n, x, at: event_message(
        "knowledge", "knowledge.version_created", {"entity_id": f"k{n}", "version": x}, at
    ),
    "extraction started": lambda n, x, at: event_message(
        "knowledge",
        "knowledge.extraction_started",
        {"extraction_id": f"e{n}", "message_count": x},
        at,
    ),
    "extraction ended": lambda n, x, at: event_message(
        "knowledge",
        ("knowledge.extraction_completed", "knowledge.extraction_failed")[x % 2],
        {"extraction_id": f"e{n}", "atoms_created": x},
        at,
    ),
    "unreadable": lambda n, x, at: raw_message("tasks", b"\x00" * (n + x), at),
    "other topic": lambda n, x, at: raw_message(f"other{n}", {"type": f"x{x}"}, at),
}

STEPS = st.lists(
    st.tuples(st.sampled_from(sorted(_MESSAGES)), st.integers(0, 2), st.integers(0, 2)),
    max_size=25,
)


def messages_of(steps: Iterable[Step]) -> list[InboundMessage]:
    return [
        msgspec.structs.replace(_MESSAGES[kind](n, x, NOW + 7 * i), sequence=i + 1)
        for i, (kind, n, x) in enumerate(steps)
    ]


# What is compared


def _series(series: TimeBuckets) -> list[float]:
    return series.window(END)[1]


def _reservoirs(reservoirs: dict[str, Reservoir]) -> dict[str, list[tuple[float, float]]]:
    return {name: list(each.samples) for name, each in reservoirs.items()}


def described(state: SystemState) -> dict[str, Any]:
    """Return everything that a page shows, without the positions of the rows."""
    runs, workers, topics = state.runs, state.workers, state.topics
    return {
        **{
            each.name: sorted(map(repr, each.rows))
            for each in state.collections
            if each.name != "failure_groups"  # whether one has regressed depends on the order
        },
        "log in order": list(state.log),
        "counts": {name: count for name, count in runs.counts.items() if count},
        "ended": {name: values for name, s in runs.ended.items() if any(values := _series(s))},
        "groups": {
            group.id: (
                (group.count, group.first_seen, group.last_seen, sorted(group.tasks)),
                sorted(run.task_id for run in runs.failure_groups.runs_of(group.id)),
            )
            for group in runs.failure_groups.groups()
        },
        "busy": _reservoirs(workers.busy),
        "cpu": _reservoirs(workers.cpu),
        "schemas": sorted(map(repr, workers.task_schemas)),
        "latency": (_reservoirs(state.agents.latency), _reservoirs(state.providers.latency)),
        "agents": [_series(s) for s in (state.agents.failures, *state.agents.tokens.values())],
        "history": _reservoirs(state.metrics.history),
        "scored": [_series(s) for s in state.messages.scored.values()],
        "atoms": {name: _series(s) for name, s in state.knowledge.atoms.items()},
        "topics created": _series(state.knowledge.topics_created),
        "topics": {
            name: (each.received, each.unreadable, each.last_at, _series(each.rate))
            for name, each in topics.by_name.items()
        },
        "unreadable": state.unreadable,
        "formats": state.task_formats,
        "problem": state.task_problem,
    }


@st.composite
def _life_of_a_run(draw: st.DrawFn, number: int) -> list[Step]:
    """Draw the messages about one run that ends once, after up to two retries."""
    steps = draw(st.sampled_from([[("task", number, 0)], [], [("queued", number, 0)]]))
    attempt = 0
    while attempt < 2 and draw(st.booleans()):
        steps += [("started", number, attempt), ("failed", number, 1)] if attempt else []
        attempt += 1
    last = draw(st.sampled_from(["succeeded", "cancelled", "succeeded"]))
    return [*steps, ("started", number, attempt), (last, number, attempt)]


@settings(deadline=None, max_examples=EXAMPLES)
@given(STEPS, st.integers(0, 25))
@example([("message", 0, 1), ("message deleted", 0, 1), ("message scored", 0, 1)], 1)
@example([("extraction started", 0, 1), ("extraction started", 0, 2)], 0)
@example([("started", 0, 0), ("succeeded", 0, 0)], 1)
def test_history_read_backwards_gives_the_state_of_folding_all_in_order(
    steps: list[Step], count: int
) -> None:
    messages = messages_of(steps)
    backwards = fold_newest_first(messages, min(count, len(messages)))
    assert described(backwards) == described(state_of(*messages))


@settings(deadline=None, max_examples=EXAMPLES)
@given(st.data(), st.integers(0, 20))
def test_history_read_backwards_gives_the_same_measurements(
    data: st.DataObject, count: int
) -> None:
    lives = [data.draw(_life_of_a_run(number)) for number in range(3)]
    turns = data.draw(st.permutations([n for n, life in enumerate(lives) for _ in life]))
    messages = messages_of([lives[n].pop(0) for n in turns])
    in_order = state_of(*messages).runs
    backwards = fold_newest_first(messages, min(count, len(messages))).runs
    assert _reservoirs(backwards.durations) == _reservoirs(in_order.durations)
    assert list(backwards.waits.samples) == list(in_order.waits.samples)
    assert sum(len(each.samples) for each in in_order.durations.values()) >= len(
        [run for run in in_order.rows if run.state is RunState.SUCCEEDED]
    )


@settings(deadline=None, max_examples=EXAMPLES)
@given(STEPS, st.integers(0, 25), st.lists(st.integers(1, 9), max_size=25))
def test_folding_many_at_once_gives_the_state_of_folding_one_at_a_time(
    steps: list[Step], count: int, sizes: list[int]
) -> None:
    messages = messages_of(steps)
    split = len(messages) - min(count, len(messages))
    newer, history = messages[split:], [*map(older, reversed(messages[:split]))]
    mixed = [each for pair in zip(newer, history, strict=False) for each in pair]
    mixed += newer[len(history) :] + history[len(newer) :]
    one_at_a_time, at_once = (SystemState(log_rows=20, max_runs=2) for _ in range(2))
    for each in mixed:
        one_at_a_time.fold([each])
    rest = iter(mixed)
    for size in [*sizes, len(mixed)]:
        at_once.fold(islice(rest, size))
    assert described(at_once) == described(one_at_a_time)
    for mine, other in zip(at_once.collections, one_at_a_time.collections, strict=True):
        if mine.name != "failure_groups":  # `described` has them
            assert (mine.rows.start, list(mine.rows)) == (other.rows.start, list(other.rows))
    assert at_once.runs.in_order == one_at_a_time.runs.in_order


def test_an_old_heartbeat_makes_no_worker_alive_or_busy() -> None:
    state = state_of(heartbeat(NOW, "worker.stopped"), older(heartbeat(NOW - 60, busy=3)))
    (worker,) = state.workers.rows
    assert worker.health(NOW) is WorkerHealth.STOPPED
    assert not worker.busy
    state.fold([older(heartbeat(NOW - 3600, worker="other@host:1", busy=3))])
    assert [each.id for each in state.workers.online(NOW)] == []
    assert state.workers.busy[WORKER].samples[0][1] == 3


def test_a_run_that_ended_is_not_opened_by_its_older_start() -> None:
    state = state_of(
        task_event("succeeded", NOW, run_s=2.0),
        older(task_event("started", NOW - 2)),
        older(task_message(NOW - 5)),
    )
    run = run_of(state)
    assert (run.state, run.wait_s, run.last_seen) == (RunState.SUCCEEDED, 3.0, NOW + 0.01)
    assert [value for _, value in state.runs.waits.samples] == [3.0]


def test_what_there_is_no_room_for_is_counted() -> None:
    state = SystemState(log_rows=3, max_runs=2)
    state.fold(messages_of([("task", n % 3, 0) for n in range(3)]))
    state.fold(map(older, messages_of([("task", 4, 0), ("task", 5, 0)])))
    assert (state.log.evicted, state.log.refused) == (0, 2)
    assert (state.runs.rows.evicted, state.runs.rows.refused) == (1, 2)
    assert len(state.runs.rows) == sum(state.runs.counts.values()) == 2
