"""Generate events of all seven topics as Pulse sends them, faster than any receiver can read.

A block of a thousand events is encoded once. Fields that differ each time (ids, times) have a
fixed width, so that the next block costs three replacements instead of a thousand encodings: the
publisher is never the bottleneck.
"""

import json
import random
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

BLOCK_SIZE: Final = 1_000
"""Events in a block."""

RUNS_PER_BLOCK: Final = 125
"""Task runs that start, and that end, in each block."""

RUN_BLOCKS: Final = 8
"""Blocks between the start of a run and its end."""

_NEW: Final = "<new-id>"  # same width as the hexadecimal number that replaces it
_OLD: Final = "<old-id>"
_TIME: Final = "<a time as long as ISO 8601 has>"
_WORKERS: Final = tuple(f"worker-{n}@host-{'abcd'[n % 4]}:{4100 + n}" for n in range(1, 25))
_TASKS: Final = (
    "ingest_messages",
    "score_message_task",
    "embed_messages_batch",
    "extract_knowledge",
)
_CHAT: Final = (
    "the consumer of the billing stream lags again since the deploy , restart or scale ? it was "
    "the index migration that held the lock for nine minutes and every retry made it worse"
)
_WORDS: Final = tuple(_CHAT.split())
_SEED: Final = 7


class Traffic:
    """An endless sequence of NATS publish commands.

    Attributes:
        share: fraction of the events per topic.
    """

    def __init__(self, *, headers: bool = True) -> None:
        """Encode the block.

        Args:
            headers: send the `Nats-Msg-Id` header, as workers do.
        """
        events = _events()
        topics = [topic for topic, _ in events]
        self.share = {topic: topics.count(topic) / len(topics) for topic in dict.fromkeys(topics)}
        command = _with_header if headers else _without_header
        commands = [command(topic.encode(), payload) for topic, payload in events]
        self._block = b"".join(commands)
        self._ends = [0]
        for written in commands:
            self._ends.append(self._ends[-1] + len(written))
        self._numbers = self._block_numbers()
        self._current = b""
        self._at = BLOCK_SIZE

    def take(self, count: int) -> bytes:
        """Return the commands for the next `count` events, at most to the end of the block."""
        if self._at == BLOCK_SIZE:
            self._current = self._next_block()
            self._at = 0
        begin, self._at = self._at, min(BLOCK_SIZE, self._at + count)
        return self._current[self._ends[begin] : self._ends[self._at]]

    @property
    def left_in_block(self) -> int:
        """Number of events that `take` can return at once."""
        return BLOCK_SIZE - self._at or BLOCK_SIZE

    def _next_block(self) -> bytes:
        number = next(self._numbers)
        return (
            self._block.replace(_NEW.encode(), b"%08x" % number)
            .replace(_OLD.encode(), b"%08x" % (number - RUN_BLOCKS))
            .replace(_TIME.encode(), _now().encode())
        )

    @staticmethod
    def _block_numbers() -> Iterator[int]:
        number = secrets.randbelow(1 << 31) + RUN_BLOCKS
        while True:
            yield number
            number += 1


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _without_header(topic: bytes, payload: bytes) -> bytes:
    return b"PUB websocket.%b %d\r\n%b\r\n" % (topic, len(payload), payload)


def _with_header(topic: bytes, payload: bytes) -> bytes:
    head = b"NATS/1.0\r\nNats-Msg-Id: %b\r\n\r\n" % payload[7:39]  # same width as the final id
    whole = len(head) + len(payload)
    return b"HPUB websocket.%b %d %d\r\n%b%b\r\n" % (topic, len(head), whole, head, payload)


def _events() -> list[tuple[str, bytes]]:
    """Return the events of a block, about 370 bytes each, in a plausible order."""
    rng = random.Random(_SEED)
    made: list[tuple[float, str, str, str, dict[str, Any]]] = []

    def add(at: float, topic: str, name: str, data: dict[str, Any], source: str = "") -> None:
        made.append((at, topic, name, source or rng.choice(_WORKERS), data))

    for number in range(RUNS_PER_BLOCK):
        _add_run(add, rng, number)
    for number in range(100):
        _add_message(add, rng, number)
    for number in range(75):
        _add_agent(add, rng, number)
    for number in range(80):
        _add_knowledge(add, rng, number)
    for number in range(60):
        _add_heartbeat(add, rng, _WORKERS[number % len(_WORKERS)])
    for number in range(30):
        add(rng.random(), "providers", "provider.checked", _provider(rng, number))
        add(rng.random(), "metrics", "metrics:update", _metrics(rng))
    made.sort(key=lambda event: event[0])
    if len(made) != BLOCK_SIZE:
        raise AssertionError(f"a block of {len(made)} events")
    return [
        (topic, _payload(number, topic, name, source, data))
        for number, (_, topic, name, source, data) in enumerate(made)
    ]


def _payload(number: int, topic: str, name: str, source: str, data: dict[str, Any]) -> bytes:
    body = {
        "id": f"0198f3a2{_NEW}7{number:015x}",
        "topic": topic,
        "type": name,
        "timestamp": _TIME,
        "source": source,
        "data": data,
    }
    return json.dumps(body, separators=(",", ":")).encode()


def _add_run(add: Any, rng: random.Random, number: int) -> None:
    """Add the start of a run, and the end of a run that started `RUN_BLOCKS` blocks before."""
    begins = {"task_id": f"{_NEW}{number:024x}", "task_name": _TASKS[number % len(_TASKS)]}
    ends = begins | {"task_id": f"{_OLD}{number:024x}"}
    worker = _WORKERS[number % len(_WORKERS)]
    labels = {"task_name": begins["task_name"]}
    request = {"args": [number, _text(rng, 3)], "kwargs": {"language": "uk"}, "labels": labels}
    held = {"worker": worker, "attempt": 1}
    add(rng.random() / 2, "tasks", "task.queued", begins | request | {"queued_at": _TIME})
    add(
        0.5 + rng.random() / 2,
        "tasks",
        "task.started",
        begins | held | {"queued_at": _TIME},
        worker,
    )
    if number % 5 == 0:
        progress = {"done": 40, "total": 100, "message": _text(rng, 6)}
        add(rng.random() / 2, "tasks", "task.progress", ends | held | progress, worker)
    ran = {"run_s": round(rng.uniform(0.01, 3.0), 3)}
    at = 0.5 + rng.random() / 2
    if number % 40 == 7:
        error = {"type": "ProviderTimeout", "message": _text(rng, 8), "traceback": ""}
        failed = {"max_attempts": 1, "will_retry": False, "error": error}
        add(at, "tasks", "task.failed", ends | held | ran | failed, worker)
    else:
        size = {"result_bytes": rng.randrange(80, 4000)}
        add(at, "tasks", "task.succeeded", ends | held | ran | size, worker)


def _add_message(add: Any, rng: random.Random, number: int) -> None:
    ids = {"id": f"{_NEW}{number:08x}", "external_message_id": f"tg-{_NEW}-{number}"}
    add(
        rng.random() / 3,
        "messages",
        "message.new",
        ids
        | {
            "content": _text(rng, 14),
            "author": f"author {number % 30}",
            "sent_at": _TIME,
            "source_name": "platform team",
        },
    )
    if number % 2:
        add(
            0.33 + rng.random() / 3,
            "messages",
            "message.updated",
            ids
            | {
                "author_id": number % 30,
                "author_name": f"Author {number % 30}",
                "source_id": 1,
                "source_name": "platform team",
                "persisted": True,
                "avatar_url": None,
            },
        )
    score = round(rng.random(), 3)
    kind = "noise" if score < 0.3 else "signal" if score > 0.6 else "weak_signal"
    factors = {"length": 0.4, "uniqueness": 0.7, "author_activity": 0.2, "question": 1.0}
    scored = {"importance_score": score, "classification": kind, "factors": factors}
    add(
        0.66 + rng.random() / 3,
        "messages",
        "message.scored",
        {"message_id": ids["id"]} | scored,
    )


def _add_agent(add: Any, rng: random.Random, number: int) -> None:
    call = {
        "agent": f"extractor-{number % 5}",
        "provider": "built-in",
        "model": "lexical-1",
        "task_id": f"{_NEW}{number:024x}",
    }
    used = {"items": 12, "tokens_in": 2841, "tokens_out": 316, "latency_s": 0.412, "error": None}
    add(rng.random() / 2, "agents", "agent.started", call | {"items": 12})
    add(0.5 + rng.random() / 2, "agents", "agent.finished", call | used)


def _add_knowledge(add: Any, rng: random.Random, number: int) -> None:
    extraction = {"extraction_id": f"{_NEW}{number:04x}", "task_id": f"{_NEW}{number:024x}"}
    kinds = ("problem", "solution", "decision", "question", "insight", "risk")
    if number % 8 == 0:
        name, data = "knowledge.extraction_started", {"message_count": 40, "agent_name": "lexical"}
    elif number % 8 == 1:
        name = "knowledge.topic_created"
        data = {"topic_id": f"{_NEW}{number:04x}", "topic_name": _text(rng, 3)}
    else:
        name = "knowledge.atom_created"
        data = {
            "atom_id": f"{_NEW}{number:04x}",
            "atom_title": _text(rng, 9),
            "atom_type": kinds[number % len(kinds)],
        }
    add(rng.random(), "knowledge", name, data | extraction)


def _add_heartbeat(add: Any, rng: random.Random, worker: str) -> None:
    name, _, rest = worker.partition("@")
    beat = {
        "worker": worker,
        "host": rest.partition(":")[0],
        "pid": int(rest.partition(":")[2]),
        "started_at": "2026-11-23T08:00:00.000000+00:00",
        "slots": 8,
        "busy": 1,
        "tasks": [f"{_NEW}{rng.randrange(RUNS_PER_BLOCK):024x}"],
        "cpu_percent": 38.2,
        "rss_bytes": 94_371_840,
        "broker": "jetstream",
        "version": "0.1.0",
    }
    add(rng.random(), "monitoring", "worker.heartbeat", beat, f"{name}@{rest}")


def _provider(rng: random.Random, number: int) -> dict[str, Any]:
    return {
        "provider": ("built-in", "ollama", "openai", "spare")[number % 4],
        "kind": "llm",
        "status": "connected",
        "latency_s": round(rng.uniform(0.01, 0.4), 4),
        "models": ["lexical-1", "hashing-384"],
        "error": None,
    }


def _metrics(rng: random.Random) -> dict[str, Any]:
    return {
        "topicQualityScore": round(rng.uniform(60, 90), 1),
        "noiseRatio": round(rng.uniform(0.1, 0.4), 3),
        "classificationAccuracy": None,
        "activeAnalysisRuns": 3,
        "trends": {"noiseRatio": {"direction": "down", "change": -2.4}},
        "sampleSize": 412,
    }


def _text(rng: random.Random, words: int) -> str:
    return " ".join(rng.choice(_WORDS) for _ in range(words))
